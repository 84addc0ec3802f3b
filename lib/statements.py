"""Statements: what a sentence affirms or denies of a question, which steps it names in which order in time, and whether two can both be true.

Built on the words of lib/words.py, no model: sentences are compared by their negations, opposites, verbs, and who does it to whom.
"""
import re
from typing import NamedTuple

from lib.words import IRREGULAR, LIGHT, PRONOUNS, OPPOSITES, OPTIONAL, Found, content, digits, index, mentions, stem, words_in, words_of

# ---------------------------------------------------------------- what was asked, affirmed or denied

YES = re.compile(r"^\W*(?:(?:yes|yeah|yep|true|affirmative|indeed|certainly|absolutely|definitely|of course|correct)\b(?! not)|right\W*$)")
NO = re.compile(r"^\W*(?:(?:certainly|definitely|absolutely|of course) not\b|no(?=\W*$| ?[.,;:!()]| -| (?:he|she|it|they|the|this|that|there|i)\b)|nope\b|false\b|incorrect\b|negative\b"
                r"|not (?:true|correct|really|at all)\b)")
INSIDE = re.compile(r"\b(?P<not>not |n't )?(?P<word>yes|no(?=\W*$|[.,;])|true|false|correct|incorrect)\b")
QUOTED = re.compile(r"\"|(?<!\w)'|'(?!\w)")
ELLIPSIS = re.compile(r"^\W*(?:it|he|she|they|there|this|that) (?:is|are|does|do|did|was|were|has|have|can|will)( ?n[o']t)?\W*$")
UNDECIDED = re.compile(r"\byes (?:and|or) no\b|\byes/no\b|\bnot sure\b|\bunsure\b|\b(?:maybe|perhaps|possibly|might|cannot|can't)\b(?! be true)")
NEITHER = Found(None, "neither yes nor no", True)
WHERE = re.compile(r"\b(?:at|in|by|during|of) the (?:very )?(?:end|start|beginning|middle|video|clip)(?: of the (?:video|clip))?", re.I)
CIRCUMSTANCE = re.compile(r"\b(?:during|while|throughout)\b.*")
PLACE = re.compile(r"(?<=\w) \b(?:on|in|at|onto|into|inside|behind|near|by) (?:the|a|an|his|her|their)\b.*")
PART = re.compile(r"[;:,.!\n]+| - |\b(?:but|so|while|although|though|because|since|who|which|whose|hence|thus|therefore)\b|\band (?=(?:he|she|it|they|then|does|do|did|is|are|no|nobody|nothing|never)\b)")
SMALL = frozenset(map(stem, "is do has can will there any you see video clip happen it them that two both execute perform position still anyone anybody someone somebody indeed clearly really certainly definitely".split())) | frozenset(map(stem, OPTIONAL)) - {"on", "in"}
WORN = re.compile(r"\b(?:has|have|had) ((?:[a-z]+ ){1,3})on(?= (?:his|her|their)\b|\W|$)(?! (?:the|a)\b)")
ANAPHORA = frozenset("it he she they this that these those".split())
NEGATIONS = frozenset(("not", "no", "none"))


def boolean(text, question=""):
    """True or False: a leading yes or no, one inside, or the question's own statement affirmed or denied. "Nothing" and "not sure" are neither."""
    low = QUOTED.sub(" ", text.lower()).strip()
    if UNDECIDED.search(low):
        return Found(None, "hedges")
    if YES.match(low) or NO.match(low):
        return Found(bool(YES.match(low)))
    said = {(m["word"] in ("yes", "true", "correct")) != bool(m["not"]) for m in INSIDE.finditer(low)}
    if said:
        return Found(said.pop()) if len(said) == 1 else Found(None, "says both")
    brief = ELLIPSIS.match(low)
    return Found(not brief[1]) if brief else stated(low, question)


def needed_of(asked):
    """The stems of a lower-case question that a statement must name."""
    return [s for s in map(stem, re.findall("[a-z]+", asked)) if s not in SMALL]


