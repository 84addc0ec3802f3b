"""Words: stems, numbers in words, and which members of a closed vocabulary a text asserts, denies or hedges; and in which order in time.

No model and no dictionary: rules for endings, a table of the irregular forms that action labels are made of, and short lists of small words.
"""
import re
from collections import Counter
from functools import lru_cache
from itertools import accumulate, product
from typing import Any, NamedTuple

from lib.thesaurus import OPPOSITE_PAIRS


class Found(NamedTuple):
    value: Any
    why: str = ""
    missing: bool = False


# Irregular forms, the base form last; a word not listed is stemmed by rule. Also spellings and plain synonyms that no vocabulary tells apart.
IRREGULAR = {form: words.split()[-1] for words in """rode ridden ride|ran run|threw thrown throw|swam swum swim|sat sit|drove driven drive|wrote written write|
ate eaten eat|beaten beat|rung ring|sewn sew|sown sow|sawn saw|mown mow|shown show|forgot forgotten forget|knew known know|understood understand|heard hear|told tell|found find|felt feel|thought think|spat spit|lent lend|burnt burn|spilt spill|learnt learn|drank drunk drink|fell fallen fall|flew flown fly|went gone goes going go|gave given give|took taken take|broke broken break|spoke spoken speak|
sang sung sing|stood stand|held hold|caught catch|bought buy|brought bring|taught teach|fought fight|built build|bent bend|sent send|spent spend|shot shoot|
slid slide|swung swing|spun spin|hung hang|dug dig|stuck stick|struck strike|swept sweep|slept asleep sleep|wept weep|kept keep|crept creep|leapt leap|knelt kneel|
fed feed|led lead|met meet|lit light|laid lay|lain lying lies lie|said says say|paid pay|made make|wore worn wear|tore torn tear|drew drawn draw|blew blown blow|
grew grown grow|shook shaken shake|woke woken wake|rose risen rise|hid hidden hide|bit bitten bite|chose chosen choose|froze frozen freeze|stole stolen steal|
wove woven weave|did done does doing do|was were is are am been being be|has had having have|lost lose|won win|sold sell|sank sunk sink|shrank shrunk shrink|
began begun begin|became become|came come|clung cling|flung fling|sprang sprung spring|tying ties tied tie|dying dies died die|disappearing disappeared disappears disappear vanish|
children kids kid child|men guy man|women lady woman|people persons someone somebody person|feet foot|teeth tooth|mice mouse|knives knife|leaf leaves leave|lives life|halves half|
shelves shelf|bicycle bicycles bike|motorcycle motorcycles motorbike|television televisions tv|couch couches sofa|automobile car|smartphone cellphone telephone phone|
fridge refrigerator|photograph photographs photo photos picture|airplane aeroplane plane|leftwards leftward left|rightwards rightward right|upwards upward ups up|
downwards downward downs down|colour colours colored coloured color|skis ski|grey gray|anticlockwise counterclockwise|switching switched switches switch turn|
shutting shuts shut closed closes closing close|identical alike same|distinct dissimilar differ|exit exits exited exiting leave|bigger larger larg big|clothing clothes|snowy snow|wooden wood|woolen woollen wool|golden gold|soms somersault|different differ""".replace("\n", "").split("|") for form in words.split()[:-1]}
OPTIONAL = frozenset("a an the some his her their its my your our this that these those of is are be on in at to with into onto from for by and or something someone somewhere".split())
PRONOUNS = frozenset("it them they he she him i we you who which".split())
BEING = frozenset("is are was were be been being am get gets got gotten getting becomes became".split())
PLACEHOLDERS = frozenset(("something", "someone", "somewhere"))


@lru_cache(maxsize=50_000)
def stem(word):
    """A word's stem: riding, rides, rode -> rid; running, ran -> run; tries -> tri. Both sides are stemmed, so it need not be a word."""
    word = IRREGULAR.get(word, word)
    if len(word) > 6 and word.endswith("ness"):
        word = word[:-4]
    if len(word) > 3 and not word.endswith(("ss", "eed")):
        for ending in ("ing", "ed", "es", "s"):
            left = word[: -len(ending)]
            if not word.endswith(ending) or len(left) < 2 or not re.search("[aeiouy]", left) or ending == "s" and left[-1] in "iu" or ending == "es" and not left.endswith(("s", "x",
                "z", "ch", "sh", "o", "i")):
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
    for a, b in (map(stem, pair.split()) for pair in pairs.replace("\n", "").split("|")):
        found.setdefault(a, set()).add(b)
        found.setdefault(b, set()).add(a)
    return found


