"""The verifier as a reward: one score, the forms of five trainers, by name and by path, from threads."""

import importlib.util
import inspect
import json
import os
import pickle
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from types import ModuleType, SimpleNamespace

import pytest
from conftest import ROOT

from lib.tools import reward

PATH = ROOT / "lib/tools/reward.py"


def solution(*labels, **more):
    labels = [{"name": f"label{n}", **label} for n, label in enumerate(labels)]
    return json.dumps({"question": "What is shown?", "labels": labels, **more})


INTERVAL = solution({"kind": "interval", "value": [2.0, 6.0]}, duration=10.0)
NUMBER = solution({"kind": "number", "value": 40})
STEPS = solution({"kind": "sequence", "value": ["blue", "red"], "options": ["blue", "red", "green"]})
ACTION = solution({"kind": "class", "value": "running", "options": ["running", "walking"]})
SENTENCE = solution({"kind": "text", "value": "A man feeds a dog in the park."})
TWO = solution({"kind": "number", "value": 40}, {"kind": "boolean", "value": True})


@pytest.mark.parametrize(
    "text, wanted, expected, verdict",
    [
        ("Answer: 2 to 6 seconds", INTERVAL, 1.0, "correct"),
        ("Answer: 2 to 5 seconds", INTERVAL, 0.75, "correct"),
        ("Answer: 5 to 9 seconds", INTERVAL, 1 / 7, "wrong"),
        ("Answer: 30", NUMBER, 0.75, "wrong"),
        ("<think>Perhaps 40.</think>Answer: 30", NUMBER, 0.75, "wrong"),
        ("<think>Perhaps 40.", NUMBER, 0.0, "unfinished"),
        ("Answer: blue, then green", STEPS, 0.5, "wrong"),
        ("Answer: running", ACTION, 1.0, "correct"),
        ("Answer: running or walking", ACTION, 0.0, "unparsed|wrong"),
        ("He may be running, walking.", ACTION, 0.0, "unparsed|wrong"),
        ("I cannot see the video.", ACTION, 0.0, "degenerate|unparsed"),
        ("", ACTION, 0.0, "degenerate"),
        ("Answer: label0: 30; label1: yes", TWO, 0.75, "wrong"),
        ("Answer: label0: 40; label1: no", TWO, 0.0, "wrong"),
        ("Answer: label0: 40", TWO, 0.0, "wrong|unparsed"),
    ],
)
def test_a_score_is_as_near_as_the_answer(text, wanted, expected, verdict):
    result = reward.score(text, wanted)
    assert result["score"] == pytest.approx(expected, abs=1e-3) and result["verdict"] in verdict.split("|")
    assert result["holds"] == (result["verdict"] == "correct") and result["why"]


@pytest.mark.parametrize("wanted", ["yes", "{}", None, '{"labels": []}', '{"labels": [{"name": "x"}]}'])
def test_a_solution_of_another_form_is_said(wanted):
    with pytest.raises(ValueError, match="solution .*expected the JSON text that lib.tools.export"):
        reward.score("Answer: 3", wanted)


def test_trl_takes_texts_messages_and_rows_without_a_solution():
    noted, texts = {}, ["Answer: 30", "Answer: 40", "Answer: 40"]
    log = {"log_extra": noted.__setitem__, "log_metric": noted.__setitem__}
    wanted = [NUMBER, NUMBER, "42"]
    scores = reward.video_star(prompts=["?"] * 3, completions=texts, solution=wanted, **log, trainer_state=0)
    assert scores == [0.75, 1.0, None]
    assert noted["holds"] == 0.5 and "said 30.0, label 40" in noted["why"][0] and len(noted["why"]) == 3
    chats = [[{"role": "assistant", "content": text}] for text in texts[:2]]
    parts = [[{"role": "assistant", "content": [{"type": "text", "text": text}]}] for text in texts[:2]]
    for completions in (chats, parts):
        assert reward.video_star(completions, solution=[NUMBER] * 2) == [0.75, 1.0]
    assert reward.video_star(texts) == [None] * 3


def test_verl_easyr1_and_openrlhf_call_it_in_their_forms():
    asked = {"data_source": "video-star", "extra_info": {"index": 0}, "reward_router_address": "x"}
    result = reward.compute_score(solution_str="Answer: 30", ground_truth=NUMBER, **asked)
    assert result == {"score": 0.75, "acc": 0.0}
    inputs = [
        {"response": text, "response_length": 3, "ground_truth": NUMBER} for text in ("Answer: 40", "Hm.")
    ]
    assert reward.easyr1(inputs) == [
        {"overall": 1.0, "accuracy": 1.0, "format": 1.0},
        {"overall": 0.0, "accuracy": 0.0, "format": 0.0},
    ]
    prompt = "<|im_start|>user\nHow many? 40?<|im_end|>\n<|im_start|>assistant\n"
    rated = reward.reward_func([prompt + "Answer: 30<|im_end|>"], [prompt], [NUMBER])
    assert rated["rewards"].tolist() == rated["scores"].tolist() == [0.75]
    assert rated["extra_logs"]["holds"].tolist() == [0.0]
    with pytest.raises(ValueError, match="does not hold its prompt"):
        reward.reward_func(["Answer: 30"], ["How many?"], [NUMBER])


