"""Scores of free text: WUPS and the caption scores as the official code gives them, and retrieval's ranks."""

import importlib.util
import json
import sys

import numpy as np
import pytest
from conftest import ROOT, SHARED

from lib.benchmarks import zero_shot
from lib.benchmarks.caption_scores import bleu, cider, common_length, rouge_l, words_of
from lib.benchmarks.nextqa_oe import STOPWORDS
from lib.benchmarks.retrieval import Gallery, both_directions, ranks_of
from lib.benchmarks.wups import content_words, similarity, tagger, wups
from lib.captions import read_captions
from lib.records import StageError

SPEC = importlib.util.spec_from_file_location("evaluation", ROOT / "06_eval.py")
evaluation = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(evaluation)


def evaluate(monkeypatch, *arguments):
    """eval.json of `06_eval.py ARGUMENTS -o OUT`, run in this process."""
    out = next(str(b) for a, b in zip(arguments, arguments[1:]) if a == "-o")
    monkeypatch.setattr(sys, "argv", ["06_eval.py", *map(str, arguments)])
    evaluation.main()
    return json.loads(open(out).read())


def real(name):
    path = SHARED / "annotations" / name
    if not path.exists():
        pytest.skip(f"no real annotations at {path}")
    return path


# ---------------------------------------------------------------- WUPS


@pytest.mark.parametrize(
    "one,other,expected",
    [  # wordnet.synsets(one)[0].wup_similarity(wordnet.synsets(other)[0]) of NLTK 3.5
        ("baby", "dog", 0.6),
        ("walk", "run", 0.571429),
        ("clean", "get", 0.384615),
        ("play", "present", 0.333333),
        ("eat", "prevent", 0.4),
        ("heavy", "police", 0.133333),
        ("attract", "get", 0.111111),
        ("lean", "move", 0.285714),
        ("sit", "below", 0.5),  # a verb first: a root above both
        ("below", "sit", 0.0),  # an adverb first: none
        ("happy", "curious", 0.0),
        ("sit", "toy", 0.222222),
        ("toy", "sit", 0.0),
        ("qqq", "baby", 0.0),
        ("qqq", "qqq", 1.0),
    ],
)
def test_similarity_is_that_of_nltk_3_5(one, other, expected):
    assert similarity(one, other) == pytest.approx(expected, abs=1e-6)


def test_wups_skips_words_without_any_likeness_and_takes_the_worse_direction():
    assert wups(("baby", "qqq"), ("baby",)) == 1.0  # qqq is passed over
    assert wups(("baby",), ("dog",), 0.9) == pytest.approx(0.06)
    assert wups(("baby", "dog"), ("dog",)) == pytest.approx(0.6)
    assert wups((), ("dog",)) == 0.0


def test_an_irregular_form_and_a_stem_are_found():
    assert content_words("the geese were walking", STOPWORDS) == ("goose", "walk")


def test_nextqa_open_answers_published(tmp_path, monkeypatch):
    arguments = ["--benchmark", "nextqa-oe", "--questions", real("nextoe_val.csv"), "-o", tmp_path / "e.json"]
    predictions = real("nextoe_val_hga_predictions.json")
    result = evaluate(monkeypatch, *arguments, "--predictions", predictions)
    means = {name: row["mean"] for name, row in result["official"]["means"].items()}
    names = ("causal", "temporal", "descriptive")
    found = [means["WUPS"], *(means[f"WUPS, group: {name}"] for name in names), means["WUPS@0.9"]]
    official = [21.48, 14.76, 14.90, 46.60, 12.43]
    if tagger():
        assert found == official
    else:
        assert found == pytest.approx(official, abs=0.2) and "downloader" in result["official"]["tagger"]


def test_of_two_references_the_better_counts(tmp_path, monkeypatch):
    questions, more = tmp_path / "q.csv", tmp_path / "more.json"
    head = "video,frame_count,width,height,question,answer,qid,type\n"
    questions.write_text(head + "7,9,9,9,what is it,a dog,0,DO\n7,9,9,9,how many,two,1,DC\n")
    (tmp_path / "p.json").write_text(json.dumps({"7": {"0": "a baby", "1": "2"}}))
    more.write_text(json.dumps({"7": {"0": "baby", "1": "2"}}))
    arguments = ["--benchmark", "nextqa-oe", "--questions", questions, "--predictions", tmp_path / "p.json"]
    alone = evaluate(monkeypatch, *arguments, "-o", tmp_path / "e.json")["official"]["means"]
    both = evaluate(monkeypatch, *arguments, "--meta", more, "-o", tmp_path / "f.json")["official"]["means"]
    assert (alone["WUPS"]["mean"], both["WUPS"]["mean"]) == (30.0, 100.0)