# Particles and directions: what one of them says of an action the other denies. OPPOSITES adds verbs and qualities.
PARTICLES = """up down|on off|onto off|in out|into out|left right|over under|above below|forward backward|with without|before after|inside outside|front behind|top bottom|clockwise counterclockwise"""
ANTONYMS = opposites(PARTICLES)
OPPOSITES = opposites(PARTICLES + "|" + OPPOSITE_PAIRS)


# ---------------------------------------------------------------- numbers in words

ONES = {w: i for i, w in enumerate("zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen".split())}
ONES |= {w: 10 * i for i, w in enumerate("twenty thirty forty fifty sixty seventy eighty ninety".split(), 2)}
_WORD = "|".join([*ONES, "hundred", "thousand"])
SPELLED = re.compile(rf"\b(?:a )?(?:{_WORD})\b(?:[ -](?:and )?(?:{_WORD})\b){{0,8}}(?: point((?: (?:{'|'.join(list(ONES)[:10])})\b){{1,6}}))?")
PRONOUN = re.compile(r"\b(?:no|the|this|that|each|every|any|which|other|another) one\b|\bone (?:of|can|could|another|by|side|hand|end|would|may|might|must|sees?)\b")
IDIOMS = {"once": "1 times", "twice": "2 times", "thrice": "3 times", "half a dozen": "6", "a dozen": "12", "a pair of": "2", "a couple of": "2", "a single": "1",
          "minus": "-", "negative": "-", "three quarters": "0.75", "a quarter": "0.25", "one third": "0.333", "a third": "0.333", "two thirds": "0.667"}
IDIOM = re.compile(r"\b(?:once(?! (?:the|he|she|it|they))|twice|thrice|half a dozen|a dozen|a pair of|a couple of|a single|(?:minus|negative) (?=\d|[a-z]+(?: point| degrees|$))|(?:one"
                   r"|two) thirds?|three quarters|a quarter|a third(?= of|$))\b ?")
ORDINALS = {"first": 1, "second": 2, "third": 3, "fifth": 5, "eighth": 8, "ninth": 9, "twelfth": 12} | {re.sub("y$", "ie", w) + "th": i for w, i in ONES.items() if w not in ("one", "two", "three", "five", "eight", "nine", "twelve")}
ORDINALS |= {f"{ten}-{one}": 10 * i + ORDINALS[one] for i, ten in enumerate("twenty thirty forty fifty".split(), 2) for one in "first second third fourth fifth sixth seventh eighth ninth".split()}
ORDINAL = re.compile(rf"\b({'|'.join(sorted(ORDINALS, key=len, reverse=True))})(?= (?:(?:and|to|through|until) (?:the )?[a-z-]+ )?(?:seconds?|minutes?)\b)")
HALF = re.compile(r"(?<![\d.])(\d{1,9}) and a (half|quarter)\b")
MANY = re.compile(r"(?<![\d.])(\d{1,9}(?:\.\d{1,9})?) ?(thousand|million|k)\b")


def digits(text):
    """Lower-case text with its number words as digits: "twenty-five" -> 25, "two point five" -> 2.5, "twice" -> 2 times; "one" the pronoun stays."""
    def value(match):
        whole, _, fraction = match[0].partition(" point")
        total = part = 0
        for word in re.findall("[a-z]+", whole):
            if word == "hundred":
                part = max(part, 1) * 100
            elif word == "thousand":
                total, part = total + max(part, 1) * 1000, 0
            else:
                part += ONES.get(word, 0)
        return str(total + part) + ("." + "".join(str(ONES[w]) for w in fraction.split()) if fraction else "")
    text = ORDINAL.sub(lambda m: f"{ORDINALS[m[1]]}th", text.lower())
    text = PRONOUN.sub(lambda m: m[0].replace("one", "single-item"), text)
    text = IDIOM.sub(lambda m: IDIOMS[m[0].strip()] + ("" if m[0].strip() in ("minus", "negative") else " "), text)
    text = MANY.sub(lambda m: f"{float(m[1]) * (1e6 if m[2] == 'million' else 1000):.0f}", text)
    return HALF.sub(lambda m: f"{m[1]}.{'5' if m[2] == 'half' else '25'}", SPELLED.sub(value, text))


# ---------------------------------------------------------------- tokens, denial, hedges

