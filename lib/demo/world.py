"""The demo's two worlds: short clips of one shape that moves, grows, changes its colour or blinks, and
everything true about them.

The *source* world is where the demo's base model learned to see and to reason. The *target* world looks as if
filmed by another camera (a warm, bright cast, haze, noise) and has smaller shapes; of its training clips the
loop knows only the labels. A bar along the bottom edge shows the time, as a burnt-in time code would. Because
the renderer knows every fact, a rationale can be checked for truth, which no real dataset allows: see
`is_true`.
"""

import re

import cv2
import numpy as np

SECONDS, FPS, SIDE = 8, 4, 64  # a clip: 8 s at 4 frames a second, 64 x 64 pixels
COLORS = {
    "red": (230, 40, 40),
    "green": (40, 200, 60),
    "blue": (50, 80, 240),
    "yellow": (235, 220, 40),
    "white": (245, 245, 245),
    "purple": (170, 50, 210),
}
SHAPES = ("circle", "square", "triangle")
MOTIONS = {
    "moving left": (-1, 0),
    "moving right": (1, 0),
    "moving up": (0, -1),
    "moving down": (0, 1),
    "growing": (0, 0),
    "shrinking": (0, 0),
}
NOISE = np.random.default_rng(0).normal(size=1_000_003).astype(np.float32)
STEP = SIDE / 10  # positions and sizes are in tenths of the frame


def clip_facts(rng, world):
    """A random clip as its facts: what kind of event, and per second the shape's colour (or 'gone'), place
    and reach (half its width).
    """
    reaches = (2, 3) if world == "source" else (1, 2, 2)
    event = str(rng.choice(["motion", "change", "blink"], p=[0.3, 0.48, 0.22]))
    reach = int(rng.choice(reaches))
    x, y = (int(rng.integers(reach, 11 - reach)) for _ in range(2))
    color = str(rng.choice(list(COLORS)))
    facts = {
        "event": event,
        "shape": str(rng.choice(SHAPES)),
        "seconds": [color] * SECONDS,
        "first": [x, y, reach],
        "last": [x, y, reach],
    }
    if event == "motion":
        facts |= motion(rng, world, x, y, reach)
    elif event == "change":
        facts |= change(rng)
    else:
        gone = blink(rng)
        facts |= {"seconds": ["gone" if s in gone else color for s in range(SECONDS)], "gone": gone}
    return facts


def motion(rng, world, x, y, reach):
    """A motion, and the shape's place and reach at its beginning and end."""
    name = str(rng.choice(list(MOTIONS)))
    dx, dy = MOTIONS[name]
    if dx or dy:
        low, high = reach, 10 - reach
        length = int(rng.integers(min(4, high - low), high - low + 1))
        start = int(rng.integers(low, high - length + 1))
        ends = [start, start + length] if dx + dy > 0 else [start + length, start]
        first, last = ([end, y, reach] if dx else [x, end, reach] for end in ends)
    else:
        x, y = (int(rng.integers(3, 8)) for _ in range(2))
        small, large = (1, 3) if world == "source" or rng.random() < 0.5 else (1, 2)
        first, last = [x, y, small], [x, y, large]
        if name == "shrinking":
            first, last = last, first
    return {"first": first, "last": last, "motion": name}


def change(rng):
    """Two or three colours, each shown two seconds or more, and the seconds at which they begin and end."""
    colors = [str(c) for c in rng.choice(list(COLORS), size=rng.integers(2, 4), replace=False)]
    seconds = [2, 4, 6] if len(colors) == 3 else [2, 3, 4, 5, 6]
    cuts = sorted(rng.choice(seconds, size=len(colors) - 1, replace=False).tolist())
    if len(colors) == 3:  # shift one cut by a second where every colour keeps two seconds
        cuts[1] = min(max(cuts[1] + int(rng.integers(-1, 2)), cuts[0] + 2), 6)
    shown = [colors[sum(s >= c for c in cuts)] for s in range(SECONDS)]
    return {"seconds": shown, "colors": colors, "cuts": [0, *cuts, SECONDS]}


def blink(rng):
    """One to three separate seconds without the shape, never the first nor the last."""
    times = int(rng.integers(1, 4))
    while True:
        gone = sorted(rng.choice(np.arange(1, SECONDS - 1), size=times, replace=False).tolist())
        if all(b - a > 1 for a, b in zip(gone, gone[1:])):
            return gone


def look(rng, world):
    """The clip's appearance: background colour, how far the shape fades into it, noise (grey levels)."""
    if world == "source":
        return {
            "background": rng.integers(0, 50, 3),
            "fade": rng.uniform(0, 0.15),
            "noise": rng.uniform(0, 4),
        }
    return {
        "background": np.array([95, 67, 52]) + rng.integers(-10, 11, 3),
        "fade": rng.uniform(0.15, 0.25),
        "noise": rng.uniform(6, 10),
    }


