"""Words: stems of words, and the small words that carry no meaning of their own.

No dictionary: rules for endings and a table of the irregular forms that action labels are made of.
"""

import re
from functools import lru_cache
from typing import Any, NamedTuple

from lib.verifier.thesaurus import OPPOSITE_PAIRS


class Found(NamedTuple):
    """What a parser found: `value` None comes with a reason; `missing`: nothing of the kind is there."""

    value: Any
    why: str = ""
    missing: bool = False


# Irregular forms, the base form last; a word not listed is stemmed by rule. Also spellings and plain
# synonyms that no vocabulary tells apart.
FORMS = """
rode ridden ride|ran run|threw thrown throw|swam swum swim|sat sit|drove driven drive|wrote written write|
ate eaten eat|beaten beat|rung ring|sewn sew|sown sow|sawn saw|mown mow|shown show|forgot forgotten forget|
knew known know|understood understand|heard hear|told tell|found find|felt feel|thought think|spat spit|
lent lend|burnt burn|spilt spill|learnt learn|drank drunk drink|fell fallen fall|flew flown fly|
went gone goes going go|gave given give|took taken take|broke broken break|spoke spoken speak|
sang sung sing|stood stand|held hold|caught catch|bought buy|brought bring|taught teach|fought fight|
built build|bent bend|sent send|spent spend|shot shoot|slid slide|swung swing|spun spin|hung hang|dug dig|
stuck stick|struck strike|swept sweep|slept asleep sleep|wept weep|kept keep|crept creep|leapt leap|
knelt kneel|fed feed|led lead|met meet|lit light|laid lay|lain lying lies lie|said says say|paid pay|
made make|wore worn wear|tore torn tear|drew drawn draw|blew blown blow|grew grown grow|shook shaken shake|
woke woken wake|rose risen rise|hid hidden hide|bit bitten bite|chose chosen choose|froze frozen freeze|
stole stolen steal|wove woven weave|did done does doing do|was were is are am been being be|
has had having have|lost lose|won win|sold sell|sank sunk sink|shrank shrunk shrink|began begun begin|
became become|came come|clung cling|flung fling|sprang sprung spring|tying ties tied tie|
dying dies died die|disappearing disappeared disappears disappear vanish|children kids kid child|
men guy man|women lady woman|people persons someone somebody person|feet foot|teeth tooth|mice mouse|
knives knife|leaf leaves leave|lives life|halves half|shelves shelf|bicycle bicycles bike|
motorcycle motorcycles motorbike|television televisions tv|couch couches sofa|automobile car|
smartphone cellphone telephone phone|fridge refrigerator|photograph photographs photo photos picture|
airplane aeroplane plane|leftwards leftward left|rightwards rightward right|upwards upward ups up|
downwards downward downs down|colour colours colored coloured color|skis ski|grey gray|
anticlockwise counterclockwise|switching switched switches switch turn|
shutting shuts shut closed closes closing close|identical alike same|distinct dissimilar differ|
exit exits exited exiting leave|bigger larger larg big|clothing clothes|snowy snow|wooden wood|
woolen woollen wool|golden gold|soms somersault|different differ
"""
IRREGULAR = {form: family.split()[-1] for family in FORMS.split("|") for form in family.split()[:-1]}
# Words that a name may be said without
OPTIONAL = frozenset(
    """
    a an the some his her their its my your our this that these those of is are be on in at to with into
    onto from for by and or something someone somewhere
    """.split()
)
PRONOUNS = frozenset("it them they he she him i we you who which".split())
BEING = frozenset("is are was were be been being am get gets got gotten getting becomes became".split())
PLACEHOLDERS = frozenset(("something", "someone", "somewhere"))


@lru_cache(maxsize=50_000)
def stem(word):
    """A word's stem: riding, rides, rode -> rid; running, ran -> run; tries -> tri. Both sides are stemmed,
    so it need not be a word.
    """
    word = IRREGULAR.get(word, word)
    if len(word) > 6 and word.endswith("ness"):
        word = word[:-4]
    if len(word) > 3 and not word.endswith(("ss", "eed")):
        for ending in ("ing", "ed", "es", "s"):
            left = word[: -len(ending)]
            if (
                not word.endswith(ending)
                or len(left) < 2
                or not re.search("[aeiouy]", left)
                or ending == "s"
                and left[-1] in "iu"
                or ending == "es"
                and not left.endswith(("s", "x", "z", "ch", "sh", "o", "i"))
            ):
                continue
            word = IRREGULAR.get(left, left)
            break
        if len(word) > 3 and word[-1] == word[-2] and word[-1] not in "lsz":
            word = word[:-1]
    if len(word) > 2 and word.endswith("y") and word[-2] not in "aeiou":
        word = word[:-1] + "i"
    return word.rstrip("e") or word


def opposites(pairs):
    """{stem: the stems that say its opposite} of "a b|c d"."""
    found = {}
    for a, b in (map(stem, pair.split()) for pair in pairs.split("|")):
        found.setdefault(a, set()).add(b)
        found.setdefault(b, set()).add(a)
    return found


# Particles and directions: what one of them says of an action the other denies. OPPOSITES adds verbs and
# qualities.
PARTICLES = """
up down|on off|onto off|in out|into out|left right|over under|above below|forward backward|
with without|before after|inside outside|front behind|top bottom|clockwise counterclockwise
"""
ANTONYMS = opposites(PARTICLES)
OPPOSITES = opposites(PARTICLES + "|" + OPPOSITE_PAIRS)
# What one does with a thing without doing what it is for
IDLE = frozenset(map(stem, "hold carry buy sell fix repair tune watch look wait own pour".split()))
# Verbs whose object says the action
LIGHT = frozenset(map(stem, "play do make have perform take prepare practice get go ride".split()))


def content(words):
    """The stems that carry a name's meaning: all but articles, pronouns and the prepositions one may change
    ("on a chair", "in a chair").
    """
    return [stem(w) for w in words if w not in OPTIONAL] or [stem(w) for w in words]


def words_in(text):
    """The words and numbers of a lower-case text."""
    return re.findall(r"\d+(?:\.\d+)?[a-z]*|[a-z]+", text)