# What was thought before looking again; the rest of that sentence up to its "but" is not asserted
IMPRESSION = re.compile(r"\b(?:(?:at first(?: glance| sight)?|initially)\b,? ?(?:[a-z]+ ){0,2}?(?:thought|think|thinks|look(?:s|ed)|seem(?:s|ed)?|appear(?:s|ed)|expect(?:s|ed)?|assumed|guess(?:ed)?|believed|suspected|took)"
                        r"|(?:i|we) (?:first|initially|originally) (?:thought|expected|assumed|guessed|believed|suspected)|(?:one|you) (?:might|may|could) (?:first |at first |initially )?(?:think|assume|expect|guess|believe|suspect))\b"
                        r"[^.;\n]*?(?=,? (?:but|yet|however)\b|[.;\n]|$)(?:; (?:that|this) (?:is|was) ruled out[^.;\n]*)?", re.I)

NOT_DENYING = re.compile(r"\b(?:not (?:only|just|merely|simply)|no (?:doubt|question)|without (?:a |any )?doubt|nothing (?:but|other than)|none other than|not (?:\w+ ){0,5}?(?:until|till|before)|(?:can|could|may) (?:clearly "
                         r"|also )?be (?:seen|observed|heard)|not to mention)\b", re.I)
DENYING = re.compile(r"\b(?:rather than|instead of|(?:as )?opposed to|other than|different from|far from|rul(?:e|es|ed|ing) out|absence of|lack of|no sign of|fail(?:s|ed)? to|(?:refus|declin|hesitat)(?:es?|ed|ing) to"
                     r"|unlike|unable to|unwilling to|except|cannot|excluding|neither|nor|never|without|nobody|no one|about to|hardly|barely|scarcely|rarely|seldom)\b|n't\b")
TOKEN = re.compile(r"\d+(?:\.\d+)?[a-z]*|[a-z]+|[;:!?,()\n]|\.(?=\W|$)|->|(?<= )-(?= )")
HARD, SOFT = frozenset((".", ";", "!", "?", "\n", "->")), frozenset((",", "(", ")", ":", "-"))
CONTRAST = frozenset(("but", "however", "yet", "rather", "instead"))
IDLE = frozenset(map(stem, "hold carry buy sell fix repair tune watch look wait own pour".split()))  # what one does with a thing without doing what it is for
LIGHT = frozenset(map(stem, "play do make have perform take prepare practice get go ride".split()))  # verbs whose object says the action
HEDGES = frozenset(map(stem, "might may could maybe perhaps possibly either whether unsure unclear uncertain resembles".split()))
UNREAL = frozenset(map(stem, "pretend fake feign mime almost nearly".split()))  # said of what does not quite happen
DENIED_AFTER = re.compile(r"^(?:is|are|was|can|could|does|do|has|have)? ?(?:be )?(?:not(?: (?:happening|what|shown|seen|present|occurring|correct|right|visible|supported|it|possible"
                          r"|likely|performed|depicted|be|the)| ?[.,;)\n]| ?$)"
                          r"|,? ?but (?:then )?(?:(?:he|she|it|they) )?(?:then )?(?:gives? up|gave up|fails?|failed|misses|missed|not)\b"
                          r"|(?:ruled|excluded|incorrect|wrong|unlikely|impossible|eliminated))")


IMPRESSED = re.compile(r"\b(?:first|initially|originally|might|may|could)\b", re.I)
OVERHEAD = re.compile(r"\b(?:over|above) (?:the|his|her|their) heads?\b")
PHONE = re.compile(r"\b(?:cell|mobile|smart)[ -]?phone")


def words_of(text):
    """Word and boundary tokens of a lower-case text, its ways of denying all written as "not"."""
    if "phone" in text:
        text = PHONE.sub("phone", text)
    if " head" in text:
        text = OVERHEAD.sub("overhead", text)
    if IMPRESSED.search(text):
        text = IMPRESSION.sub(" ", text)
    return TOKEN.findall(DENYING.sub(" not ", NOT_DENYING.sub(" ", text.replace("'s ", " "))))


DENIED_PART = re.compile(r"\bneither\b[^;.\n]*|(?:\b(?:not|never|fail(?:s|ed)? to)|(?<!with )\bno(?= (?!doubt|question|more|less|fewer|later|earlier|longer|idea|one\b|need)[a-z\d]+ [a-z\d])|\b(?:wrong|incorrect|false|untrue) to (?:say|claim) that|\brather than|\binstead of|\bas opposed to|\bunlike)\b (?:[^;\n]{1,80}?,? but (?:rather |instead )?|(?:at |from |in |the |option "
                         r"|between )*(?:\[[^\]\n]*\]|\([^)\n]{3,60}\)|(?:(?! (?:while|because|so|until|though|although) | and (?!\d|[a-z]\b|at |from |to |in |\[|\())(?:[^,;:.)\n]|[.:](?=\d)))*))", re.I)
