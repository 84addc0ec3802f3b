"""Units of measured numbers: which one a number has, which one was asked for, and the one as the other."""

import re

# name -> (dimension, size in the dimension's own unit)
UNITS = {
    name: (dimension, size)
    for dimension, sizes in {
        "time": {"ms millisecond": 0.001, "s sec second": 1, "min minute": 60, "h hr hour": 3600},
        "length": {"mm millimeter millimetre": 0.001, "cm centimeter centimetre": 0.01}
        | {"m meter metre": 1, "km kilometer kilometre": 1000}
        | {"in inch inche": 0.0254, "ft foot feet": 0.3048, "yd yard": 0.9144, "mile mi": 1609.344},
        "mass": {"g gram": 0.001, "kg kilogram kilo": 1, "lb pound": 0.45359, "oz ounce": 0.02835},
        "volume": {"ml milliliter millilitre": 0.001, "l liter litre": 1},
        "speed": {"km/h kph kmh": 1, "mph": 1.609344, "m/s": 3.6},
        "frames": {"frame": 1},
        "rate": {"fps hz": 1},
        "pixels": {"px pixel": 1},
    }.items()
    for names, size in sizes.items()
    for name in names.split()
}
NAMES = "|".join(sorted(map(re.escape, UNITS), key=len, reverse=True))
# "3 cm", "3-second"; "in" and "m" only where no word goes on
BEHIND = re.compile(rf"[ -]?({NAMES})(?:s|es)?\b(?![/'])(?!(?<=\bin) \w)")
# "in cm", "how many meters"; a time only so: "how many seconds", not "the second half"
IN_QUESTION = re.compile(
    rf"\b(?:in|how many|of|number of) ({NAMES})(?:s|es)?\b"
    rf"|(?<![\w'/])((?:{'|'.join(n for n in UNITS if len(n) > 3 and UNITS[n][0] != 'time')})s?)(?![\w'/])"
)


def unit_behind(text, end):
    """The name of the unit that stands behind a number, or None."""
    found = BEHIND.match(text, end)
    return found[1] if found else None


def unit_asked(question):
    """The (dimension, size) of the unit that a lower-case question asks for ("in seconds", "how many cm"), or
    None.
    """
    found = IN_QUESTION.search(question)
    name = found and (found[1] or found[2])
    return UNITS.get(name) or UNITS.get(name.rstrip("s")) if name else None


def factor(unit, target):
    """By what a number with a unit is to be multiplied to be in the unit asked for; None where it is another
    kind of thing. A length that nobody asked a unit of counts as it is, a time or a frame does not.
    """
    dimension, size = UNITS[unit]
    if target is None:
        return None if dimension in ("time", "frames", "rate", "pixels") else 1.0
    return size / target[1] if dimension == target[0] else None