def by_path(name="custom_reward_fn"):
    """The module as verl and EasyR1 load it."""
    spec = importlib.util.spec_from_file_location(name, PATH)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_swift_finds_a_class_for_training_and_one_for_sampling(monkeypatch):
    swift, rewards = ModuleType("swift"), ModuleType("swift.rewards")
    rewards.ORM = type("ORM", (), {"__init__": lambda self, args=None, **more: setattr(self, "args", args)})
    rewards.orms = {}
    monkeypatch.setitem(sys.modules, "swift", swift)
    monkeypatch.setitem(sys.modules, "swift.rewards", rewards)
    by_path()
    train = rewards.orms["video_star"](args="config")
    assert isinstance(train, rewards.ORM) and train.args == "config"
    assert train(["Answer: 30"], solution=[NUMBER], trainer_state=0) == [0.75]
    # swift/pipelines/sampling/utils.py, get_reward
    sample = rewards.orms["video_star_sample"]()
    assert "ground_truths" in inspect.signature(sample.__call__).parameters
    turns = [{"role": "user", "content": "How many?"}, {"role": "assistant", "content": "Answer: 40"}]
    asked = [SimpleNamespace(messages=turns)]
    assert sample(asked, request_config=None, ground_truths=[NUMBER]) == [1.0]


def test_without_swift_nothing_is_registered():
    assert reward.VideoStar.__base__ is object and "swift" not in sys.modules
    assert reward.VideoStar()(["Answer: 30"], solution=[NUMBER]) == [0.75]


LOAD = f"""
import importlib.util, json, os, sys
spec = importlib.util.spec_from_file_location("custom_module", {str(PATH)!r})
module = importlib.util.module_from_spec(spec)
sys.modules["custom_module"] = module
spec.loader.exec_module(module)
print(module.compute_score(solution_str="Answer: 30", ground_truth={NUMBER!r}))
"""


def python(folder, program=LOAD, **environment):
    environment = {**os.environ, "PYTHONPATH": "", **environment}
    return subprocess.run(
        [sys.executable, "-c", program], cwd=folder, env=environment, text=True, capture_output=True
    )


def test_it_is_loaded_by_its_path_from_any_folder(tmp_path):
    (tmp_path / "lib").mkdir()  # a folder of that name is no package
    (tmp_path / "sitecustomize.py").write_text("")
    done = python(tmp_path)
    assert done.returncode == 0 and json.loads(done.stdout.replace("'", '"')) == {"score": 0.75, "acc": 0.0}


@pytest.mark.parametrize("file", ["lib/__init__.py", "lib.py"])
@pytest.mark.parametrize("before", ["", "import lib\n"])
def test_another_package_of_that_name_is_said(tmp_path, file, before):
    (tmp_path / file).parent.mkdir(exist_ok=True)
    (tmp_path / file).write_text("mine = 1\n")
    done = python(tmp_path, before + LOAD)
    assert done.returncode and f"in this process lib is {tmp_path / 'lib'}" in done.stderr
    # what others import stays theirs
    done = python(tmp_path, f"try: exec({LOAD!r})\nexcept ImportError: pass\nimport lib; print(lib.mine)")
    assert done.stdout == "1\n", done.stderr


def test_threads_get_what_one_after_the_other_get():
    texts = ["Answer: 2 to 5 seconds", "A dog is fed by a man.", "Answer: 30", "Someone gives a dog food."]
    wanted = [INTERVAL, SENTENCE, NUMBER, SENTENCE]
    cases = [(f"{text} {'So.' * (n % 5)}", gold) for n in range(12) for text, gold in zip(texts, wanted)]
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(reward.score, *zip(*cases)))
    from lib.verifier.embedding import ON_CPU

    ON_CPU.vectors.clear()
    assert together == [reward.score(*case) for case in cases]
    assert len({result["score"] for result in together}) > 4
    assert str(ON_CPU.model.device) == "cpu"


def test_every_form_can_be_pickled():
    for name in ("score", "video_star", "compute_score", "easyr1", "reward_func", "VideoStar"):
        assert pickle.loads(pickle.dumps(getattr(reward, name))) is getattr(reward, name)
    made = pickle.loads(pickle.dumps(reward.VideoStarSample()))
    assert made([{"messages": [{"content": "Answer: 40"}]}], ground_truths=[NUMBER]) == [1.0]


def test_trl_trains_a_tiny_text_model_by_it(tmp_path):
    trl, datasets = pytest.importorskip("trl"), pytest.importorskip("datasets")
    import torch
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast, Qwen2Config, Qwen2ForCausalLM

    names = ["<pad>", "<eos>", "How", "many?", "Answer:", *map(str, range(10))]
    words = Tokenizer(models.WordLevel({name: n for n, name in enumerate(names)}, unk_token="<pad>"))
    words.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=words, pad_token="<pad>", eos_token="<eos>")
    torch.manual_seed(0)
    sizes = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 1, "num_attention_heads": 2}
    tokens = {"vocab_size": len(names), "pad_token_id": 0, "eos_token_id": 1, "bos_token_id": None}
    model = Qwen2ForCausalLM(Qwen2Config(num_key_value_heads=2, **sizes, **tokens))
    wanted = solution({"kind": "number", "value": 4})
    rows = datasets.Dataset.from_list([{"prompt": "How many? Answer:", "solution": wanted}] * 64)
    steps = {"max_steps": 20, "logging_steps": 5, "learning_rate": 1e-2, "beta": 0.0}
    sampled = {"per_device_train_batch_size": 8, "num_generations": 8, "max_completion_length": 2}
    quiet = {"report_to": [], "save_strategy": "no", "use_cpu": True, "bf16": False}
    config = trl.GRPOConfig(output_dir=str(tmp_path), **steps, **sampled, **quiet)
    asked = {"model": model, "processing_class": tokenizer, "args": config, "train_dataset": rows}
    trainer = trl.GRPOTrainer(reward_funcs=reward.video_star, **asked)
    trainer.train()
    logs = [log for log in trainer.state.log_history if "reward" in log]
    assert logs[-1]["reward"] > logs[0]["reward"] + 0.1 and logs[-1]["holds"] > logs[0]["holds"]