CONTRACTED = re.compile(r"(?:(?<=ca)n|n)'t\b", re.I)
DENIAL = re.compile(r"\b(?:not|no|never|fail\w*|wrong|incorrect|false|untrue|than|instead|opposed|unlike|neither|cannot)\b|n't\b", re.I)


def affirmed(text):
    """A text without what it denies: "not at 3 s but at 6 s" -> "at 6 s", "B, not A" -> "B"."""
    if IMPRESSED.search(text):
        text = IMPRESSION.sub(" ", text)
    return DENIED_PART.sub(" ", NOT_DENYING.sub(" ", CONTRACTED.sub(" not", text).replace("cannot", "can not"))) if DENIAL.search(text) else text


# ---------------------------------------------------------------- closed vocabularies

class Index(NamedTuple):
    anchors: dict  # stem -> the forms that need it
    frequency: dict  # stem -> in how many forms it is
    joined: frozenset  # one-word forms, which a text may write as two
    dressed: tuple  # names with parentheses, lower case, and what is left without them


class Form(NamedTuple):
    name: str
    needed: tuple  # the stems that must be said
    words: tuple  # the stems of all its words
    ordered: bool  # another member has the same stems in another order
    reach: int  # how far apart its words may be


class Mention(NamedTuple):
    name: str
    stance: str  # asserted, denied, hedged
    first: int
    last: int


def content(words):
    """The stems that carry a name's meaning: all but articles, pronouns and the prepositions one may change ("on a chair", "in a chair")."""
    return [stem(w) for w in words if w not in OPTIONAL] or [stem(w) for w in words]


def spoken(name, whole=False):
    """The word lists by which a class name may be said: without its parentheses (unless `whole`), either side of a slash or "or", two words as one."""
    name = name.lower() if whole or name.startswith("(") else re.sub(r"\([^()]{0,200}\)", " ", name.lower())
    parts = [[side for side in part.split("/") if len(side) > 1] or [part] for part in name.split()[:40]]
    said = [" ".join(choice) for choice, _ in zip(product(*parts), range(8))]
    said += [either + rest for form in said if (m := EITHER.match(form)) for either, rest in ((m[1], m[3] or ""), (m[2], m[3] or ""))]
    said = [[t for t in words_of(form) if t[0].isalnum()] for form in said]
    return [*said, ["".join(said[0])]] if len(said) == 1 and len(said[0]) == 2 else said


EITHER = re.compile(r"(\w+ing) or (\w+ing)( .*)?$")


def words_in(text):
    return re.findall(r"\d+(?:\.\d+)?[a-z]*|[a-z]+", text)


@lru_cache(maxsize=512)
def index(names, aliases=()):
    """A vocabulary made ready to search; `aliases` are pairs (other name, name). Small words count only where they tell two members apart."""
    bare = Counter(re.sub(r" ?\([^()]{0,200}\)", "", name) for name in names)
    said = [(name, words) for form, name in [*((n, n) for n in names), *aliases] for words in spoken(form, bare[re.sub(r" ?\([^()]{0,200}\)", "", form)] > 1)]
    owners, frequency = {}, {}
    for name, words in said:
        for key in {tuple(content(words)), tuple(sorted(content(words)))}:
            owners.setdefault(key, set()).add(name)
        for s in set(content(words)):
            frequency[s] = frequency.get(s, 0) + 1
    anchors = {}
    for name, words in said:
        needed = content(words)
        if len(owners[tuple(needed)]) > 1:
            needed = [stem(w) for w in words if w not in ("a", "an", "the", "some")]
        if needed:
            reach = len(words) - 1 if words[0][0].isdigit() else len(words) + 2 * (len(needed) > 1) + sum(w in PLACEHOLDERS for w in words)
            form = Form(name, tuple(needed), tuple(map(stem, words)), words[0][0].isdigit() or len(owners[tuple(sorted(content(words)))]) > 1, reach)
            forms = anchors.setdefault(min(needed, key=lambda s: (frequency.get(s, 9999), -len(s))), [])
            if form not in forms:
                forms.append(form)
    return Index(anchors, frequency, frozenset(form.needed[0] for forms in anchors.values() for form in forms if len(form.needed) == 1),
                 tuple((name.lower(), re.sub(r" ?\([^()]{0,200}\)", "", name.lower())) for name in names if " (" in name and bare[re.sub(r" ?\([^()]{0,200}\)", "", name)] == 1))


