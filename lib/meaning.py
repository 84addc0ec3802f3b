"""Two sentences compared: whether they can both be true, and which of the words of one the other says, by the tables of lib/thesaurus.py.

No model here: words that no table knows are left to the caller's embedder (`paired` is given their similarities).
"""
import re
from functools import lru_cache
from itertools import combinations
from typing import NamedTuple

from lib.statements import PAUSE, clauses
from lib.thesaurus import CONVERSE, EXCLUSIVE, FEMALE, MALE, MORE_VERBS, NAMES, VERBS
from lib.words import ANTONYMS, BEING, IRREGULAR, LIGHT, OPPOSITES, OPTIONAL, PRONOUNS, content, digits, opposites, stem, words_of

# ---------------------------------------------------------------- words and phrases with their families


def stems_of(words):
    """The stems of the words of a text."""
    return frozenset(map(stem, words.split()))


def families():
    """{stems of a word or phrase: the numbers of its families}, and up to which number families are of verbs that exclude others, and of verbs."""
    found, tables = {}, [table.replace("\n", "").split("|") for table in (VERBS, MORE_VERBS, NAMES)]
    for number, family in enumerate(family for table in tables for family in table):
        for word in family.split():
            found.setdefault(tuple(map(stem, word.split("_"))), set()).add(number)
    return {key: frozenset(numbers) for key, numbers in found.items()}, len(tables[0]), len(tables[0]) + len(tables[1])


FAMILIES, STRICT, VERBAL = families()
PHRASES = {}
for _key in sorted(FAMILIES, key=len, reverse=True):
    if len(_key) > 1:
        PHRASES.setdefault(_key[0], []).append(_key)
EXCLUDING = [stems_of(group) for group in EXCLUSIVE.replace("\n", "").split("|")]
EXCHANGED = opposites(CONVERSE)
# Words that carry no thing, quality or action of their own; particles are compared by OPPOSITES
MINOR = OPTIONAL | PRONOUNS | stems_of("""up down off out away over under through back along around across past toward towards near between behind front together also then there here just still really both each other another own about
like as so that when while until till before after during because since who what where how not no do have can will would shall should must may might could if than too more very against ahead way
see show visible seen clearly whole his her hers us me himself herself itself themselves everyone someone somebody someone somebody person people one almost nearly narrowly now again only be go come get make let start begin simply conclusion
re ll m ve d wo don doesn didn isn aren wasn translation answer signer say piece side both kind amount lot first finally""") - stems_of("start begin")
BREAKS = frozenset((".", ",", ";", ":", "!", "?", "\n", "and", "->", "("))
LEADING = frozenset("a an the his her their its my your our this that these those some two three four five of in on at with into onto from for by".split())


class Word(NamedTuple):
    text: str  # as it is written, to be embedded
    stem: str  # of a phrase: its stems joined by "_"
    families: frozenset
    verb: bool  # said as a verb, as far as rules can tell


@lru_cache(maxsize=8192)
def meaningful(text):
    """The words and known phrases of a text that carry its meaning, in their order."""
    tokens = words_of(rewritten(text))
    stems, found, used = [stem(t) for t in tokens], [], set()
    for i, s in enumerate(stems):
        if i in used or not tokens[i][0].isalnum():
            continue
        key, places, known = phrase(stems, i)
        used.update(places)
        if places or s not in MINOR and tokens[i] not in MINOR:
            known |= FAMILIES.get(key[:1], frozenset()) if places and (key[0] in MOVING or min(known) >= STRICT) else frozenset()
            verb = any(n < VERBAL for n in known) if places else verbal(tokens, i, known)
            found.append(Word(" ".join([tokens[i], *(tokens[j] for j in places)]), "_".join(key), known, verb))
    return tuple(found[:MOST])


MOST = 80  # words looked at in one text
BE = stem("be")
ARTICLES = frozenset("a an the his her their its my your our some this that".split())
MOVING = stems_of("pull push lift drag walk run drive ride climb jump step slide cut tear rip carry go come hang wipe sweep")  # what one does is the same up, out or away


