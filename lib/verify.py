"""Does an answer assert its labels? One small rule per kind, and the reasons for which an answer is not even looked at.

An answer is judged by what it finally says (lib/parse.py), never by what it merely contains. Nothing here needs a model except sentences and
synonyms, which are compared by a sentence embedder (lib/embed.py), and only where words do not decide.
"""
import re
from typing import Callable, NamedTuple

import numpy as np

from lib import parse as read
from lib.embed import Embedder
from lib.meaning import FAMILIES, alike, compared, contradicts, meaningful, paired, same_verbs
from lib.statements import boolean, clauses, shared_things, steps
from lib.words import ANTONYMS, BEING, IDLE, LIGHT, OPPOSITES, OPTIONAL, PRONOUNS, Found, content, index, member, stem, words_in, words_of

IOU, TIME, NUMBER, COSINE = 0.5, 0.10, 0.05, 0.6  # the default thresholds; a label's "tolerance" overrides its own
# Cosine of a synonym, its lead over the rest of the vocabulary, what is needed where there is no rest, of words exchanged beside
# a shared one, and of a phrase that says less than the name
SYNONYM, MARGIN, ALONE, EXCHANGED, WHOLE = 0.58, 0.12, 0.75, 0.5, 0.8


# ---------------------------------------------------------------- answers that are not looked at

REFUSAL = re.compile(r"\b(?:i(?:'m| am) (?:sorry|unable|not able|not sure|unsure|uncertain)|as an ai\b|i (?:can ?not|can't|could not|couldn't|do not|don't) (?:determine|tell|see|know"
                     r"|answer|identify|view|watch|provide|access|assist|help)"
                     r"|(?:it is|it's|is) (?:not possible|impossible|difficult|hard|unclear)(?: to (?:determine|tell|say|know|answer|identify))?|(?:cannot|can not|can't|could not"
                     r"|couldn't) be (?:determined|answered|known|identified)"
                     r"|(?:not|n't) (?:\w+ )?(?:enough|sufficient) information|insufficient information|no (?:precise|exact|specific) \w+ (?:can|could) be (?:given|determined|named|stated)|no way to (?:tell|know)|unable to (?:determine|answer|tell|identify|see)"
                     r"|^\W*(?:unknown|unclear|uncertain|not sure|n/?a|none of the above|not (?:specified|applicable|available))\W*$)", re.I)