def stated(text, question):
    """A boolean from a statement of what was asked: "Is the door open?" with "the door is open", "it is not open", "closed", "no door is open".

    Each part of the text that names it counts; where none does, the whole text. Parts that disagree say nothing.
    """
    asked, text = question.lower(), WORN.sub(r"wears \1", text)
    if text.rstrip().endswith("?") or re.search(r"\b(?:what|which|who|how|when|where|why)\b", asked):
        return NEITHER
    full = needed_of(CIRCUMSTANCE.sub("", WHERE.sub("", asked)))
    brief = needed_of(PLACE.sub("", CIRCUMSTANCE.sub("", WHERE.sub("", asked))))
    anyone = bool(re.search(r"\b(?:any|some)(?:one|body)\b", asked))
    for parts in (PART.split(text), [text]):
        said = {value for part in parts if (value := holds(part, full, brief, anyone)) is not None}
        if said:
            return Found(said.pop()) if len(said) == 1 else Found(None, "says both")
    return NEITHER


def holds(part, full, brief, anyone):
    """Whether one part of a statement affirms or denies the stems asked for (`full`; `brief` without the place), or None if it is about something else."""
    tokens = words_of(part)
    stems = [stem(t) for t in tokens]
    if not full or not stems:
        return None
    said = set(stems)
    opposed = {s for s in full if s not in said and OPPOSITES.get(s, set()) & said}
    missing = [s for s in full if s not in said and s not in opposed and s not in OPTIONAL]
    if missing and not said - set(full) - SMALL - NEGATIONS - ANAPHORA and (set(missing) <= set(full) - set(brief) or not opposed and set(full[1:]) & said - {"in", "on"}):
        missing = []  # "nobody falls" need not repeat where, "he didn't score" not what
    if missing and ANAPHORA & set(tokens[:3]):
        if full[-1] in said or full[-1] in opposed:
            missing = [s for s in missing if s not in full[:-1] or len(tokens) > 8 and s != full[0]]  # "it" is what was asked about
        elif "on" in said and full[-1] == missing[-1]:
            missing = [s for s in missing[:-1] if s != full[0]]  # "he is wearing one"
    if missing and not (len(tokens) <= 3 and (opposed or full[-1] in said & OPPOSITES.keys())):
        return None
    if not (said | opposed) & set(full) and not opposed:
        return None
    named = [i for i, s in enumerate(stems) if s in full or any(s in OPPOSITES.get(o, ()) for o in opposed)]
    denied = any(t in NEGATIONS for t in tokens[: max(named) + 1])
    return denied == bool(opposed)

# ---------------------------------------------------------------- order in time

REVERSING = re.compile(r"\b(?:after(?!wards?\b)(?! (?:that|this|which)\b)|preceded by|follow(?:s|ing)|once)\b[^,;.\n]{0,20}$")
EARLIER = re.compile(r"\b(?:before (?:that|this|which)|prior to (?:that|this)|earlier|beforehand)\b")
OPENING = re.compile(r"\b(?:first(?:ly)?|initially|to begin with|at the (?:start|beginning)|starts?|starting|begins?|beginning)\b")
CLOSING = re.compile(r"\b(?:finally|lastly|last|at the end|in the end|ends?|ending|concludes?)\b")
LEADING_BEFORE = re.compile(r"(?:^|[.;\n,]) ?(?:and )?(?:right |just |shortly )?(?:before|prior to)\b(?! (?:that|this|which)\b)[^,.;\n]{0,30}$")
PAUSE = re.compile(r"[.;\n]")
RANKS = {"first": 1, "1st": 1, "second": 2, "2nd": 2, "third": 3, "3rd": 3, "fourth": 4, "4th": 4, "fifth": 5, "last": 9}
RANK_AFTER = re.compile(r"^ ?\(? ?(?:(?:is|was|are|comes?|came|goes|happens|being|as) )?(?:the )?(?:very )?(1st|2nd|3rd|4th|first|second|third|fourth|fifth|last)\b(?! then)(?: (?:one|trick|step|action|phase|colou?r))?(?= ?(?:[,.;)\n]|and\b|$))")
RANK_BEFORE = re.compile(r"\b(?:the )?(first|second|third|fourth|fifth|last) (?:(?:one|trick|step|action|phase|colou?r|thing|move|event) )?(?:(?:is|was|comes) )?(?:the |a |an )?$")


def rank(text, start, end, until, since):
    """Which place in the row a text gives the words start..end ("the kickflip second"), or None."""
    m = RANK_AFTER.match(text[end: until]) or RANK_BEFORE.search(text[since: start])
    return RANKS[m[1]] if m else None