def verbal(tokens, i, known):
    """Whether a word is said as a verb: by its ending, or a known verb in no noun's place ("the old white paint", "in a red coat")."""
    if i and tokens[i - 1] in LEADING:
        return False
    known_verb = any(n < VERBAL for n in known)
    if tokens[i].endswith(("ing", "ed")) or tokens[i] in IRREGULAR and known_verb:
        return True
    if i and tokens[i].endswith("s") and not tokens[i].endswith("ss") and tokens[i + 1: i + 2] and tokens[i + 1] in LEADING:
        return True  # "consoles his son"
    noun = not tokens[i].endswith("s") and ARTICLES & set(tokens[max(0, i - 3): i]) and not ARTICLES & set(tokens[i + 1: i + 2])
    return not noun and known_verb


BESIDE = stems_of("go come walk run fall step climb drive ride jump")  # verbs without an object before their particle


def phrase(stems, i):
    """The longest and nearest known phrase that begins at i, its words at most three apart: its stems, the places of its other words, and its families.

    Where several of one length begin there ("runs over the grass after a ball"), the families are those of all.
    """
    found = []
    for key in PHRASES.get(stems[i], ()):
        at, places = i, []
        for part in key[1:]:
            close = not places and (key[0] in BESIDE and part != "after" or key[0] == "get" and part in ("in", "on", "to", "up", "off"))
            near = 3 if stems[at + 1: at + 2] and stems[at + 1].endswith("li") else 2  # "walks slowly across"
            at = next((j for j in range(at + 1, min(at + (near if close else 5), len(stems))) if stems[j] == part), None)
            if at is None:
                break
            places.append(at)
        if len(places) == len(key) - 1 and not BREAKS & set(stems[i: at]):
            found.append((key, places))
    if not found:
        return (stems[i],), [], FAMILIES.get((stems[i],), frozenset())
    key, places = min(found, key=lambda match: (-len(match[0]), match[1]))
    return key, places, frozenset().union(*(FAMILIES[other] for other, _ in found if len(other) == len(key)))


ENDINGS = frozenset(" ion at ation ition ment anc enc al ur er or ist i ful li ing th en eer".split(" "))


def same_root(a, b):
    """Whether two stems are one word with the endings of a noun, verb or adjective: dissect, dissection; clear, clearance."""
    shared = next((i for i, (x, y) in enumerate(zip(a, b)) if x != y), min(len(a), len(b)))
    return shared >= 4 and a[shared:] in ENDINGS and b[shared:] in ENDINGS


def same_verb(a, b):
    """Whether one of two stems is the other with a particle: "hangs" and "hangs up"."""
    short, long = sorted((a.split("_"), b.split("_")), key=len)
    return len(short) == 1 and short[0] == long[0] and long[-1] not in ("for", "after")


def strict(word):
    """Whether the families of a verb are all that it means, as far as rules can tell."""
    return any(n < STRICT for n in word.families)


def alike(a, b):
    """Whether two words can say the same: True or False by the tables, None where no table knows."""
    if a.stem == b.stem or a.families & b.families or same_root(a.stem, b.stem):
        return True
    if b.stem in OPPOSITES.get(a.stem, ()) or any(a.stem in group and b.stem in group for group in EXCLUDING):
        return False
    if a.verb and b.verb and strict(a) and strict(b) and not {a.stem, b.stem} & SUPPORTING and not same_verb(a.stem, b.stem):
        return False  # two verbs of no common family
    return None


# ---------------------------------------------------------------- alignment: what of one sentence the other says

SYNONYM, PERHAPS = 0.57, 0.42  # cosine of single words that mean the same, and below which a verb or a word elsewhere in the sentence does not


class Paired(NamedTuple):
    covered: float  # the share of the wanted words that are said
    unsaid: tuple  # wanted words that are not
    added: tuple  # said words that answer no wanted one
    exchanged: str  # "thumb for nail": the sentences are alike but for these


def compared(said, wanted):
    """The meaningful words of both sentences as they are paired."""
    return meaningful(turned_round(rewritten(said), rewritten(wanted))), meaningful(wanted.lower())