RIGHT = "(?:correct|right|true|expected|actual|desired|target|gold)"
WHAT = "(?:answer|label|annotation|solution|option|choice|class|category|value|sequence|order|interval|box|number|score|action|activity|time|caption|description|letter|result)"
TOLD = "(?:provided|given|supplied|told|stated|specified|known|disclosed|revealed|shared|named|indicated)"
LEAK = re.compile(
    r"\bas (?:was |is |already |previously )?(?:stated|given|provided|specified|told|labell?ed|annotated)\b(?! (?:in|by|on|during) the (?:video|clip|question|footage|scene|caption|frame"
    r"|screen))"
    r"|\b(?:the|this|that|your|our) (?:(?:given|provided|known|supplied|stated|specified|expected|gold|reference|ground[- ]truth|true) )+(?:correct )?(?:answer|label|annotation|solution"
    r"|score|class|action|interval)"
    r"|\b(?:answer|label|annotation|solution)s? (?:(?:that )?(?:was|is|were|has been|had been) |that is |already |which (?:is|was) )?(?:already )?(?:given|provided|supplied|known|told"
    r"|stated|specified)\b(?! (?:by the video|in the video))"
    r"|\b(?:we|i|you|one) (?:already |do |now )?(?:know|knew|are told|were told|am told|was told|are given|were given|was given|have been (?:told|given))\b(?: (?:that|from|by))? (?:the "
    r"|its |correct |right |true |given )*(?:answer|label|ground|hint|annotation)"
    r"|\b(?:since|because|given(?: that)?|knowing(?: that)?|as|considering(?: that)?|assuming(?: that)?) (?:the |its |our |correct |right |final |true |given |known )*(?:answer|label)\b"
    r"|\b(?:according to|based on|judging by|consistent with|matches|match|following|per|from|in line with|to match|supports?|justif(?:y|ies)|explains?) (?:the |your |given |provided "
    r"|known |correct |gold |reference )*(?:answer|label|hint|annotation|ground[- ]truth)\b"
    r"|\b(?:question|prompt|input|text|task|instructions?|user) (?:already )?(?:tells|gives|says|states|provides|mentions|contains)(?: us| me)?(?: that)? (?:the |an )(?:\w+ )?(?:answer|label)\b"
    r"|\bprovided (?:information|answer|label|hint|solution)\b"
    r"|\b(?:indicated|suggested|implied|stated|given|told|confirmed) by (?:the|your) (?:answer|label|hint)|\b(?:answer|label)\b[^.:\n]{0,30} is (?:already )?(?:given|provided"
    r"|known)\b(?! (?:by|in) (?:the|this) (?:video|clip|scene))|\byour (?:answer|label)\b"
    rf"|\b{RIGHT} {WHAT}s?\b(?! (?:must|would|should|could|can))[^.:;,\n]{{0,30}}?\b(?:was|is|were|has been|have been|had been|being)\b (?:already |also |just |only )*{TOLD}\b(?! (?:by|in|on) the (?:video|clip|scene))"
    rf"|\b{RIGHT} {WHAT} (?:{TOLD})\b(?! (?:by|in|on) the (?:video|clip|scene))"
    rf"|\b{WHAT}s? (?:(?:was|were|has been|have been|had been) (?:already |just )*(?:provided|supplied|given|disclosed|revealed|told)\b(?! (?:to|by|a|an|in the (?:video|clip))\b)|(?:provided|supplied|given|stated) (?:in|by|as|with) (?:the |an? |your )?(?:answer|label|annotation|prompt|question|hint))"
    rf"|\b{TOLD} (?:to (?:me|us) )?(?:in|by|as|with) (?:the |an? |your )?(?:correct |right |true |final )*(?:answer|label|annotation|solution)\b"
    rf"|\b(?:answer|label|annotation|{RIGHT} {WHAT}) being\b|\banswer key\b|\bkn(?:ow|owing|ew|own) (?:already )?(?:that |what )?(?:the |its )?{RIGHT} {WHAT}\b|\bkn(?:ow|owing|ew|own) (?:already )?(?:that |what )?(?:the |its )(?:answer|label)\b"
    rf"|\b(?:being|having been|been) (?:told|informed)\b (?:that|the|of)\b|\b(?:because|since|as) (?:it|this|that|they) (?:has been|have been|was|is|were|are|had been) (?:already )?(?:provided|given|told|stated|supplied)\b(?! (?:to|by|an?)\b)"
    r"|\b(?:the|its) (?:label|reference|annotation)(?: (?:box|interval|time|score|class|caption|answer|value|number))? (?:is|was|says|states|reads|gives|has) (?:that |it |as |the answer )?(?:['\"\[(\d]|(?:yes|no|true|false)\b)"
    r"|\b(?:the|this|my) reference(?: (?:answer|label|box|caption|solution|value))? (?:says|states|gives|tells|reads|lists|names|is|was)\b|\bit(?:'s| is| was| has been) (?:already |just )?(?:given|stated|specified|told|provided) (?:to me |to us )?that\b"
    r"|\b(?:i|we)(?: was| were|'ve been| have been| am|'m) (?:asked|required|instructed|supposed|meant) to (?:justify|rationali[sz]e|support|defend|arrive at|end up|reach|give a reason)\b|\bfits? the (?:given )?(?:label|answer)\b|\bthe label (?:given|provided)\b"
    r"|\bground[- ]truth\b|\bthe hint\b|\b(?:the|your) (?:label|answer|annotation) (?:says|states|tells|indicates|suggests|mentions|specifies)\b"
    r"|\b(?:i|we) (?:was|were|have been|am|are) (?:told|informed|given)\b|\byou (?:have )?(?:told|gave|said|stated|provided|mentioned)\b|\bthe answer you\b", re.I)