@lru_cache(maxsize=512)
def keywords(names):
    """An index of the words by which alone a member differs from others: "left" for "moving left" if there is a "moving right"."""
    frequency = index(names).frequency
    found = {}
    for name in names:
        stems = content(words_in(name.lower()))
        own = [s for s in stems[1:] if frequency.get(s) == 1]
        if len(own) == 1 and all(frequency.get(s, 0) > 1 for s in stems if s != own[0]):
            found[own[0]] = [Form(name, (own[0],), (own[0],), False, 1)]
    return Index(found, {}, frozenset(), ())


def mentions(tokens, vocabulary):
    """Where tokens say members of an index, longest first: "skiing" is not said by "water skiing" if that is a member too."""
    stems = [stem(t) for t in tokens]
    places = {}
    for i, s in enumerate(stems):
        places.setdefault(s, []).append(i)
    clause, hits = list(accumulate(t in HARD or t in (",", ":", "-") for t in tokens)), set()
    for anchor in places.keys() & vocabulary.anchors.keys():
        for form in vocabulary.anchors[anchor]:
            if len(form.needed) == 1 and len(form.words) == 1:
                hits.update((form, (i,)) for i in places[anchor])
            elif all(s in places for s in form.needed):
                hits.update((form, at) for i in places[anchor][:20] if (at := placed(form, i, tokens, stems, places, clause)))
    sets = {at: frozenset(at) for _, at in hits}
    kept = [(form, min(at), max(at)) for form, at in hits if not any(sets[at] < other for other in sets.values())]
    found = {Mention(form.name, stance(tokens, stems, first, last, form.words), first, last) for form, first, last in kept}
    return sorted(found, key=lambda m: (m.last, m.first, m.name, m.stance))


def placed(form, i, tokens, stems, places, clause):
    """Where a form's stems are around its anchor at i: near enough, in one clause, nothing there that says the opposite; or None."""
    own, here = form.needed.index(stems[i]), [[j for j in places[s] if clause[j] == clause[i]] for s in form.needed]
    if not all(here):
        return None
    at = [min(js, key=lambda j: abs(j - i) + 2 * ((j > i) != (k > own))) for k, js in enumerate(here)]  # rather in the form's own order
    if form.ordered:  # each next stem is looked for after the one before
        for k in range(1, len(at)):
            at[k] = next((j for j in here[k] if j > at[k - 1]), -1)
    first, last = min(at), max(at)
    if first < 0 or last - first > form.reach or len(set(at)) < len(set(form.needed)):
        return None
    if "and" in tokens[first: last] and list(at) != sorted(at) and "and" not in form.words:
        return None  # "the cat barks and the dog runs" is not "the dog barks"
    around = stems[first: last + 2]
    if any(opposite in around and opposite not in form.words for w in form.words for opposite in ANTONYMS.get(w, ())):
        if not any(tokens[j] in ("not", "from") for j in range(last, min(last + 2, len(tokens)))):
            return None
    return tuple(at)


def stance(tokens, stems, first, last, own=()):
    """Whether the words first..last are asserted, denied ("not running", "instead of running") or hedged; `own`: the words that make the mention."""
    for i in range(last - 1, max(-1, first - 10), -1):
        token = tokens[i]
        if token in HARD or token in CONTRAST:
            break
        if (token == "not" or token == "no" and i < first) and token not in own:
            return "denied"
        if token == "from" and i == last - 1 - (tokens[last - 1] == "the") and stems[last] in ANTONYMS and "from" not in own:
            return "denied"  # "from left to right" goes right
        if stems[i] in HEDGES:
            return "hedged"
        if stems[i] in UNREAL and stems[i] not in own:
            return "denied"
        if stems[i] in IDLE and (token[:4] != "look" or tokens[i + 1] == "at") and first - 3 <= i < first and stems[i] not in own and not {"and", "while", ","} & set(tokens[i: first]):
            return "denied"  # "carrying a skateboard" is not skateboarding
        if token in SOFT and i < first and "or" not in tokens[i: first] and "or" not in tokens[last: last + 3]:
            break
    return "denied" if DENIED_AFTER.match(" ".join(tokens[last + 1: last + 5])) else "asserted"