def paired(said, wanted, similarity, known="", near=False):
    """Pairs the meaningful words of two sentences: the same word, one family, then by `similarity` of two Words.

    `known`: what needs no saying; `near`: whole sentences so alike that two verbs are no evidence against them.
    """
    a, b = compared(said, wanted)
    pairs = {}
    for test in (lambda x, y: x.stem == y.stem, lambda x, y: alike(x, y), lambda x, y: alike(x, y) is None and similarity(x, y) >= SYNONYM):
        for j, y in enumerate(b):
            i = next((i for i, x in enumerate(a) if j not in pairs and i not in pairs.values() and test(x, y)), None)
            if i is not None:
                pairs[j] = i
    unsaid, added = [j for j in range(len(b)) if j not in pairs], [i for i in range(len(a)) if i not in pairs.values()]
    heard = {w.stem for w in meaningful(known.lower())}
    pronoun = bool(PRONOUNS & set(words_of(said.lower()))) or bool(a) and a[0].verb
    unsaid = [j for j in unsaid if (b[j].verb or b[j].stem not in heard) and not (j == 0 and pronoun and not b[j].verb)]
    added = [i for i in added if a[i].stem not in heard and not a[i].stem in SUPPORTING]
    judged = lambda words, places: [n for n in places if not (near and words[n].verb)]
    relative = " than " in said and " than " in wanted and opposites_in(said.lower(), wanted.lower())  # left to `opposed`
    exchange = "" if relative else exchanged(a, b, pairs, judged(b, unsaid), judged(a, added), similarity)
    unsaid = [j for j in unsaid if not any(alike(x, b[j]) for x in a)]  # "saws through" says "cuts with a saw"
    return Paired(1 - len(unsaid) / max(len(b), 1), tuple(b[j] for j in unsaid), tuple(a[i] for i in added), exchange)


def exchanged(a, b, pairs, unsaid, added, similarity):
    """The word said for another: in the same place of otherwise equal sentences, or the only one left over on either side."""
    undone = [a[i] for i in added if a[i].stem in UNDONE and a[i].verb] or [b[j] for j in unsaid if b[j].stem in UNDONE and b[j].verb and not any(alike(x, b[j]) for x in a)]
    if undone:
        return f"{undone[0].text} in one alone"
    if not 1 <= len(unsaid) <= 3 or not 1 <= len(added) <= 3 or not pairs:
        return ""
    at = lambda j: pairs.get(j, -1 if j < 0 else len(a) if j == len(b) else None)
    for (j, last), (i, end) in ((x, y) for x in runs(unsaid) for y in runs(added)):
        slot, single = at(j - 1) == i - 1 and at(last + 1) == end + 1, last == j and end == i
        closest = max(similarity(a[m], b[n]) for m in range(i, end + 1) for n in range(j, last + 1))
        x, y = a[i], b[j]
        apart = [alike(a[m], b[n]) for m in range(i, end + 1) for n in range(j, last + 1) if a[m].verb and b[n].verb or single]
        if slot and (False in apart and True not in apart or closest < (SYNONYM if single and not (x.verb and y.verb) else PERHAPS)):
            return f"{x.text} for {y.text}"
        if single and not any(alike(w, y) for w in a) and (alike(x, y) is False or len(unsaid) == len(added) == 1 and x.verb == y.verb and closest < PERHAPS):
            return f"{x.text} for {y.text}"
    return ""


def runs(places):
    """Ascending numbers as (first, last) of their unbroken runs."""
    found = []
    for n in places:
        if found and found[-1][1] == n - 1:
            found[-1] = (found[-1][0], n)
        else:
            found.append((n, n))
    return found


# ---------------------------------------------------------------- sentences that exclude each other