def in_time(text, spans):
    """Indices of `spans` (start, end) of a text, from earliest to latest: "B after A", "before A, B", "before that" and "finally" are understood."""
    ranks = [rank(text, start, end, spans[i + 1][0] if i + 1 < len(spans) else len(text), spans[i - 1][1] if i else 0) for i, (start, end) in enumerate(spans)]
    if len(spans) > 1 and ranks.count(None) <= (len(spans) > 2) and len({r for r in ranks if r is not None}) == len(spans) - ranks.count(None) and sum(r is not None and r < 9 for r in ranks):
        middle = sum(sorted(r for r in ranks if r is not None)[:2]) / 2  # the one without a rank is in between
        return sorted(range(len(spans)), key=lambda i: middle if ranks[i] is None else ranks[i])
    order, last, led_by_before = [], False, None
    for i, (start, end) in enumerate(spans):
        gap = text[spans[i - 1][1] if i else 0: start]
        tail = PAUSE.split(gap)[-1]
        fresh = i == 0 or len(tail) < len(gap)  # a new sentence
        at = len(order) - last  # something said to be last stays last
        if i and (EARLIER.search(gap) or not fresh and REVERSING.search(gap)):
            at = order.index(i - 1)
        elif led_by_before is not None and not fresh and re.search(r",|\b(?:it|he|she|they)\b", gap) and not re.search(r"\b(?:then|and)\b", gap):
            at, led_by_before = order.index(led_by_before), None
        elif i and (fresh or last) and OPENING.search(tail):
            at = 0
        order.insert(at, i)
        if fresh:
            led_by_before = i if LEADING_BEFORE.search(gap) else None
        last = last or i == 0 and bool(CLOSING.search(tail))
    return order


def steps(text, names):
    """The members of a vocabulary that a lower-case text asserts, from earliest to latest, immediate repetitions once; None where it says "or"."""
    tokens = words_of(text)
    tokens = with_things(tokens, names)
    found = [m for m in mentions(tokens, index(names)) if m.stance != "denied"]
    if any(m.stance == "hedged" for m in found) or found and "or" in tokens[found[0].first: found[-1].last]:
        return None
    starts = [0]
    for token in tokens:
        starts.append(starts[-1] + len(token) + 1)
    order = in_time(" ".join(tokens), [(starts[m.first], starts[m.last + 1] - 1) for m in found])
    said = [found[i].name for i in order]
    return [name for at, name in enumerate(said) if at == 0 or said[at - 1] != name]


def with_things(tokens, names):
    """Tokens with the thing that several steps are about in place of "it", and after verbs that share it: "washes, dries and irons the shirt"."""
    if len(names) < 2:
        return tokens
    verbs, things = {content(words_in(name.lower()))[0] for name in names if len(name.split()) > 1}, shared_things(names)
    known, said, latest = [t for t in tokens if stem(t) in things], [], None
    if not known:
        return tokens
    ahead = iter(known)
    coming = next(ahead)
    for i, token in enumerate(tokens):
        if stem(token) in things:
            latest, coming = token, next(ahead, token)
        said.append((latest or known[0]) if token in ("it", "them") else token)
        if stem(token) in verbs and tokens[i + 1: i + 2] in ([","], ["and"]) and tokens[i - 1] not in BEING and not token.endswith("ed"):
            said.append(coming)
    return said


def shared_things(names):
    """The stems that two or more steps name, but for their verbs."""
    said = [set(content(words_in(name.lower()))[1:]) for name in names]
    return {s for own in said for s in own if sum(s in other for other in said) > 1}


CLAUSE = re.compile(r"[.;\n,]|->|\b(?:and )?(?:then|next|finally|afterwards?|after that|followed by)\b|\b(?:before|after)\b|\band\b")


def clauses(text):
    """A lower-case text cut where one step ends and another begins, from earliest to latest."""
    spans, at = [], 0
    for m in [*CLAUSE.finditer(text), None]:
        end = m.start() if m else len(text)
        if len(text[at:end].strip()) > 2:
            spans.append((at, end))
        at = m.end() if m else end
    return [text[spans[i][0]: spans[i][1]].strip(" -0123456789.)") for i in in_time(text, spans[:40])]


# ---------------------------------------------------------------- sentences that exclude each other

GROUPS = [frozenset(map(stem, group.split())) for group in (
    "man boy woman girl", "red blue green yellow black white orange purple pink brown gray", "0 1 2 3 4 5 6 7 8 9 10", "dog cat horse bird cow sheep elephant bear monkey rabbit",
    "first second third last",
    "morning evening night", "kitchen bathroom bedroom garden street beach park forest", "car bus truck bike boat train plane motorbike", "piano guitar drum violin flute trumpet",
    "pike tuck straight", "teacher student", "doctor nurse patient", "goalkeeper striker defender midfielder", "on under behind beside next above", "table chair sofa bed floor shelf desk", "hand foot head knee")]