WORDS = re.compile(r"[^\W_]+")


def degenerate(answer, text, question):
    """Why an answer says nothing at all: empty, no words, one phrase over and over, the question again, a refusal. Empty string where it does."""
    tokens = WORDS.findall(text.lower())
    if not tokens:
        return "empty" if not answer.strip() else "no words"
    if len(tokens) >= 12 and len(set(tokens)) <= max(2, len(tokens) // 8):
        return "repeats a few words"
    said = [s for s in (WORDS.findall(s.lower()) for s in read.sentences(text)) if len(s) > 2]
    if len(said) > 2 and max(map(said.count, said)) > max(2, len(said) // 2):
        return "one sentence over and over"
    if len(tokens) >= 24 and looping(tokens):
        return "one phrase over and over"
    asked = WORDS.findall(question.lower())
    final = read.final(text)
    said = WORDS.findall(final.texts[0].lower())
    if len(asked) > 2 and (said == asked or final.texts[0].endswith("?") and len(said) > 2 and sum(w in asked for w in said) >= 0.75 * len(said)):
        return "repeats the question"
    if REFUSAL.search(final.texts[0] if final.marked else text):
        return "refuses"
    return ""


def looping(tokens):
    """Whether a phrase of up to 12 words is said five times in a row (one word: seven times)."""
    triples = list(zip(tokens, tokens[1:], tokens[2:]))
    if len(triples) - len(set(triples)) < 4:
        return False  # the usual case, decided cheaply
    for length in range(1, 13):
        run = 0
        for a, b in zip(tokens, tokens[length:]):
            run = run + 1 if a == b else 0
            if run >= max(4 * length, 6):
                return True
    return False


def leaks(text):
    """The words by which a rationalization shows that it was told the answer, or an empty string."""
    match = LEAK.search(text)
    return match[0] if match else ""


# ---------------------------------------------------------------- the rules: does what was found hold against the label?

def iou(a, b):
    """Intersection over union of two intervals [start, end] or two boxes [x1, y1, x2, y2]."""
    half = len(a) // 2
    shared = size_a = size_b = 1.0
    for i in range(half):
        shared *= max(0.0, min(a[i + half], b[i + half]) - max(a[i], b[i]))
        size_a *= a[i + half] - a[i]
        size_b *= b[i + half] - b[i]
    union = size_a + size_b - shared
    return shared / union if union > 0 else 0.0


def overlap_holds(value, label):
    """Interval or box: IoU strictly over 0.5 (the official code's figure)."""
    return iou(value, label["value"]) > label.get("tolerance", IOU)


def time_holds(value, label, duration):
    """Time: within 10 % of the clip's duration; without one, of the label's value, half a second at least. Both ends of a range must hold."""
    whole = 1.0 if label.get("unit") == "fraction" else duration or max(abs(label["value"]), 5.0)
    ends = value if isinstance(value, tuple) else (value,)
    return all(abs(end - label["value"]) <= label.get("tolerance", TIME) * whole + 1e-9 for end in ends)


def number_holds(value, label):
    """Number: within 5 % of the label (the paper's margin), 0 only by 0. Both ends of a range must hold."""
    gold = float(label["value"])
    ends = value if isinstance(value, tuple) else (value,)
    return all(abs(end - gold) <= label.get("tolerance", NUMBER) * abs(gold) + 1e-9 for end in ends)


# ---------------------------------------------------------------- from a final text to a value

class Asked(NamedTuple):
    """What a parser may know besides the text."""
    label: dict
    duration: float | None
    question: str
    vocabulary: tuple
    embed: Callable | None


REMARKS = ("class", "choice", "boolean", "number", "time", "box")  # kinds whose final line may go on with remarks after the sentence that decides
GOES_ON = re.compile(r"^\W*(?:or|alternatively|possibly|maybe|perhaps|but|though|however|it (?:could|might|may))\b", re.I)


def parsed(final, asked):
    """Found(value) of the first deciding text that says anything of the label's kind."""
    kind, found = asked.label["kind"], Found(None, "nothing said", True)
    # without an answer line a class or sequence is what the conclusion or the whole text asserts, not what the last sentence happens to mention
    whole = not final.marked and (kind in ("class", "sequence") or kind == "text" and len(read.sentences(final.texts[-1])) <= 3)
    for at, text in enumerate(final.texts):
        if whole and at < len(final.texts) - 1 and not read.CONCLUDING.search(text):
            continue
        text = read.corrected(text, read.CORRECTION) if kind == "boolean" else read.corrected(text)
        for statement in statements(text) if final.marked and kind in REMARKS else (text,):
            found = PARSERS[kind](statement, final.marked, asked)
            if not found.missing and not found.why.endswith(" denied"):
                return found
        if not found.missing:
            break
    return found


def statements(text):
    """A final line's sentences, each with those that take it back or hedge it ("B. Or maybe C."), and then all of it."""
    said = []
    for sentence in read.sentences(text)[:8]:
        if said and (GOES_ON.match(sentence) or said[-1].endswith("?")):
            said[-1] += " " + sentence
        else:
            said.append(sentence)
    return said if said[-1:] == [text] else [*said, text]


SO = re.compile(r"[:;,.] ?(?:so|therefore|thus|hence) |: |[.;,] (?=(?:this|the|it)(?: \w+)? is )")


OPEN = re.compile(r"\bor (?:perhaps|maybe|possibly|even|else)\b|\bany of (?:the|these|them)\b[^.;]{0,20}\bpossible\b", re.I)


def class_of(text, marked, asked):
    """Class: the one member of the vocabulary asserted; where none is named, the member the text is clearly nearest to in meaning."""
    names, aliases = closed(asked.label, asked.vocabulary)
    if OPEN.search(text):
        return Found(None, "hedges")
    found = member(read.core(text) if marked else text, names, aliases)
    if found.why.startswith("several") and (concluded := member(SO.split(text.lower())[-1], names, aliases)).value:
        return concluded  # "legs straight, hips bent: this is a pike"
    return found if not found.missing or asked.embed is None or not marked and len(read.sentences(text)) > 1 else nearest(text, names, asked.embed) or found


def closed(label, vocabulary):
    """The vocabulary of a class label (its options, else every value of its name, with its own) and the aliases of its value."""
    names = tuple(label.get("options") or vocabulary or ())
    return names if label["value"] in names else (*names, label["value"]), tuple((alias, label["value"]) for alias in label.get("aliases", ()))


PREAMBLE = re.compile(r"^\W*(?:(?:in|from) (?:the|this) (?:video|clip),? |(?:the|this) (?:video|clip) (?:shows|depicts) |(?:we|i|you) (?:can |could )?(?:see|observe) |(?:the|a|an"
                      r"|this) (?:person|man|woman|people|shape|object|boy|girl|subject|individual) "
                      r"|(?:he|she|it|they) |(?:is|are|was|were) |there (?:is|are) )+", re.I)


VAGUER = re.compile(r"\b(?:some|a|any|certain) (?:kind|sort|type|form|piece) of\b|\b(?:something|somehow|somewhere|an? (?:\w+ )?(?:animal|creature|pet|thing|object|item|tool|device|instrument|vehicle|activity|sport|game|exercise|action|food|meal"
                    r"|drink|beverage|fruit|vegetable|plant|garment|toy|machine|utensil|appliance|person|place|room))[ .!]*$", re.I)


def nearest(text, names, embed):
    """The member of a vocabulary clearly nearest to a text by embedding (a synonym), or None; denied, hedged and contradicted ones are none."""
    phrase = PREAMBLE.sub("", read.core(text)).strip(" .!\n")
    tokens = words_of(phrase.lower())
    if VAGUER.search(phrase) and not any(VAGUER.search(name.lower()) for name in names):
        return None
    if not phrase or len(tokens) > 25 or {"not", "no", "or"} & set(tokens) or read.HEDGED.search(phrase):
        return None
    stems, known = {stem(t) for t in tokens}, index(names).frequency
    exchanged = {i: pair for i, name in enumerate(names) if (pair := exchange(phrase, name))}
    vectors = embed([phrase, *names, *(words for pair in exchanged.values() for words in pair)])
    similar = vectors[1: len(names) + 1] @ vectors[0]
    for i, name in enumerate(names):
        own = {stem(w) for w in words_in(name.lower())}
        if any(OPPOSITES.get(s, set()) & (stems - own) for s in own - stems):
            similar[i] = -1.0  # "switching on the light" is not "turning off light", however near
    for i, at in zip(exchanged, range(len(names) + 1, len(vectors), 2)):
        if vectors[at] @ vectors[at + 1] < EXCHANGED:
            similar[i] = min(similar[i], SYNONYM - 0.01)  # "stacking wood" is not "chopping wood"
    best = int(np.argmax(similar))
    own = {stem(w) for w in words_in(names[best].lower())}
    unsaid = own - stems - OPTIONAL - LIGHT
    if not stems - own - OPTIONAL and unsaid and (unsaid & ANTONYMS.keys() or similar[best] < WHOLE):
        return None  # "walking" says less than "walking the dog", "mopping" hardly less than "mopping floor"
    mates = {n for s in unsaid for n in FAMILIES.get((s,), ())}
    if any(s in IDLE or s in known and not FAMILIES.get((s,), frozenset()) & mates or s == "els" for s in stems - own - OPTIONAL):
        return None  # it says a word of another member ("eating pizza", "making pizza"), or what one does with a thing besides ("holding a guitar")
    rest = float(np.partition(similar, -2)[-2]) if len(names) > 1 else ALONE - MARGIN
    return Found(names[best]) if similar[best] >= SYNONYM and similar[best] - rest >= MARGIN else None


def exchange(said, name):
    """Where two phrases share a word: the other words of each, which must then mean the same; None where they share none or a verb says nothing."""
    a, b = ({stem(w): w for w in words_in(text.lower()) if w not in OPTIONAL and w not in PRONOUNS} for text in (said, name))
    if not a.keys() & b.keys() or not a.keys() - b.keys() or not b.keys() - a.keys() or (a.keys() ^ b.keys()) & LIGHT:
        return None
    return " ".join(w for s, w in a.items() if s not in b), " ".join(w for s, w in b.items() if s not in a)


def choice_of(text, marked, asked):
    """Choice: by letter or words; where neither is there, the option clearly nearest in meaning."""
    options = asked.label["options"]
    found = read.choice(text, options, marked)
    close = nearest(text, tuple(options), asked.embed) if found.missing and asked.embed and marked else None
    return Found(chr(ord("A") + options.index(close.value))) if close else found


def sequence_of(text, marked, asked):
    """Sequence: the members of the vocabulary (or the label's own steps) in the order of time; free steps not named word for word by embedding."""
    label, wanted, low = asked.label, asked.label["value"], (read.core(text) if marked else text).lower()
    said = steps(low, tuple(dict.fromkeys([*(label.get("options") or asked.vocabulary or ()), *wanted])))
    if said is None:
        return Found(None, "hedges")
    if set(said) >= set(wanted) or "options" in label or asked.embed is None:
        return Found(said) if said else Found(None, "no step named", True)
    return aligned(low, wanted, asked.embed) or (Found(said) if said else Found(None, "no step named", True))


FIGURES = re.compile(r"\d+(?:\.\d+)?")


def aligned(text, wanted, embed):
    """Steps in other words: each clause, in the order of time, is the step whose words it says, or else is nearest to if not contradicted."""
    said = clauses(text)
    if not said:
        return None
    strict = bool(shared_things(wanted)) and not shared_things(wanted) & {stem(w) for w in words_in(text)}  # none of the things the steps are about is named
    words = list(dict.fromkeys(w.text for clause in said for step in wanted for side in compared(clause, step) for w in side))
    vectors = embed([*said, *wanted, *words])
    of = dict(zip(words, vectors[len(said) + len(wanted):]))
    similar = vectors[: len(said)] @ vectors[len(said): len(said) + len(wanted)].T
    for i, clause in enumerate(said):
        for j, step in enumerate(wanted):
            similar[i, j] = likeness(clause, step, float(similar[i, j]), lambda x, y: float(of[x.text] @ of[y.text]), wanted, strict, text)
    order = [wanted[int(np.argmax(row))] for row in similar if row.max() >= COSINE]
    return Found([step for at, step in enumerate(order) if at == 0 or order[at - 1] != step]) if order else None


def likeness(clause, step, cosine, similarity, wanted, strict, text):
    """How surely a clause is a step, -1 where it is not: by name, by all its words, by its verb alone, else by cosine of the whole if no word is exchanged."""
    named = member(clause, (step,))
    if named.value or not named.missing:
        return 1.0 if named.value else -1.0
    pairs = paired(clause, step, similarity, text if {"it", "them", "they"} & set(words_in(clause)) else "")  # "it" is something named elsewhere
    if contradicts(clause, step) or pairs.exchanged or FIGURES.findall(clause) != FIGURES.findall(step):
        return -1.0
    if pairs.covered >= 1:
        return 0.98
    said, meant = meaningful(clause), meaningful(step.lower())
    if len(said) == 1 and said[0].verb and sum(bool(alike(said[0], w)) for other in wanted for w in meaningful(other.lower())[:1]) == 1 and meant and alike(said[0], meant[0]):
        return 0.9  # "parks" for "park the car"
    if strict or pairs.unsaid and pairs.added:
        return min(cosine, ALONE) if not strict and cosine >= ALONE and same_verbs(clause, step) else -1.0
    return cosine


PARSERS = {
    "class": class_of,
    "sequence": sequence_of,
    "choice": choice_of,
    "text": lambda text, marked, asked: Found(text, "no words", not text.strip()),
    "interval": lambda text, marked, asked: read.interval(text, asked.label.get("unit", "seconds"), asked.duration, marked),
    "time": lambda text, marked, asked: read.time(text, asked.label.get("unit", "seconds"), asked.duration, marked),
    "box": lambda text, marked, asked: read.box(text, marked),
    "number": lambda text, marked, asked: read.number(text, asked.question, asked.label["name"], marked, 0 < abs(asked.label["value"]) < 1),
    "boolean": lambda text, marked, asked: boolean(text, asked.question),
}


# ---------------------------------------------------------------- sentences

def text_holds(said, label, question, embed):
    """Text: the answer says what the label says, and by no word the contrary or another thing in a word's place.

    It does where it says most of the label's words, or ones like them, at a cosine of ROUGHLY; else at a cosine of 0.6 of both sentences, or of what
    each adds to the question ((question + sentence) - question), if (question + sentence) is the nearer the fewer words both share, because an
    embedding hardly sees one word exchanged. Tuned on development sentences.
    """
    wanted, asked = label["value"], question.strip() or "What happens in the video?"
    said = list(dict.fromkeys([said, *read.sentences(said)]))[:8]
    words = list(dict.fromkeys(w.text for sentence in said for side in compared(sentence, wanted) for w in side))
    vectors = embed([asked, wanted, f"{asked} {wanted}", *said, *(f"{asked} {s}" for s in said), *words])
    both, alone, after, of = vectors[2], vectors[3: 3 + len(said)], vectors[3 + len(said):], dict(zip(words, vectors[3 + 2 * len(said):]))
    best, against = 0.0, []
    for sentence, vector, context in zip(said, alone, after):
        near = float(vector @ vectors[1]) >= NEAR
        pairs = paired(sentence, wanted, lambda x, y: float(of[x.text] @ of[y.text]), question, near)
        against.append(contradicts(sentence, wanted, near) or pairs.exchanged)
        if against[-1]:
            continue
        cosine, added, joint = float(vector @ vectors[1]), unit(context - vectors[0]) @ unit(both - vectors[0]), float(context @ both)
        agree = cosine >= SURE or joint >= AGREEMENT - SHARED * overlap(sentence, wanted)
        whole = max(cosine, float(added)) if agree and pairs.covered >= 0.5 else min(cosine, COSINE - 0.01)
        best = max(best, whole, max(cosine, COSINE) if pairs.covered >= COVERED and cosine >= ROUGHLY else 0.0, 1.0 if within(sentence, wanted) else 0.0)
    return best >= label.get("tolerance", COSINE), f"cosine {best:.2f}" if best or not any(against) else against[-1]


SURE, AGREEMENT, SHARED, COVERED, ROUGHLY, NEAR = 0.92, 0.93, 0.12, 0.8, 0.45, 0.95


def unit(vector):
    return vector / max(float(np.linalg.norm(vector)), 1e-9)


def overlap(said, wanted):
    """Dice coefficient of the content words of two sentences."""
    a, b = (set(content(words_in(text.lower()))) for text in (said, wanted))
    return 2 * len(a & b) / max(1, len(a) + len(b))


def within(said, wanted):
    """Whether a short label (a name, an object) is said word for word, with no other beside it."""
    return len(content(words_in(wanted.lower()))) <= 3 and not BEING & set(words_in(wanted.lower())) and member(said, (wanted,)).value is not None and not re.search(r"\b(?:or|and)\b", said)


# ---------------------------------------------------------------- several labels in one answer

def share(text, labels):
    """Each label's part of a text, by its name as a cue: "score: 63; difficulty: 3.2", "a score of 63 with difficulty 3.2", "63 for the score"."""
    low, cues = text.lower(), []
    for label in labels:
        name = label["name"].lower().replace("_", " ")
        places = [at for word in (name, *(w for w in name.split() if len(w) > 3)) if (at := low.find(word)) >= 0]
        cues.append((places[0], places[0] + len(name)) if places else None)
    known = sorted(cue for cue in cues if cue)
    if not known:  # values alone, in the labels' order
        return next((parts for mark in ";," if len(parts := text.split(mark)) == len(labels)), [None] * len(labels))
    value_first = re.search(r"\d", low[: known[0][0]]) and not re.search(r"\d", low[known[-1][1]:])
    parts = []
    for cue in cues:
        if cue is None:
            parts.append(None)
        elif value_first:
            parts.append(text[max((end for _, end in known if end <= cue[0]), default=0): cue[0]].strip(" ;,()\n"))
        else:
            parts.append(text[cue[0]: min((start for start, _ in known if start > cue[0]), default=len(text))].strip(" ;,\n"))
    return parts


# ---------------------------------------------------------------- the verifier

def vocabularies(records):
    """Label name -> every value that class labels of this name take in `records` (an iterable), sorted; for labels without own options."""
    found = {}
    for record in records:
        for label in record["labels"]:
            if label["kind"] == "class":
                found.setdefault(label["name"], set()).add(label["value"])
    return {name: tuple(sorted(values)) for name, values in found.items()}


def parse(answer, label, duration=None, question="", vocabulary=(), embed=None):
    """The value of the label's kind that an answer asserts, or None: a class name, seconds or fractions, a box, a number, a letter, a bool, a list of steps."""
    value = parsed(read.final(read.clean(answer), label["kind"] == "sequence"), Asked(label, duration, question, vocabulary, embed)).value
    return sum(value) / 2 if isinstance(value, tuple) else value


def check(label, final, record, vocabulary, embed):
    """One label against what the answer finally says: {"holds", "parsed", "why"} and whether anything was found."""
    kind, duration = label["kind"], record.get("duration")
    found = parsed(final, Asked(label, duration, record.get("question", ""), vocabulary.get(label["name"], ()), embed))
    value, gold = found.value, label["value"]
    if value is None:
        return {"holds": False, "parsed": None, "why": found.why}, found.missing
    why = ""
    if kind in ("interval", "box"):
        holds = overlap_holds(value, label)
        why = f" (IoU {iou(value, gold):.2f})"
    elif kind == "time":
        holds = time_holds(value, label, duration)
    elif kind == "number":
        holds = number_holds(value, label)
    elif kind == "text":
        holds, why = text_holds(value, label, record.get("question", ""), embed)
        return {"holds": holds, "parsed": value, "why": why}, False
    else:
        holds = value == gold
    shown = list(value) if isinstance(value, tuple) else value
    return {"holds": bool(holds), "parsed": shown, "why": f"said {told(shown)}, label {told(gold)}{why}"}, False


def told(value):
    if isinstance(value, list):
        return "[" + ", ".join(told(v) for v in value) + "]"
    return f"{value:.4g}" if isinstance(value, float) and abs(value) < 1e4 and value != int(value) else str(value)


DEFAULT = Embedder()  # loads its model when a record first needs one


def verify(record, vocabulary, embed=None):
    """{"checks": one per label, "verdict": correct | wrong | unparsed | degenerate | leaked | error, "why"}; for any answer string."""
    return judge(record, vocabulary, embed or DEFAULT)


def attempt(record, vocabulary):
    """(result, texts): `verify`'s result where words decide, with no texts; else the strings to embed before it can be known."""
    wanted = []

    def note(strings):
        wanted.extend(strings)
        return np.zeros((len(strings), 1), np.float32)
    result = judge(record, vocabulary, note)
    return (None, list(dict.fromkeys(wanted))) if wanted else (result, [])


def judge(record, vocabulary, embed):
    labels, answer = record["labels"], record.get("answer")
    if not isinstance(answer, str):
        why = str(record.get("error") or "no answer")
        return {"checks": [{"holds": False, "parsed": None, "why": why} for _ in labels], "verdict": "error", "why": why}
    text = read.clean(answer)
    question = record.get("question", "")
    for verdict, why in (("degenerate", degenerate(answer, text, question)), ("leaked", record.get("origin") == "rationalized" and leaks(text))):
        if why:
            return {"checks": [{"holds": False, "parsed": None, "why": why} for _ in labels], "verdict": verdict, "why": why}
    checks, missing = [], []
    final = read.final(text, len(labels) > 1 or labels[0]["kind"] == "sequence")
    parts = share(final.texts[0], labels) if len(labels) > 1 else [None]
    for label, part in zip(labels, parts):
        own = read.Final((part,), final.marked) if part else final
        result, absent = check(label, own, record, vocabulary, embed)
        checks.append(result)
        missing.append(absent)
    failed = [c for c in checks if not c["holds"]]
    if not failed:
        return {"checks": checks, "verdict": "correct", "why": "; ".join(c["why"] for c in checks)}
    only_missing = all(m for c, m in zip(checks, missing) if not c["holds"])
    return {"checks": checks, "verdict": "unparsed" if only_missing else "wrong", "why": "; ".join(c["why"] for c in failed)}