REWRITTEN = [(re.compile(pattern), said) for pattern, said in (
    (r"\b(?:in|of|from|throughout|during) (?:the|this) (?:video|clip|footage|scene|camera)\b", ""),
    (r"^\W*(?:the|this) (?:video|clip|footage|scene) (?:shows|depicts|is about|features) (?:that |how )?", ""),
    (r"\bdislik(?:e|es|ed|ing)\b", "not like"), (r"\bdeaf\b", "not hear"), (r"\bblind\b", "not see"),
    (r"\b(?:can(?: ?not|'t)|(?:does|do|did|could)(?: not|n't)) (?:remember|recall)\b", "forget"),
    (r"\bleav(?:es|ing) (\w+ ){1,3}?un(?=\w+ed\b)", r"not \1"), (r"\b(is|are|was|were|been|being|has|have|had) left\b(?! (?:hand|foot|arm|side)\b)", r"\1 leaving"),
    (r"\b(?:pull|push|slid|slide|swing|force|throw)\w* ((?:\w+ ){1,3}?)(open|shut)\b", r"\2s \1"), (r"\b(?:stop|keep|prevent|hinder)\w* (?:\w+ ){1,4}from (?=\w+ing)", "not "),
    (r"\b(?:that|which|who) (?:is|are|was|were) not [a-z]+", ""), (r"\b(?:makes|made|making|make) (?:an? )?(?=(?:left|right|u-?) ?turn\b)", ""),
    (r"\bping[ -]pong\b", "table tennis"), (r"\bx[ -]rays?\b", "xray"), (r"\bt[ -]shirts?\b", "shirt"))]
NAME = re.compile(r"(?<=[a-z,] )[A-Z][a-z]+\b")
WITHOUT = re.compile(r"\bwithout (\w+ing)\b")
PRETENCE = re.compile(r"\b(?:pretend\w*|fak(?:e|es|ed|ing)|feign\w*|mim(?:es?|ed|ing)|act(?:s|ed|ing)? as (?:if|though)|make[s-]? believe)\b")
NEARLY = re.compile(r"\b(?:almost|nearly|all but|on the (?:verge|point|brink) of|close to (?=\w+ing)|comes? close|narrowly (?:avoid|miss|escap)\w*)\b")
UNDONE = stems_of("miss fail forget prevent cancel refuse interrupt abandon") | {"giv_up"}  # a thing that is done in one sentence is not done in the other
VAGUE = re.compile(r"\b(?:do(?:es|ing)?|perform(?:s|ing)?) (?:something|an? (?:action|activity|task))\b")
PERSONS = {word: person for person, words in (("i", "i me my we us our mine"), ("you", "you your yours")) for word in words.split()}
FUTURE = re.compile(r"\b(?:will|'ll|going to|tomorrow|next (?:day|week|month|year|summer|winter|spring|autumn|\w+day)|expected|forecast)\b|'ll\b")
PAST = re.compile(r"\b(?:was|were|did|had|yesterday|ago|last (?:night|week|month|year|summer|winter|spring|autumn|\w+day)|snowed|rained|went|saw)\b")
DAY = re.compile(r"\b(?:today|tonight|tomorrow|yesterday|(?:next|last) (?:week|month|year|night|\w+day|summer|winter|spring|autumn)|(?:mon|tues|wednes|thurs|fri|satur|sun)day)\b")
INWARD = stems_of("in into on onto inside")
SUPPORTING = (LIGHT | stems_of("put give use apply add wrap come let have be cause")) - stems_of("ride play")  # verbs that say their object's action: "puts a bandage on"


@lru_cache(maxsize=8192)
def rewritten(text):
    """A lower-case text with its number words as digits and some words and phrases in plainer ones: "dislikes" -> "not like"."""
    text = digits(text.lower())
    for pattern, said in REWRITTEN:
        text = pattern.sub(said, text)
    return text


def contradicts(said, wanted, near=False):
    """Why two sentences cannot mean the same: a negation, a word that excludes the other's, who does it to whom, or (unless they are `near`) another verb."""
    names, other_names = ({stem(name.lower()) for name in NAME.findall(text)} for text in (said, wanted))
    if names and other_names and not names & other_names:
        return f"{min(names)} against {min(other_names)}"
    said, wanted = rewritten(said), rewritten(wanted)
    said = turned_round(said, wanted)
    return next((why for rule in RULES if not (near and rule is other_verb) and (why := rule(said, wanted))), "")


def turned_round(said, wanted):
    """`said` with what is denied as its opposite where the other sentence names that: "is not open" -> "is close" for "is closed"."""
    words = {stem(t) for t in words_of(wanted)}
    for m in DENIED_WORD.finditer(said):
        opposite = OPPOSITES.get(stem(m[2]), set()) & words - ANTONYMS.keys()
        if opposite and stem(m[2]) not in words:
            return f"{said[: m.start()]} " + next(t for t in words_of(wanted) if stem(t) in opposite) + said[m.end():]
    return said


