"""The demo's two worlds: short clips of one shape that moves, grows, changes its colour or blinks, and everything true about them.

The *source* world is where the demo's base model learned to see and to reason. The *target* world looks as if filmed by another camera (a
warm, bright cast, haze, noise) and has smaller shapes; of its training clips the loop knows only the labels. A bar along the bottom edge shows the
time, as a burnt-in time code would. Because the renderer knows every fact, a rationale can be checked for truth, which no real dataset
allows: see `is_true`.
"""
import re

import cv2
import numpy as np

SECONDS, FPS, SIDE = 8, 4, 64  # a clip: 8 s at 4 frames a second, 64 x 64 pixels
COLORS = {"red": (230, 40, 40), "green": (40, 200, 60), "blue": (50, 80, 240), "yellow": (235, 220, 40), "white": (245, 245, 245), "purple": (170, 50, 210)}
SHAPES = ("circle", "square", "triangle")
MOTIONS = {"moving left": (-1, 0), "moving right": (1, 0), "moving up": (0, -1), "moving down": (0, 1), "growing": (0, 0), "shrinking": (0, 0)}
NOISE = np.random.default_rng(0).normal(size=1_000_003).astype(np.float32)
STEP = SIDE / 10  # positions and sizes are in tenths of the frame


def clip_facts(rng, world):
    """A random clip as its facts: what kind of event, and per second the shape's colour (or 'gone'), place and reach (half its width)."""
    reaches = (2, 3) if world == "source" else (1, 2, 2)
    event = str(rng.choice(["motion", "change", "blink"], p=[0.3, 0.48, 0.22]))
    reach = int(rng.choice(reaches))
    x, y = (int(rng.integers(reach, 11 - reach)) for _ in range(2))
    color = str(rng.choice(list(COLORS)))
    facts = {"event": event, "shape": str(rng.choice(SHAPES)), "seconds": [color] * SECONDS, "first": [x, y, reach], "last": [x, y, reach]}
    if event == "motion":
        motion = str(rng.choice(list(MOTIONS)))
        dx, dy = MOTIONS[motion]
        if dx or dy:
            low, high = reach, 10 - reach
            length = int(rng.integers(min(4, high - low), high - low + 1))
            start = int(rng.integers(low, high - length + 1))
            first, last = (start, start + length) if dx + dy > 0 else (start + length, start)
            facts["first"], facts["last"] = ([first, y, reach], [last, y, reach]) if dx else ([x, first, reach], [x, last, reach])
        else:
            x, y = (int(rng.integers(3, 8)) for _ in range(2))
            small, large = (1, 3) if world == "source" or rng.random() < 0.5 else (1, 2)
            facts["first"], facts["last"] = ([x, y, small], [x, y, large])[:: 1 if motion == "growing" else -1]
        facts["motion"] = motion
    elif event == "change":
        colors = [str(c) for c in rng.choice(list(COLORS), size=rng.integers(2, 4), replace=False)]
        cuts = sorted(rng.choice([2, 4, 6] if len(colors) == 3 else [2, 3, 4, 5, 6], size=len(colors) - 1, replace=False).tolist())
        if len(colors) == 3:  # shift one cut by a second where every colour keeps two seconds
            cuts[1] = min(max(cuts[1] + int(rng.integers(-1, 2)), cuts[0] + 2), 6)
        facts["seconds"] = [colors[sum(s >= c for c in cuts)] for s in range(SECONDS)]
        facts["colors"], facts["cuts"] = colors, [0, *cuts, SECONDS]
    else:
        times = int(rng.integers(1, 4))
        while True:  # separate seconds without the shape, never the first nor the last
            gone = sorted(rng.choice(np.arange(1, SECONDS - 1), size=times, replace=False).tolist())
            if all(b - a > 1 for a, b in zip(gone, gone[1:])):
                break
        facts["seconds"] = ["gone" if s in gone else color for s in range(SECONDS)]
        facts["gone"] = gone
    return facts


def look(rng, world):
    """The clip's appearance: background colour, how far the shape fades into it, noise (grey levels)."""
    if world == "source":
        return {"background": rng.integers(0, 50, 3), "fade": rng.uniform(0, 0.15), "noise": rng.uniform(0, 4)}
    return {"background": np.array([95, 67, 52]) + rng.integers(-10, 11, 3), "fade": rng.uniform(0.15, 0.25), "noise": rng.uniform(6, 10)}