SAME = {stem("boy"): stem("man"), stem("girl"): stem("woman")}
PERSONS = {word: person for person, words in (("i", "i me my we us our"), ("you", "you your")) for word in words.split()}
VAGUE = re.compile(r"\b(?:do(?:es|ing)?|perform(?:s|ing)?) (?:something|an? (?:action|activity|task))\b")
WITHOUT = re.compile(r"\bwithout \w+ing\b")


def same_verbs(said, name):
    """Whether two phrases hold verbs of one family."""
    a, b = ({n for w in words_in(text) for n in FAMILIES.get(stem(w), ())} for text in (said, name))
    return bool(a & b)


def people(tokens):
    """The first and second person of a sentence in the order they come, where it has both: "I will visit you" is not "you will visit me"."""
    order = list(dict.fromkeys(PERSONS[t] for t in tokens if t in PERSONS))
    return order if len(order) > 1 else []


def akin(said, wanted):
    """Whether two sentences have different main verbs of one family: "hands" and "gives"."""
    a, b = clause(said.lower()).verb, clause(wanted.lower()).verb
    return a != b and bool(FAMILIES.get(a, set()) & FAMILIES.get(b, set()))


def contradicts(said, wanted):
    """Why two sentences cannot mean the same: a negation, a word that excludes the other's, or who does it to whom; empty where they can."""
    a, b = (words_of(digits(WITHOUT.sub("", text.lower()))) for text in (said, wanted))
    if bool({"not", "no"} & set(a)) != bool({"not", "no"} & set(b)):
        return "one denies what the other says"
    if "or" in a and "or" not in b:
        return "hedges"
    if VAGUE.search(said.lower()) and not VAGUE.search(wanted.lower()):
        return "does not say what"
    if people(a) and people(b) and people(a) != people(b):
        return "I and you are swapped"
    a, b = ([stem(t) for t in tokens] for tokens in (a, b))
    only_a, only_b = set(a) - set(b), set(b) - set(a)
    for s in sorted(only_b):
        if OPPOSITES.get(s, set()) & only_a:
            return f"{s} against its opposite"
    for group in GROUPS:
        in_a, in_b = ({SAME.get(s, s) for s in tokens if s in group} for tokens in (a, b))
        if in_a and in_b and not (in_a >= in_b or in_b >= in_a):
            return f"{min(in_a)} against {min(in_b)}"
    doing, meant = clause(said.lower()), clause(wanted.lower())
    if swapped(doing, meant):
        return "the roles are swapped"
    families = FAMILIES.get(meant.verb)
    others = {s for s in a if s != meant.verb} if doing.verb not in SUPPORTING and meant.verb in nouns(said.lower()) else a
    if families and meant.verb not in others and doing.verb not in b and doing.verb in FAMILIES and not any(families & FAMILIES.get(s, set()) for s in others):
        return f"{doing.verb} is not {meant.verb}"
    return ""


ARTICLES = frozenset("a an the his her their some".split())


def nouns(sentence):
    """The stems that a sentence uses as nouns alone: never with a verb's ending, and with an article or adjective not far before."""
    tokens = words_of(sentence)
    lead = lambda i: bool(ARTICLES & set(tokens[max(0, i - 3): i]))
    verbal = lambda i: tokens[i].endswith(("ing", "ed")) or not lead(i) or bool(ARTICLES & set(tokens[i + 1: i + 2]))
    return {stem(t) for t in tokens} - {stem(t) for i, t in enumerate(tokens) if verbal(i)}