DENIED_WORD = re.compile(r"(?:\bnot|n't) (?:(very|really|at all|yet|even) )?([a-z]+)\b")


def unlike_denials(said, wanted):
    """One denies, nearly does or only pretends what the other does."""
    a, b = (words_of(without_remarks(text, other)) for text, other in ((said, wanted), (wanted, said)))
    if bool({"not", "no"} & set(a)) != bool({"not", "no"} & set(b)):
        return "one denies what the other says"
    if any(bool(pattern.search(said)) != bool(pattern.search(wanted)) for pattern in (PRETENCE, NEARLY)):
        return "only nearly or in pretence"
    return "hedges" if "or" in a and "or" not in b else "does not say what" if VAGUE.search(said) and not VAGUE.search(wanted) else ""


def without_remarks(text, other):
    """A text without "without smiling", which denies nothing that matters, but with "without locking" where locking is what the other says."""
    named = {n for w in meaningful(other) for n in (w.stem, *w.families)}
    return WITHOUT.sub(lambda m: m[0] if {stem(m[1]), stem(m[1])[:-1], *FAMILIES.get((stem(m[1]),), ())} & named else "", text)


def unlike_people(said, wanted):
    """I against you, he against she, or the two persons of a sentence in the other order."""
    a, b = (list(dict.fromkeys(PERSONS[t] for t in words_of(text) if t in PERSONS)) for text in (said, wanted))
    if a and b and a != b and (len(a) > 1) == (len(b) > 1):
        return "I and you are swapped"
    sexes = [({t for t in words_of(text) if stem(t) in MEN}, {t for t in words_of(text) if stem(t) in WOMEN}) for text in (said, wanted)]
    (man, woman), (men, women) = sexes
    return f"{min(man or woman)} against {min(men or women)}" if man and not woman and women and not men or woman and not man and men and not women else ""


MEN, WOMEN = stems_of(MALE), stems_of(FEMALE)


def unlike_times(said, wanted):
    """The future against the past."""
    (a, past_a), (b, past_b) = ((bool(FUTURE.search(text)), bool(PAST.search(text))) for text in (said, wanted))
    days, other_days = ({word for day in DAY.findall(text) for word in day.split()} for text in (said, wanted))
    if days and other_days and not days & other_days:
        return "another time"
    return "the future against the past" if a and not past_a and past_b and not b or b and not past_b and past_a and not a else ""


def opposed(said, wanted):
    """A word against its opposite, or against another of a set of which only one can hold, unless the other sentence says it in another way."""
    words_a, words_b = meaningful(said), meaningful(wanted)
    a, b = ([stem(t) for t in words_of(text)] for text in (said, wanted))
    only_a, only_b = set(a) - set(b), set(b) - set(a)
    mates = lambda s, verbs: any(
        s in w.stem.split("_") and any((other.verb or not verbs) and FAMILIES.get(tuple(w.stem.split("_")), frozenset()) & other.families for other in words_a) for w in words_b)
    turned = swapped(clause(said), clause(wanted))
    for s in sorted(only_b):
        if only_a & {"un" + s, "dis" + s} or s[:2] == "un" and s[2:] in only_a or s[:3] == "dis" and s[3:] in only_a:
            return f"{s} against its opposite"
        for other in sorted(OPPOSITES.get(s, set()) & only_a):
            received = "from" in said + wanted and {"receiv", "get"} & {s, other}  # already turned round
            if {s, other} <= {"befor", "after"} and in_order(said, wanted) or turned != bool(received) and other in EXCHANGED.get(s, ()) or turned and "than" in a and "than" in b:
                continue
            if s in ANTONYMS and other in ANTONYMS[s] and (len(words_a) > len(words_b) + 2 or s in INWARD and INWARD & set(a)):
                continue  # "walks off the curb and into the street" steps onto the road
            if not mates(s, True):
                return f"{s} against its opposite"
    if (thing := other_way(said, wanted)):
        return f"to and from the {thing}"
    for group in EXCLUDING:
        in_a, in_b = ({s for s in stems if s in group} for stems in (a, b))
        if in_a and in_b and not (in_a >= in_b or in_b >= in_a) and not all(mates(s, False) for s in in_b - in_a):
            return f"{min(in_a - in_b)} against {min(in_b - in_a)}"
    return ""