# ---------------------------------------------------------------- captions


def test_words_are_those_of_stanfords_tokenizer():
    said = "It's a man's dog (a red-brown one), isn't it? \"Yes\" -- he said..."
    kept = "it 's a man 's dog -lrb- a red-brown one -rrb- is n't it yes he said"
    assert words_of(said) == tuple(kept.split())


def test_caption_scores_are_those_of_the_java_pipeline():
    """Each sentence of a video against its others: pycocoevalcap 1.2 with Java gave these."""
    videos = json.loads(real("activitynet_captions_slice.json").read_text()).values()
    videos = [[words_of(sentence) for sentence in video["sentences"]] for video in videos]
    pairs = [(each[n], each[:n] + each[n + 1 :]) for each in videos for n in range(len(each))]
    captions, references = zip(*pairs)
    assert len(captions) == 1693
    assert np.mean(cider(captions, references)) == pytest.approx(0.33236, abs=2e-5)
    assert bleu(captions, references) == pytest.approx([0.45241, 0.25579, 0.14907, 0.09167], abs=5e-5)
    assert np.mean(list(map(rouge_l, captions, references))) == pytest.approx(0.2955, abs=2e-5)


def test_a_lost_caption_scores_nothing_and_a_single_clip_has_no_cider():
    words = words_of("a dog runs in the park")
    assert cider([words], [[words]]) == [0.0]
    pair = cider([words, ()], [[words], [words_of("a red ball falls")]])
    assert pair[0] == pytest.approx(10) and pair[1] == 0
    assert rouge_l((), [words]) == 0 and rouge_l(words, [words]) == 1 and bleu([()], [[words]])[3] < 1e-6
    assert common_length("a b c d".split(), "b x d a".split()) == 2


@pytest.mark.parametrize(
    "name,content",
    [
        ("own.jsonl", '{"video": "a", "caption": "one"}\n{"video": "a", "captions": ["two"]}\n'),
        ("own.csv", "Video,Caption\na,one\na,two\n".replace("V", "v").replace("C", "c")),
        ("jsfusion.csv", "key,vid_key,video_id,sentence\nret0,msr1,a,one\nret1,msr2,a,two\n"),
        ("vatex.json", '[{"videoID": "a", "enCap": ["one", "two"], "chCap": ["x"]}]'),
        ("msvd.txt", "# licence\na one\na two\n"),
        (
            "msrvtt.json",
            '{"videos": [{"video_id": "a", "split": "test"}], '
            '"sentences": [{"video_id": "a", "caption": "one"}, {"video_id": "a", "caption": "two"}]}',
        ),
        (
            "coco.json",
            '{"images": [{"id": 3, "file_name": "a"}], '
            '"annotations": [{"image_id": 3, "caption": "one"}, {"image_id": 3, "caption": "two"}]}',
        ),
    ],
)
def test_caption_files_of_all_forms_are_read(tmp_path, name, content):
    (tmp_path / name).write_text(content)
    (clip,) = read_captions(tmp_path / name)
    assert (clip.video, clip.captions) == ("a", ["one", "two"])


@pytest.mark.parametrize(
    "line,said",
    [
        ('{"video": "a"}', "no caption"),
        ('{"video": "a", "caption": " "}', "not blank"),
        ('{"video": "a", "caption": 3}', "not blank"),
        ('{"video": "a", "caption": "x", "start": 3, "end": 2}', "not after"),
        ('{"video": "a", "caption": "x", "start": "now"}', "expected seconds"),
        ('{"id": "1", "video": "b", "caption": "x"}', "another clip"),
    ],
)
def test_a_bad_caption_names_its_line(tmp_path, line, said):
    path = tmp_path / "c.jsonl"
    path.write_text('{"id": "1", "video": "a", "caption": "x"}\n' + line + "\n")
    with pytest.raises(StageError, match=rf"c.jsonl:2: .*{said}"):
        read_captions(path)


@pytest.mark.parametrize(
    "content,said",
    [
        ({"v": {"timestamps": [[0, 1]], "sentences": ["a", "b"]}}, "v: found"),
        ({"v": {"timestamps": [5], "sentences": ["a"]}}, "the times 5"),
        ({"videos": [{"id": 1}], "sentences": ["x"]}, r"sentences\[0\]"),
        ({"videos": 3, "sentences": []}, r"videos\[0\]"),
        ({"images": [3], "annotations": []}, r"images\[0\]"),
    ],
)
def test_an_official_file_of_another_shape_is_one_error(tmp_path, content, said):
    (tmp_path / "c.json").write_text(json.dumps(content))
    with pytest.raises(StageError, match=said):
        read_captions(tmp_path / "c.json")


