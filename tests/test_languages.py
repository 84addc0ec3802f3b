"""Chinese and Spanish answers, and labels of other scripts: what their signs say is read, and a denial, a
refusal or a leak is none the less one. The rules were mended with these cases: they are no measure.
"""

import json

import pytest
from conftest import sh
from test_video import coded_clip

from lib.verifier import verify_all

SPORTS, GAMES, OPTIONS = ["奔跑", "跳水", "游泳"], ["打篮球", "踢足球", "游泳"], ["a cat", "a dog", "a bird"]
DUCK, SPANISH, CHILD = ["猫", "狗", "鸟"], ["correr", "saltar", "nadar"], ["niño", "niña"]


def case(kind, value, answer, question="发生了什么？", origin="direct", duration=20.0, options=None):
    label = {"name": "it", "kind": kind, "value": value} | ({"options": options} if options else {})
    about = {"id": "x", "question": question, "duration": duration, "origin": origin}
    return {**about, "labels": [label], "answer": answer}


KEPT = [
    case("choice", "B", "答案：B", options=OPTIONS),
    case("choice", "B", "（B）", options=OPTIONS),
    case("choice", "B", "答案是B。", options=OPTIONS),
    case("choice", "B", "正确答案为B", options=OPTIONS),
    case("choice", "B", "选B", options=OPTIONS),
    case("choice", "B", "因此，选项B正确。", options=OPTIONS),
    case("choice", "B", "答案不是A，而是B。", options=OPTIONS),
    case("choice", "B", "答案：狗", options=DUCK),
    case("choice", "B", "La respuesta es B.", options=OPTIONS),
    case("choice", "B", "Respuesta: B", options=OPTIONS),
    case("choice", "B", "La respuesta correcta es la opción B.", options=OPTIONS),
    case("number", 3, "一共有3个人。", "有几个人？"),
    case("number", 3, "一共有三个人。", "有几个人？"),
    case("number", 12, "答案：十二", "有几个人？"),
    case("number", 25, "答案：二十五个", "有几个？"),
    case("number", 63, "得分是63分", "得分是多少？"),
    case("number", 3, "Hay 3 personas.", "¿Cuántas personas hay?"),
    case("number", 3, "Respuesta: 3", "¿Cuántas personas hay?"),
    case("number", 3, "Hay tres personas.", "¿Cuántas personas hay?"),
    case("number", 0, "没有人。", "有几个人？"),
    case("interval", [3, 7], "从3秒到7秒"),
    case("interval", [3, 7], "答案：3秒至7秒"),
    case("interval", [3, 7], "动作发生在第3秒到第7秒之间。"),
    case("interval", [3, 7], "答案：00:03 - 00:07"),
    case("interval", [3, 7], "答案：从第三秒到第七秒"),
    case("interval", [3, 7], "del segundo 3 al 7"),
    case("interval", [3, 7], "Respuesta: del segundo 3 al segundo 7"),
    case("interval", [3, 7], "Entre los 3 y los 7 segundos."),
    case("interval", [3, 7], "desde 3 s hasta 7 s"),
    case("interval", [3, 7], "De 3 a 7 segundos"),
    case("time", 5, "在第5秒"),
    case("time", 5, "答案：5秒"),
    case("time", 5, "en el segundo 5"),
    case("time", 65, "1分5秒", duration=100.0),
    case("boolean", True, "是的，门开着。", "门开着吗？"),
    case("boolean", True, "是", "门开着吗？"),
    case("boolean", False, "不是。", "门开着吗？"),
    case("boolean", False, "没有。", "他摔倒了吗？"),
    case("boolean", False, "答案：否", "门开着吗？"),
    case("boolean", True, "对。", "门开着吗？"),
    case("boolean", False, "不对", "门开着吗？"),
    case("boolean", False, "答案：错误", "门开着吗？"),
    case("boolean", True, "Sí.", "¿Está abierta?"),
    case("boolean", True, "sí, está abierta", "¿Está abierta?"),
    case("boolean", False, "No.", "¿Está abierta?"),
    case("boolean", False, "No, está cerrada.", "¿Está abierta?"),
    case("boolean", True, "Respuesta: sí", "¿Está abierta?"),
    case("class", "跳水", "他在跳水。", options=SPORTS),
    case("class", "跳水", "答案：跳水", options=SPORTS),
    case("class", "跳水", "跳水", options=SPORTS),
    case("class", "奔跑", "他在奔跑，不是跳水。", options=SPORTS),
    case("class", "saltar", "Respuesta: saltar", options=SPANISH),
    case("class", "saltar", "La respuesta es saltar.", options=SPANISH),
    case("class", "niño", "Es un niño.", options=CHILD),
    case("class", "跳水", "他站在跳台上，翻转后入水。\n答案：跳水", origin="rationalized", options=SPORTS),
    case("number", 3, "画面中可以看到3个人。\n答案：3", origin="rationalized"),
    case("class", "打篮球", "视频中的男孩正在打篮球。\n答案：打篮球", options=GAMES),
    case("class", "踢足球", "男孩并没有打篮球，而是在踢足球。", options=GAMES),
    case("class", "游泳", "<think>可能是踢足球？不，他在水里。</think>他在游泳。", options=GAMES),
    case("choice", "C", "我认为应该选C。", options=OPTIONS),
    case("choice", "C", "综上所述，答案选C", options=OPTIONS),
    case("choice", "C", "答案：C. a bird", options=OPTIONS),
    case("choice", "C", "**答案：C**", options=OPTIONS),
    case("number", 8, "视频里总共出现了8辆车。", "视频里有多少辆车？"),
    case("number", 8, "答案：8辆", "有多少辆车？"),
    case("number", 2, "他跳了两次。", "他跳了几次？"),
    case("number", 10, "答案是十。", "有几个？"),
    case("number", 20, "Hay veinte coches.", "¿Cuántos coches hay?"),
    case("number", 5, "En total hay cinco perros.", "¿Cuántos perros hay?"),
    case("interval", [12, 18], "该动作从第12秒开始，到第18秒结束。"),
    case("interval", [12, 18], "时间段为12s到18s。"),
    case("interval", [12, 18], "答案：12秒到18秒"),
    case("interval", [2, 6], "约从2.0秒至6.0秒"),
    case("interval", [12, 18], "El perro ladra desde el segundo 12 hasta el segundo 18."),
    case("interval", [12, 18], "Respuesta: de 12 a 18 segundos"),
    case("interval", [12, 18], "Respuesta: 12 - 18 segundos"),
    case("interval", [2, 6], "Entre el segundo 2 y el segundo 6."),
    case("time", 9, "大约在9秒的时候"),
    case("time", 9, "Ocurre en el segundo 9."),
    case("time", 9, "A los 9 segundos."),
    case("boolean", True, "答案：是", "门开着吗？"),
    case("boolean", False, "不，他没有摔倒。", "他摔倒了吗？"),
    case("boolean", True, "对，他摔倒了。", "他摔倒了吗？"),
    case("boolean", False, "答案：不是", "他摔倒了吗？"),
    case("boolean", True, "Sí, el hombre se cae.", "¿Se cae el hombre?"),
    case("boolean", False, "Respuesta: no", "¿Se cae el hombre?"),
    case(
        "class",
        "游泳",
        "他在水里划动手臂，因此可以得出结论。\n答案：游泳",
        origin="rationalized",
        options=GAMES,
    ),
    case(
        "class",
        "游泳",
        "根据视频中的水花可以判断他在游泳。\n答案：游泳",
        origin="rationalized",
        options=GAMES,
    ),
    case(
        "class", "游泳", "问题问的是他在做什么。他在水中。\n答案：游泳", origin="rationalized", options=GAMES
    ),
    case("class", "niña", "Se ve a una niña.", options=CHILD),
    case("class", "плавание", "Ответ: плавание", options=["бег", "плавание"]),
    case("class", "水泳", "答え：水泳", options=["水泳", "走る"]),
]
REJECTED = [
    case("choice", "A", "答案不是A，是B。", options=OPTIONS),
    case("choice", "A", "答案：A或B", options=OPTIONS),
    case("choice", "B", "答案：猫", options=DUCK),
    case("choice", "A", "No es A, sino B.", options=OPTIONS),
    case("number", 3, "答案：4", "有几个人？"),
    case("interval", [3, 7], "从10秒到17秒"),
    case("time", 5, "第15秒"),
    case("boolean", True, "不是", "门开着吗？"),
    case("boolean", False, "Sí", "¿Está abierta?"),
    case("class", "跳水", "他不在跳水。", options=SPORTS),
    case("class", "跳水", "他没有跳水。", options=SPORTS),
    case("class", "跳水", "他在奔跑，不是跳水。", options=SPORTS),
    case("class", "跳水", "可能是跳水。", options=SPORTS),
    case("class", "跳水", "奔跑、跳水或游泳", options=SPORTS),
    case("class", "saltar", "No va a saltar.", options=SPANISH),
    case("class", "niña", "Es un niño.", options=CHILD),
    case("class", "跳水", "根据给定的答案，他在跳水。\n答案：跳水", origin="rationalized", options=SPORTS),
    case("class", "跳水", "题目已经告诉我们答案是跳水。\n答案：跳水", origin="rationalized", options=SPORTS),
    case(
        "class", "跳水", "因为标签是跳水，所以答案是跳水。\n答案：跳水", origin="rationalized", options=SPORTS
    ),
    case("number", 3, "如提示所说，有3个人。\n答案：3", origin="rationalized"),
    case("number", 3, "已知答案为3。\n答案：3", origin="rationalized"),
    case("class", "跳水", "抱歉，我无法确定他是否在跳水。", options=SPORTS),
    case("class", "跳水", "无法判断。", options=SPORTS),
    case("number", 3, "我看不到视频，不能确定是否有3个人。", "有几个人？"),
    case("text", "他跳进水里", "我不知道他是不是跳进水里"),
    case("choice", "B", "无法从视频中判断是A还是B", options=OPTIONS),
    case("class", "saltar", "No puedo determinar si va a saltar.", options=SPANISH),
    case("class", "打篮球", "男孩并没有打篮球，而是在踢足球。", options=GAMES),
    case("class", "游泳", "这不是游泳", options=GAMES),
    case("choice", "A", "A和B都不对，所以选C。", options=OPTIONS),
    case("number", 7, "答案：6", "有几个？"),
    case("boolean", True, "答案：没有", "他摔倒了吗？"),
    case(
        "class",
        "游泳",
        "答案已经给出，是游泳，所以他在游泳。\n答案：游泳",
        origin="rationalized",
        options=GAMES,
    ),
    case("class", "游泳", "题干给出的答案是游泳。\n答案：游泳", origin="rationalized", options=GAMES),
    case(
        "class", "游泳", "用户说答案是游泳，所以我要解释。\n答案：游泳", origin="rationalized", options=GAMES
    ),
    case(
        "class",
        "游泳",
        "既然正确答案是游泳，那么他在水里。\n答案：游泳",
        origin="rationalized",
        options=GAMES,
    ),
    case("class", "游泳", "视频信息不足，无法回答。", options=GAMES),
    case("class", "游泳", "对不起，我不能确定他是否在游泳", options=GAMES),
    case("number", 3, "从视频中无法看出有3个人", "有几个人？"),
    case("class", "бег", "Ответ: плавание", options=["бег", "плавание"]),
]


@pytest.mark.parametrize("records, right", [(KEPT, True), (REJECTED, False)])
def test_answers_of_other_languages(records, right):
    results = verify_all(records, vocabulary={})
    wrong = [
        (record["answer"], result)
        for record, result in zip(records, results)
        if (result["verdict"] == "correct") != right
    ]
    assert not wrong


def test_01_says_once_that_labels_are_in_other_letters(tmp_path):
    coded_clip(tmp_path / "a.mp4", 30)
    kinds = (
        {"kind": "class", "value": "跳水"},
        {"kind": "class", "value": "dive"},
        {"kind": "text", "value": "他跳"},
    )
    rows = [
        {"id": str(n), "video": "a.mp4", "question": "?", "labels": [{"name": "it", **kind}]}
        for n, kind in enumerate(kinds)
    ]
    (tmp_path / "mine.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    done = sh("01_prepare.py", "--dataset", "jsonl", "--annotations", tmp_path / "mine.jsonl", "--check")
    said = (
        "labels in words beyond a to z (matched by their characters and by embedding alone): 2, the first at"
    )
    assert done.stdout.count(said) == 1