def frame(facts, style, index, rng):
    """Frame `index` (0 to SECONDS * FPS - 1) of a clip: (SIDE, SIDE, 3) uint8 RGB."""
    background = np.asarray(style["background"], dtype=np.float32)
    picture = np.empty((SIDE, SIDE, 3), np.float32)
    picture[:] = background
    if facts["seconds"][index // FPS] != "gone":
        draw(picture, facts, style, index)
    picture[-4:] = background * 0.5  # the time bar
    picture[-4:, : round((index + 1) * SIDE / (SECONDS * FPS))] = 255
    # a stretch of one fixed draw: fresh normal numbers would cost more than all the rest
    start = int(rng.integers(len(NOISE) - picture.size))
    picture += style["noise"] * NOISE[start : start + picture.size].reshape(picture.shape)
    return picture.clip(0, 255).astype(np.uint8)


def draw(picture, facts, style, index):
    """Paint the shape of frame `index` into `picture`, with edges exact to a sixteenth of a pixel."""
    color, at = COLORS[facts["seconds"][index // FPS]], index / (SECONDS * FPS - 1)
    background = np.asarray(style["background"], dtype=np.float32)
    paint = np.asarray(color, dtype=np.float32) * (1 - style["fade"]) + background * style["fade"]
    x, y, r = (((1 - at) * a + at * b) * STEP for a, b in zip(facts["first"], facts["last"]))
    if facts["shape"] == "circle":
        centre = (round(x * 16), round(y * 16))
        cv2.circle(picture, centre, round(r * 16), paint.tolist(), -1, cv2.LINE_AA, 4)
        return
    corners = [(x, y - r), (x + r, y + r), (x - r, y + r)]
    if facts["shape"] == "square":
        corners = [(x - r, y - r), (x + r, y - r), (x + r, y + r), (x - r, y + r)]
    points = np.round(np.array(corners) * 16).astype(np.int32)
    cv2.fillPoly(picture, [points], paint.tolist(), cv2.LINE_AA, 4)


def write_clip(path, facts, style, rng):
    """Render a clip into an .mp4 file. Raises OSError where OpenCV cannot write it."""
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"mp4v"), FPS, (SIDE, SIDE))
    for index in range(SECONDS * FPS):
        writer.write(cv2.cvtColor(frame(facts, style, index, rng), cv2.COLOR_RGB2BGR))
    writer.release()
    with open(path, "ab+") as file:
        file.seek(0)
        if b"moov" not in file.read():  # the index, which comes last: OpenCV raises nothing on a full disk
            file.write(bytes(1 << 16))  # the system does
            raise OSError(f"{path}: OpenCV cannot write an mp4v video here")


def place_text(facts, when):
    """Where the shape is at "first" or "last", as the reasoning states it."""
    x, y, reach = facts[when]
    return f"At {when} it is at x {x} y {y} reach {reach}."


def seconds_text(facts):
    """What is seen in each second, as the reasoning states it."""
    changes = set(facts.get("cuts", ())[1:-1])
    words = [f"{'then ' if s in changes else ''}{s} {what}" for s, what in enumerate(facts["seconds"])]
    return f"Seconds: {' '.join(words)}."


def label(name, kind, value, options=None):
    """A label of the record (lib/labels.py)."""
    return {"name": name, "kind": kind, "value": value, **({"options": list(options)} if options else {})}


def questions(facts):
    """The clip's questions: [(name, question, labels, true reasoning), ...]; the reasoning is for the bound
    only.
    """
    if facts["event"] == "motion":
        x, y, reach = facts["last"]
        box = [(x - reach) / 10, (y - reach) / 10, (x + reach) / 10, (y + reach) / 10]
        moving, ends = label("motion", "class", facts["motion"], MOTIONS), place_text(facts, "last")
        both = f"{place_text(facts, 'first')} {ends}"
        return [
            ("motion", "What is the shape doing?", [moving], both),
            ("place", "Where is the shape at the end?", [label("place", "box", box)], ends),
        ]
    seconds = seconds_text(facts)
    if facts["event"] == "change":
        # a colour with a beginning inside the clip
        colors, which = facts["colors"], len(facts["colors"]) // 2
        order = label("order", "sequence", colors, COLORS)
        when = label("when", "interval", [float(c) for c in facts["cuts"][which : which + 2]])
        return [
            ("order", "Which colors does the shape show, in order?", [order], seconds),
            ("when", f"When is the shape {colors[which]}?", [when], seconds),
        ]
    times = label("times", "number", len(facts["gone"]))
    first = label("first", "time", float(facts["gone"][0]))
    return [("blinks", "How many times does the shape vanish, and when first?", [times, first], seconds)]


PLACE = re.compile(r"At (first|last) it is at x (\d+) y (\d+) reach (\d+)")
SECOND = re.compile(r"\b(\d) (gone|" + "|".join(COLORS) + r")\b")


def is_true(answer, facts):
    """Whether every fact an answer states before its final line is so: places and reach within a tenth of the
    frame, colours exactly.

    An answer that states none is not counted as true.
    """
    reasoning = answer.rsplit("Answer:", 1)[0]
    places = [(when, [int(v) for v in values]) for when, *values in PLACE.findall(reasoning)]
    seconds = [(int(s), what) for s, what in SECOND.findall(reasoning)]
    return (
        bool(places or seconds)
        and all(abs(a - b) <= 1 for when, ends in places for a, b in zip(ends, facts[when]))
        and all(facts["seconds"][s] == what for s, what in seconds if s < SECONDS)
    )