WAY = re.compile(r"\b(?:(to|into|onto|towards?)|(from|off|out of|away from)) (?:(?:the|a|an|his|her|its|their) )?([a-z]+)")


def other_way(said, wanted):
    """The thing to which one sentence goes and from which the other comes, or an empty string."""
    a, b = ({stem(m[3]): bool(m[1]) for m in WAY.finditer(text)} for text in (said, wanted))
    return next((thing for thing in a.keys() & b.keys() if a[thing] != b[thing]), "")


ORDERED = re.compile(r"\b(?:before|after|until|then|first|once|finally)\b")


def in_order(said, wanted):
    """True or False where both sentences tell the same two actions or more, in the same order or not; None where they do not."""
    if not ORDERED.search(said) or not ORDERED.search(wanted):
        return None
    told = [[[w.families | {w.stem} for w in meaningful(part) if w.verb] for part in clauses(text)] for text in (said, wanted)]
    place = lambda action: next((i for i, part in enumerate(told[0]) if any(action & other for other in part)), None)
    ranks = [at for part in told[1] for action in part if (at := place(action)) is not None]
    return None if len(set(ranks)) < 2 else all(x <= y for x, y in combinations(ranks, 2))


def other_order(said, wanted):
    """The same actions in another order."""
    return "in another order" if in_order(said, wanted) is False else ""


def other_roles(said, wanted):
    """The one who does it is the one to whom it is done; for "buys" and "sells" the other way round."""
    a, b = clause(said), clause(wanted)
    converse = b.verb in EXCHANGED.get(a.verb, ())
    if converse or swapped(a, b) and "than" in said and "than" in wanted and opposites_in(said, wanted):
        return ""
    return "the roles are swapped" if swapped(a, b) else ""


def opposites_in(said, wanted):
    """Whether a word of one sentence is the opposite of a word of the other: "taller than her" and "shorter than him"."""
    a, b = ({stem(t) for t in words_of(text)} for text in (said, wanted))
    return any(OPPOSITES.get(s, set()) & (a - b) for s in b - a)


def other_verb(said, wanted):
    """A main verb of another family than that of the other sentence, where neither says the other's anywhere."""
    doing, meant = clause(said).verb, clause(wanted).verb
    a, b = meaningful(said), meaningful(wanted)
    x, y = (next((w for w in words if w.stem.split("_")[0] == verb), None) for words, verb in ((a, doing), (b, meant)))
    if not x or not y or not x.verb or not y.verb or alike(x, y) is not False:
        return ""
    if doing in EXCHANGED.get(meant, ()):
        return ""
    others = [w for w in a if w.verb or w.stem != y.stem]
    said_anyway = any(alike(w, y) for w in others) or any(alike(w, x) and w.stem == x.stem for w in b)
    return "" if said_anyway else f"{x.text} is not {y.text}"


RULES = (unlike_denials, unlike_people, unlike_times, opposed, other_order, other_roles, other_verb)


# ---------------------------------------------------------------- who does what to whom

NOT_BEFORE_VERB = frozenset("a an the his her their its my your our this that these those of in on at to with into onto from for by and or as some any no two three four five because".split())
SYMMETRIC = re.compile(r"\b(?:next|beside|near|and|(?:danc|play|talk|speak|fight|chat|argu|walk|sit|stand|compet)\w* (?:\w+ ){0,2}with|meets?|hug|kiss|each other|together|same|shak\w+|talk\w*|speak\w*|fight\w*|opposite)\b")
EXISTS = re.compile(r"^(?:\w+, )?there (?:is|are|was|were)\b")
UNNAMED = frozenset(map(stem, BEING)) | frozenset(map(stem, PRONOUNS))
LEADING_CLAUSE = re.compile(r"^(because|since|when|as|while|after|before|if|once) ([^,.;]+), (.+)$")
INVERTED = re.compile(r"^((?:under|behind|on|in|at|beside|next to|above|below|near|inside|between|across)\b[^,.;]*? )((?:lies|sits|stands|hides|hangs|sleeps|waits|runs|flies|swims|rests|is|are|comes|goes)\b)(?! (?:a |the )?\w+ing\b) ([^,.;]+)")