def test_activitynets_reversed_times_and_own_language_columns_are_read(tmp_path):
    assert sum(len(c.captions) for c in read_captions(real("activitynet_captions_slice.json"))) == 1693
    (tmp_path / "c.csv").write_text("video,caption,Language\na,hola,Spanish\n")
    assert read_captions(tmp_path / "c.csv")[0].captions == ["hola"]


def test_captions_are_scored_from_a_file(tmp_path, monkeypatch):
    clips = {"a": "a dog runs", "b": "a red ball falls", "c": "two men talk"}
    rows = [{"video": video, "caption": text} for video, text in clips.items()]
    (tmp_path / "q.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    results = [{"image_id": "a", "caption": "A dog runs."}, {"image_id": "b", "caption": "nothing"}]
    (tmp_path / "p.json").write_text(json.dumps(results))
    arguments = ["--benchmark", "caption", "--questions", tmp_path / "q.jsonl", "-o", tmp_path / "e.json"]
    result = evaluate(monkeypatch, *arguments, "--predictions", tmp_path / "p.json")
    means = result["official"]["means"]
    assert means["ROUGE-L"]["mean"] == pytest.approx(33.33)
    assert means["CIDEr"]["mean"] == pytest.approx(250)  # three words have no n-gram of four
    assert result["predictions"]["missing"] == 1 and result["official"]["references"] == 3


# ---------------------------------------------------------------- retrieval


def test_equal_similarities_give_chance_and_no_more():
    gallery = Gallery([f"v{n}" for n in range(100)], [{}] * 100, ["t"] * 100, np.arange(100))
    for ranks, ties in both_directions(np.ones((100, 100), np.float16), gallery).values():
        assert (ranks == 50.5).all() and (ties == 99).all()


def test_a_permuted_gallery_gives_the_same_ranks():
    rng = np.random.default_rng(0)
    similarities = rng.standard_normal((40, 10)).round(1)  # with ties
    video_of = np.repeat(np.arange(10), 4)
    order = rng.permutation(10)
    moved = np.argsort(order)[video_of]
    plain = both_directions(similarities, Gallery(list("abcdefghij"), [{}] * 10, [""] * 40, video_of))
    turned = both_directions(similarities[:, order], Gallery(list("abcdefghij"), [{}] * 10, [""] * 40, moved))
    assert (plain["text to video"][0] == turned["text to video"][0]).all()
    assert (plain["video to text"][0][order] == turned["video to text"][0]).all()


def test_of_several_right_candidates_the_best_counts():
    ranks, ties = ranks_of(np.array([[0.9, 0.8, 0.1, 0.8]]), np.array([[False, True, True, False]]))
    assert ranks.tolist() == [2.5] and ties.tolist() == [1]


def test_retrieval_is_scored_from_similarities_and_again_from_ranks(tmp_path, monkeypatch, capsys):
    rows = [{"video": video, "caption": f"{video} {n}"} for video in "abc" for n in range(2)]
    (tmp_path / "q.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    similarities = np.repeat(np.eye(3), 2, 0)
    similarities[0] = [0, 1, 0]
    np.save(tmp_path / "s.npy", similarities)
    np.savez(tmp_path / "t.npz", similarities=similarities[:, ::-1], videos=["c", "b", "a"])
    arguments = ["--benchmark", "retrieval", "--task", "own", "--questions", tmp_path / "q.jsonl"]
    first = evaluate(monkeypatch, *arguments, "--predictions", tmp_path / "s.npy", "-o", tmp_path / "e.json")
    forward = first["text to video"]
    assert forward["R@1"]["correct"] == 5 and forward["R@1"]["count"] == 6 and forward["median_rank"] == 1
    assert first["video to text"]["R@1"]["correct"] == 2  # a wrong text is as near to b as its own
    for other in (tmp_path / "t.npz", tmp_path / "ranks.jsonl"):
        more = ["--predictions", other, "--against", tmp_path / "s.npy", "-o", tmp_path / "f" / "e.json"]
        again = evaluate(monkeypatch, *arguments, *more)
        assert again["text to video"] == forward and again["against"]["text to video"]["gain"] == 0
    np.save(tmp_path / "s.npy", similarities[:4])
    with pytest.raises(StageError, match="similarities of 6 texts and 3 videos"):
        evaluate(monkeypatch, *arguments, "--predictions", tmp_path / "s.npy", "-o", tmp_path / "g.json")


@pytest.fixture
def three(tmp_path, monkeypatch):
    """run(name of a file of similarities, output) for captions of three videos."""
    rows = [{"video": video, "caption": video} for video in "abc"]
    (tmp_path / "q.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))

    def run(name, out="e.json", *more):
        arguments = ["--benchmark", "retrieval", "--task", "own", "--questions", tmp_path / "q.jsonl", *more]
        return evaluate(monkeypatch, *arguments, "--predictions", tmp_path / name, "-o", tmp_path / out)

    return run


@pytest.mark.parametrize(
    "name, content, said",
    [
        ("s.npy", b"", "s.npy: no array of numbers in NumPy's format"),
        ("s.npy", [["a"] * 3] * 3, "s.npy: an array of <U1, expected similarities as real numbers"),
        ("s.npy", [[1j] * 3] * 3, "s.npy: an array of complex128, expected"),
        ("s.npy", [[True] * 3] * 3, "s.npy: an array of bool, expected"),
        ("s.csv", b"1,0,0\n0,1,0\n0,0,1\n", "s.csv: no array of numbers in NumPy's format, expected sim"),
        ("s.npz", b"PK\x03\x04 cut off", "s.npz: no array of numbers"),
        ("gone.npy", None, "gone.npy: no such file$"),
        ("ranks.jsonl", b"[1]\n", r"ranks.jsonl:1: \[1\], expected a rank"),
        ("ranks.jsonl", b'{"id": [1], "direction": {}, "rank": 1}\n', "ranks.jsonl: not the ranks of these"),
        ("ranks.jsonl", b'{"id": "a", "rank": 1, "ties": "x"}\n', "ranks.jsonl:1: .*expected a rank"),
    ],
)
def test_what_holds_no_similarities_is_one_error(tmp_path, three, name, content, said):
    if isinstance(content, bytes):
        (tmp_path / name).write_bytes(content)
    elif content is not None:
        np.save(tmp_path / name, content)
    with pytest.raises(StageError, match=said) as error:
        three(name)
    assert "pickle" not in str(error.value)


def test_ranks_of_another_evaluation_stay(tmp_path, three, capsys):
    np.save(tmp_path / "s.npy", np.eye(3))
    np.save(tmp_path / "t.npy", np.ones((3, 3)))
    three("s.npy")
    assert f"{tmp_path}/e.json: retrieval own of {tmp_path}/s.npy\n" in capsys.readouterr().out
    kept = (tmp_path / "ranks.jsonl").read_text()
    with pytest.raises(StageError, match="ranks.jsonl: exists already, of another evaluation in this folder"):
        three("t.npy", "f.json")
    assert (tmp_path / "ranks.jsonl").read_text() == kept
    three("s.npy", "f.json")  # the same ranks
    three("t.npy", "g.json", "--overwrite")
    assert (tmp_path / "ranks.jsonl").read_text() != kept


# ---------------------------------------------------------------- zero-shot classes


def test_classes_are_ranked_from_similarities(tmp_path, monkeypatch):
    labels = {"a": "diving", "b": "waving", "c": "diving", "d": "jumping"}
    rows = "".join(f"{video},{label}\n" for video, label in labels.items())
    (tmp_path / "q.csv").write_text("video,label\n" + rows)
    right = np.array([[1, 0, 0, 0.5], [0, 0, 0, 0.9], [0, 1, 1, 0]])  # diving, jumping, waving
    np.save(tmp_path / "s.npy", right)
    arguments = ["--benchmark", "zero-shot-class", "--questions", tmp_path / "q.csv"]
    arguments += ["--predictions", tmp_path / "s.npy", "-o", tmp_path / "e.json"]
    result = evaluate(monkeypatch, *arguments, "--against", tmp_path / "s.npy")
    assert (result["top-1"]["correct"], result["top-5"]["correct"], result["classes"]) == (3, 4, 3)
    assert result["against"]["gain"] == 0
    np.save(tmp_path / "s.npy", np.ones((3, 4)))
    assert evaluate(monkeypatch, *arguments)["top-1"]["correct"] == 0  # all equal: nothing is nearest
    np.save(tmp_path / "s.npy", np.ones((2, 4)))
    with pytest.raises(StageError, match="similarities of 3 classes and 4 videos"):
        evaluate(monkeypatch, *arguments)


def test_kinetics_own_file_is_read_for_its_classes():
    gallery = zero_shot.load(real("kinetics-400_val_50.csv"))
    assert len(gallery.videos) == 50 and all(name.count("_") >= 2 for name in gallery.videos)
    assert len(gallery.texts) == gallery.wordings * len(gallery.classes)