# Verbs of what is seen in videos, in families of one meaning; two verbs of none in common are two actions. A verb not listed excludes nothing.
FAMILIES = {}
for _number, _verbs in enumerate("""give hand pass offer deliver throw|take grab get fetch pick remove steal drag lift|put place set lay drop hang lower|throw toss hurl fling cast pitch|eat bite chew consume swallow taste|
drink sip|cook grill fry bake roast boil prepare make|build make construct assemble create erect|destroy smash wreck demolish ruin trample break crush knock|break shatter crack smash snap|paint coat|sand grind|varnish|
chase follow pursue run|feed|pet stroke|examine inspect check look|bandage wrap|tie knot fasten|cut slice chop dice trim carve saw|peel|wash rinse clean scrub wipe|sweep mop clean|dry|write sign|erase wipe|read|draw sketch|
attach mount fix install screw fasten join connect put|remove detach unscrew take pull|catch grab|hit strike crash collide bump knock punch smash|kick shoot hit|carry bring transport take|push press shove|pull drag tow|
climb ascend scale|jump leap hop|run sprint jog|walk stroll march go|sit|stand|sleep nap|lie|dance perform|sing perform|fall drop tumble slip collapse|open|close shut suture stitch|buy|sell|pour fill|stir mix blend whisk beat|
kiss|hug embrace|wave|point|swim|dive jump|ride pedal cycle|drive enter|lead guide|fix repair mend|fold|iron|sharpen|weld|drill|hammer|measure take|laugh|cry|shout|whisper|play practice|watch look observe|cross walk go run ride|wait stand|enter go walk step drive run climb|leave go walk step drive run""".replace("\n", "").split("|")):
    for _verb in _verbs.split():
        FAMILIES.setdefault(stem(_verb), set()).add(_number)

BEING = frozenset("is are was were be been being am get gets got gotten getting becomes became".split())
NOT_BEFORE_VERB = frozenset("a an the his her their its my your our this that these those of in on at to with into onto from for by and or as some any no two three four five because".split())
SYMMETRIC = re.compile(r"\b(?:next|beside|near|with|and|meets?|hug|kiss|each other|together|same|shak\w+|talk\w*|speak\w*|fight\w*|opposite)\b")


UNNAMED = frozenset(map(stem, BEING)) | frozenset(map(stem, PRONOUNS))
SUPPORTING = LIGHT | frozenset(map(stem, "put give use apply add wrap".split()))  # verbs that say their object's action: "puts a bandage on"


class Clause(NamedTuple):
    before: frozenset  # the stems of who does it
    verb: str
    after: frozenset  # the stems of whom or what it is done to
    symmetric: bool


def clause(sentence):
    """Who does what to whom in a simple lower-case sentence, passives turned round ("B is hit by A"); empty where no verb is recognised."""
    tokens = [t for t in words_of(PAUSE.split(sentence.replace("because ", ""))[0]) if t.isalpha()]
    at, passive = main_verb(tokens)
    if at is None:
        return Clause(frozenset(), "", frozenset(), True)
    start = next((i for i in range(at, -1, -1) if tokens[i] in BEING), at) if passive else at
    before, after, agent = tokens[:start], tokens[at + 1:], []
    if passive and "by" in after:
        cut = after.index("by")
        end = next((i for i in range(cut + 2, len(after)) if after[i] in ("to", "into", "onto", "from", "out", "on", "at")), len(after))
        after, agent = after[:cut] + after[end:], after[cut + 1: end]
    before, after = (frozenset(s for s in content(words) if s not in UNNAMED) if words else frozenset() for words in ((agent, before + after) if passive else (before, after)))
    return Clause(before, stem(tokens[at]), after, bool(SYMMETRIC.search(sentence)))


def main_verb(tokens):
    """(index, passive) of the main verb: after "is" or "gets", else the first word with a verb's ending that no article, number or preposition leads."""
    for i, token in enumerate(tokens):
        if token in BEING:
            at = next((j for j in range(i + 1, min(i + 5, len(tokens))) if tokens[j] not in BEING and not tokens[j].endswith("ly") and tokens[j] != "not"), None)
            if at is None:
                return None, False
            return (at, False) if tokens[at].endswith("ing") else (at, True) if "by" in tokens[at:] or tokens[at].endswith(("ed", "en")) else (i, False)
        if i and token not in NOT_BEFORE_VERB and tokens[i - 1] not in NOT_BEFORE_VERB and (token.endswith("ed") or token.endswith("s") and not token.endswith("ss") or token in IRREGULAR or token in ("hit", "put", "cut")):
            return i, False
    bare = (i for i, t in enumerate(tokens) if i and tokens[i - 1] not in NOT_BEFORE_VERB and stem(t) in FAMILIES)  # "children build a house"
    return next(bare, None), False


def swapped(a, b):
    """Whether what one clause says of the doer the other says of the one it is done to, and the other way round."""
    if a.symmetric and b.symmetric:
        return False
    if a.verb == b.verb and a.before and b.before and not a.before & b.before and b.before <= a.after and a.after & b.after:
        return True  # "the man catches the dog's frisbee" is not "the dog catches the frisbee"
    return bool((b.before & a.after) - a.before - b.after and (b.after & a.before) - b.before - a.after)
