"""Statements: what a sentence affirms or denies of a question, and which steps it names in which order in time. Built on lib/words.py, no model."""
import re

from lib.words import BEING, OPPOSITES, OPTIONAL, Found, content, index, mentions, stem, words_in, words_of

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
AT_START = re.compile(r"[.;\n,] ?(?:and |but )?(?:right )?at the (?:start|beginning)\b(?! (?:and|then)\b)[^.;\n,]*$")
CLOSING = re.compile(r"\b(?:finally|lastly|last|at the end|in the end|ends?|ending|concludes?)\b")
LEADING_BEFORE = re.compile(r"(?:^|[.;\n,]) ?(?:and )?(?:right |just |shortly )?(?:before|prior to)\b(?! (?:that|this|which)\b)[^,.;\n]{0,30}$")
PAUSE = re.compile(r"[.;\n]")
TOGETHER = re.compile(r"^(?: (?:the|a|an|his|her) \w+)?,? ?and(?: (?!then|next|finally|lastly)\w+){0,3} ?$")
# "A, but not before B", "does not A until B" and "only after" in plainer words, and remarks that name no step
PLAINER = [(re.compile(pattern), said) for pattern, said in (
    (r"\bthe very (?=end|start|beginning|first|last)", "the "), (r"\b(?:do|does|did|is|are|was|were|has|have)(?: not|n't) ([^.;,\n]{1,60}?) (?:until|till|before)\b", r"\1 after"),
    (r",? ?\b(?:but |and |though )?(?:not|only|never) (?:before|until|till|after)\b", " after"), (r"\bno sooner\b", ""), (r"(?<=\w) \((?:[^()\s]+ ){2,12}[^()\s]+\)", ""))]


def plainer(text):
    """A lower-case text whose order in time is told by "before" and "after" alone, where it was told by "not before" or "not until"."""
    for pattern, said in PLAINER:
        text = pattern.sub(said, text)
    return text
RANKS = {"first": 1, "1st": 1, "second": 2, "2nd": 2, "third": 3, "3rd": 3, "fourth": 4, "4th": 4, "fifth": 5, "last": 9}
RANK_AFTER = re.compile(r"^ ?\(? ?(?:(?:is|was|are|comes?|came|goes|happens|being|as) )?(?:the )?(?:very )?(1st|2nd|3rd|4th|first|second|third|fourth|fifth|last)\b(?! then)(?: (?:one|trick|step|action|phase|colou?r))?(?= ?(?:[,.;)\n]|and\b|$))")
RANK_BEFORE = re.compile(r"\b(?:the )?(first|second|third|fourth|fifth|last) (?:(?:one|trick|step|action|phase|colou?r|thing|move|event) )?(?:(?:[a-z]+ ){0,2}(?:is|was|comes|shows?|turns|becomes|has) )?(?:the |a |an )?$")


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
    order, last, led_by_before, led_by_after = [], False, None, False
    for i, (start, end) in enumerate(spans):
        gap = text[spans[i - 1][1] if i else 0: start]
        tail = PAUSE.split(gap)[-1]
        fresh = i == 0 or len(tail) < len(gap)  # a new sentence
        at = len(order) - last  # something said to be last stays last
        together, led_by_after = led_by_after and (TOGETHER.match(gap) or start < spans[i - 1][1]), False
        if i and (EARLIER.search(gap) or not fresh and REVERSING.search(gap)):
            at, led_by_after = order.index(i - 1), not fresh
        elif together:
            at, led_by_after = order.index(i - 1) + 1, True  # "C after A and B"
        elif led_by_before is not None and not fresh and re.search(r",|\b(?:it|he|she|they)\b", gap) and not re.search(r"\b(?:then|and)\b", gap):
            at, led_by_before = order.index(led_by_before), None
        elif i and ((fresh or last) and OPENING.search(tail) or AT_START.search(gap)):
            at = 0
        order.insert(at, i)
        if fresh:
            led_by_before = i if LEADING_BEFORE.search(gap) else None
        last = last or i == 0 and bool(CLOSING.search(tail))
    return order


def steps(text, names):
    """The members of a vocabulary that a lower-case text asserts, from earliest to latest, immediate repetitions once; None where it says "or"."""
    tokens = with_things(words_of(plainer(text)), names)
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
        said.append((latest or known[0]) if token in ("it", "them") and tokens[i - 1] not in ("after", "before", "once", "when", "until") else token)
        if stem(token) in verbs and tokens[i + 1: i + 2] in ([","], ["and"]) and tokens[i - 1] not in BEING and not token.endswith("ed"):
            said.append(coming)
    return said


def shared_things(names):
    """The stems that two or more steps name, but for their verbs."""
    said = [set(content(words_in(name.lower()))[1:]) for name in names]
    return {s for own in said for s in own if sum(s in other for other in said) > 1}


CLAUSE = re.compile(r"[.;\n,]|->|\(?\b\d{1,2}[.)] |\b(?:and )?(?:then|next|finally|afterwards?|after that|followed by)\b|\b(?:before|after)\b|\band\b")


def clauses(text):
    """A lower-case text cut where one step ends and another begins, from earliest to latest."""
    text, spans, at = plainer(text), [], 0
    for m in [*CLAUSE.finditer(text), None]:
        end = m.start() if m else len(text)
        if len(text[at:end].strip()) > 2:
            spans.append((at, end))
        at = m.end() if m else end
    return [text[spans[i][0]: spans[i][1]].strip(" -0123456789.)") for i in in_time(text, spans[:40])]