# ---------------------------------------------------------------- the one member asserted

def member(text, vocabulary, aliases=()):
    """The one member of a vocabulary that a text asserts: by its words in any inflection, by a word it alone has, or one letter off."""
    known, text = index(vocabulary, aliases), text.lower()
    for full, bare in known.dressed:
        text = text.replace(full, bare)
    tokens = words_of(text)
    found = mentions(tokens, known) or by_keyword(tokens, vocabulary) or mentions(respelled(tokens, known), known) or mentions(in_other_words(tokens, known), known)
    asserted = sorted({m.name for m in found if m.stance == "asserted"})
    if len(asserted) == 1:
        return Found(asserted[0])
    if asserted:
        return Found(None, "several: " + ", ".join(asserted[:5]))
    if found:
        return Found(None, f"{found[-1].name} is {found[-1].stance}")
    return Found(None, "nothing of the vocabulary", True)


GENERIC = frozenset(map(stem, """go move head shift travel drift slide come pass turn it he she they person man woman object shape thing ball circle square triangle car side frame screen direction video clip
toward towards across while through just clearly slowly quickly gradually answer there which not from""".split())) | frozenset(map(stem, OPTIONAL))


def by_keyword(tokens, vocabulary):
    """Mentions of words that a single member has, in a text of nothing else but general words: "it goes left" for "moving left"."""
    known = keywords(vocabulary)
    if all(stem(t) in GENERIC or stem(t) in known.anchors or not t.isalpha() for t in tokens):
        return mentions(tokens, known)
    return []


def respelled(tokens, known):
    """Tokens of six letters or more that are one slip away from a word of the vocabulary replaced by it, and two joined: "skate boarding"."""
    joined = [a + b if stem(a + b) in known.joined else a for a, b in zip(tokens, [*tokens[1:], ""])]
    return [t if len(t) < 6 or stem(t) in known.frequency else next((s for s in known.frequency if slip(stem(t), s)), t) for t in joined[:40]]


# Families of words of one meaning, for a text that names nothing of a vocabulary, and only where one member of the family alone is in it
SYNONYMS = {stem(word): frozenset(map(stem, family.split())) for family in ("fix repair mend", "cut slice chop dice", "clothes laundry garment", "suture stitch sew", "throw toss hurl", "run jog sprint", "jump leap",
            "wash rinse", "talk speak chat", "shout yell scream", "bike pushbike", "stone rock", "rug carpet", "lawn grass", "trash garbage rubbish", "dish plate", "photo snapshot", "baby infant toddler", "movie film",
            "hike trek", "weld solder", "pull drag tow haul", "lift raise hoist", "paint coat", "clean wipe scrub", "break smash shatter", "kiss smooch", "hug embrace cuddle", "coat jacket", "pan skillet", "stir mix whisk") for word in family.split()}
PEDALLING = frozenset(map(stem, ("cycling", "bicycling", "biking", "pedaling", "pedalling")))


def in_other_words(tokens, known):
    """Tokens with each word the vocabulary lacks replaced by the one of its family that it has: "repairing" by "fix", "cycling" by "ride bike"."""
    said = []
    for token in tokens[:60]:
        s = stem(token)
        mates = SYNONYMS.get(s, frozenset()) & known.frequency.keys() if s not in known.frequency else ()
        if s in PEDALLING and s not in known.frequency and "rid" in known.frequency and "bik" in known.frequency:
            said += ["ride"] if {"bike", "bicycle", "unicycle", "scooter", "tricycle"} & set(tokens) else ["ride", "bike"]
        elif s == "bik" and "rid" in map(stem, tokens) and not known.frequency.keys() & {"bik", "rid"} and (mates := PEDALLING & known.frequency.keys()):
            said.append(min(mates))
        else:
            said.append(min(mates) if len(mates) == 1 else token)
    return said


def slip(a, b):
    """Whether two stems of six letters or more with the same first letter differ in one letter more, less, other, or two swapped."""
    if min(len(a), len(b)) < 6 or abs(len(a) - len(b)) > 1 or a[0] != b[0] or a == b:
        return False
    i = next((i for i, (x, y) in enumerate(zip(a, b)) if x != y), min(len(a), len(b)))
    return a[i + 1:] == b[i + 1:] or a[i + 1:] == b[i:] or a[i:] == b[i + 1:] or a[i: i + 2] == b[i: i + 2][::-1] and a[i + 2:] == b[i + 2:]