class Clause(NamedTuple):
    before: frozenset  # the stems of who does it
    verb: str
    after: frozenset  # the stems of whom or what it is done to
    symmetric: bool


def clause(sentence):
    """Who does what to whom in a simple lower-case sentence, passives and "behind it stands a man" turned round; empty where no verb is recognised."""
    sentence = INVERTED.sub(r"\3 \2 \1", LEADING_CLAUSE.sub(r"\3 \1 \2", sentence))
    tokens = [t for t in words_of(PAUSE.split(sentence.replace("because ", ""))[0]) if t.isalpha()]
    at, passive = main_verb(tokens)
    if at is None or EXISTS.match(sentence):
        return Clause(frozenset(), "", frozenset(), True)
    start = next((i for i in range(at, -1, -1) if tokens[i] in BEING), at) if passive else at
    before, after, agent = tokens[:start], tokens[at + 1:], []
    if stem(tokens[at]) in ("receiv", "get") and "from" in after and not {"up", "down", "off", "on", "out", "away"} & set(after[:1]):  # "gets a coat of paint from the man" is done by him
        passive, start, after = True, at, ["by" if t == "from" else t for t in after]
    if passive and "by" in after:
        cut = after.index("by")
        end = next((i for i in range(cut + 2, len(after)) if after[i] in ("to", "into", "onto", "from", "out", "on", "at")), len(after))
        after, agent = after[:cut] + after[end:], after[cut + 1: end]
    before, after = (frozenset(s for s in content(words) if s not in UNNAMED) if words else frozenset() for words in ((agent, before + after) if passive else (before, after)))
    return Clause(before, stem(tokens[at]), after, bool(SYMMETRIC.search(sentence)))


def main_verb(tokens):
    """(index, passive) of the main verb: after "is" or "gets", else the first word with a verb's ending that no article, number or preposition leads."""
    for i, token in enumerate(tokens):
        if token in BEING and not (token.startswith("get") and any(t in ("up", "going", "down", "off", "on", "in", "out", "from", "through") for t in tokens[i + 1: i + 5])):
            at = next((j for j in range(i + 1, min(i + 5, len(tokens))) if tokens[j] not in BEING and not tokens[j].endswith("ly") and tokens[j] != "not"), None)
            if at is None:
                return None, False
            return (at, False) if tokens[at].endswith("ing") else (at, True) if "by" in tokens[at:] or tokens[at].endswith(("ed", "en")) else (i, False)
        if i and token not in NOT_BEFORE_VERB and tokens[i - 1] not in NOT_BEFORE_VERB and (token.endswith("ed") or token.endswith("s") and not token.endswith("ss") or token in IRREGULAR or token in ("hit", "put", "cut")) and tokens[i + 1: i + 2] not in ([b] for b in BEING):
            return i, False
    bare = (i for i, t in enumerate(tokens) if i and tokens[i - 1] not in NOT_BEFORE_VERB and any(n < VERBAL for n in FAMILIES.get((stem(t),), ())))  # "children build a house"
    return next(bare, None), False


def swapped(a, b):
    """Whether what one clause says of the doer the other says of the one it is done to, and the other way round."""
    if a.symmetric and b.symmetric or (a.verb == BE) != (b.verb == BE):
        return False
    if a.verb == b.verb and a.before and b.before and not a.before & b.before and b.before <= a.after and b.after and a.verb != BE:
        return True  # "the man catches the dog's frisbee" is not "the dog catches the frisbee"
    known = [FAMILIES.get((verb,), frozenset()) for verb in (a.verb, b.verb)]
    if a.verb != b.verb and all(known) and not known[0] & known[1] and b.verb not in EXCHANGED.get(a.verb, ()):
        return False  # other actions, which need not have roles in common
    return bool((b.before & a.after) - a.before - b.after and (b.after & a.before) - b.before - a.after)


# ---------------------------------------------------------------- single steps

def same_verbs(said, name):
    """Whether two phrases hold verbs of one family."""
    a, b = ({n for w in meaningful(text.lower()) for n in w.families} for text in (said, name))
    return bool(a & b)