def frame(facts, style, index, rng):
    """Frame `index` (0 to SECONDS * FPS - 1) of a clip: (SIDE, SIDE, 3) uint8 RGB."""
    background = np.asarray(style["background"], dtype=np.float32)
    picture = np.empty((SIDE, SIDE, 3), np.float32)
    picture[:] = background
    color, at = facts["seconds"][index // FPS], index / (SECONDS * FPS - 1)
    if color != "gone":
        paint = np.asarray(COLORS[color], dtype=np.float32) * (1 - style["fade"]) + background * style["fade"]
        x, y, reach = ((1 - at) * a + at * b for a, b in zip(facts["first"], facts["last"]))
        x, y, r = x * STEP, y * STEP, reach * STEP
        if facts["shape"] == "circle":
            cv2.circle(picture, (round(x * 16), round(y * 16)), round(r * 16), paint.tolist(), -1, cv2.LINE_AA, 4)
        else:
            corners = [(x - r, y - r), (x + r, y - r), (x + r, y + r), (x - r, y + r)] if facts["shape"] == "square" else [(x, y - r), (x + r, y + r), (x - r, y + r)]
            cv2.fillPoly(picture, [np.round(np.array(corners) * 16).astype(np.int32)], paint.tolist(), cv2.LINE_AA, 4)
    picture[-4:] = background * 0.5  # the time bar
    picture[-4:, : round((index + 1) * SIDE / (SECONDS * FPS))] = 255
    start = int(rng.integers(len(NOISE) - picture.size))  # a stretch of one fixed draw: fresh normal numbers would cost more than all the rest
    picture += style["noise"] * NOISE[start : start + picture.size].reshape(picture.shape)
    return picture.clip(0, 255).astype(np.uint8)


def write_clip(path, facts, style, rng):
    """Render a clip into an .mp4 file. Raises OSError where OpenCV cannot write it."""
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"mp4v"), FPS, (SIDE, SIDE))
    if not writer.isOpened():
        raise OSError(f"{path}: OpenCV cannot write an mp4v video here")
    for index in range(SECONDS * FPS):
        writer.write(cv2.cvtColor(frame(facts, style, index, rng), cv2.COLOR_RGB2BGR))
    writer.release()


def questions(facts):
    """The clip's questions as (name, question, labels, true reasoning): the labels go into the dataset, the reasoning only into the bound."""
    def place(when):
        x, y, reach = facts[when]
        return f"At {when} it is at x {x} y {y} reach {reach}."
    changes = {cut for cut in facts.get("cuts", ())[1:-1]}
    seconds = "Seconds: " + " ".join(f"{'then ' if s in changes else ''}{s} {what}" for s, what in enumerate(facts["seconds"])) + "."
    if facts["event"] == "motion":
        x, y, reach = facts["last"]
        return [("motion", "What is the shape doing?", [{"name": "motion", "kind": "class", "value": facts["motion"], "options": list(MOTIONS)}], f"{place('first')} {place('last')}"),
                ("place", "Where is the shape at the end?", [{"name": "place", "kind": "box", "value": [(x - reach) / 10, (y - reach) / 10, (x + reach) / 10, (y + reach) / 10]}], place("last"))]
    if facts["event"] == "change":
        which = len(facts["colors"]) // 2  # a colour with a beginning inside the clip
        return [("order", "Which colors does the shape show, in order?", [{"name": "order", "kind": "sequence", "value": facts["colors"], "options": list(COLORS)}], seconds),
                ("when", f"When is the shape {facts['colors'][which]}?", [{"name": "when", "kind": "interval", "value": [float(c) for c in facts["cuts"][which : which + 2]]}], seconds)]
    return [("blinks", "How many times does the shape vanish, and when first?", [{"name": "times", "kind": "number", "value": len(facts["gone"])},
             {"name": "first", "kind": "time", "value": float(facts["gone"][0])}], seconds)]


PLACE = re.compile(r"At (first|last) it is at x (\d+) y (\d+) reach (\d+)")
SECOND = re.compile(r"\b(\d) (gone|" + "|".join(COLORS) + r")\b")


def is_true(answer, facts):
    """Whether every fact an answer states before its final line is so: places and reach within a tenth of the frame, colours exactly.

    An answer that states none is not counted as true.
    """
    reasoning = answer.rsplit("Answer:", 1)[0]
    places = [(when, [int(v) for v in values]) for when, *values in PLACE.findall(reasoning)]
    seconds = [(int(s), what) for s, what in SECOND.findall(reasoning)]
    return bool(places or seconds) and all(abs(a - b) <= 1 for when, said in places for a, b in zip(said, facts[when])) and all(facts["seconds"][s] == what for s, what in seconds if s < SECONDS)
