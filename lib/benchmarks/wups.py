"""WUPS, the score of NExT-QA's open answers: how near the words of two short texts are in WordNet (Wu and
Palmer, 1994; Malinowski and Fritz, 2014), as the official eval_oe.py computes it.

The published figures are those of NLTK 3.5 with WordNet 3.0: a simulated root above verbs alone. From 3.6 on
NLTK sees one above adjectives and adverbs too, by which the same predictions score about a point less. So
WordNet is walked here.
"""

from functools import lru_cache

from lib.benchmarks.wordnet import KINDS, line_of, offsets, opened, synset, uses

# the endings that WordNet's own rules take off, and what they put there
ENDINGS = {
    "noun": "s> ses>s ves>f xes>x zes>z ches>ch shes>sh men>man ies>y",
    "verb": "s> ies>y es>e es> ed>e ed> ing>e ing>",
    "adj": "er> est> er>e est>e",
    "adv": "",
}
PARTS = {"NN": "noun", "JJ": "adj", "VB": "verb", "RB": "adv"}  # of speech, by the tagger's first letters
ROOT = ("", 0)  # above all verbs


# ---------------------------------------------------------------- WordNet


@lru_cache(maxsize=None)
def base_forms(word, kind):
    """What WordNet knows of a word and its forms without endings, as a kind of word."""
    irregular = line_of(opened(f"{kind}.exc"), word.encode()).decode().split()
    if irregular:
        return tuple(dict.fromkeys(form for form in irregular if offsets(form, kind)))
    endings = [pair.split(">") for pair in ENDINGS[kind].split()]
    forms = known = [word]
    while forms:
        forms = [f.removesuffix(old) + new for f in forms for old, new in endings if f.endswith(old)]
        found = tuple(dict.fromkeys(form for form in [*known, *forms] if offsets(form, kind)))
        if found:
            return found
        known = []
    return ()


@lru_cache(maxsize=None)
def first_synset(word):
    """(kind, offset) of the commonest meaning of a word, nouns before verbs, adjectives, adverbs; or None."""
    return next(((kind, offsets(form, kind)[0]) for kind in KINDS for form in base_forms(word, kind)), None)


@lru_cache(maxsize=None)
def name_of(place):
    """A synset as NLTK names it, by which equally deep ones are ordered; the root's name stands first."""
    if place == ROOT:
        return "*ROOT*"
    kind, offset = place
    word = synset(kind, offset)[0][0]
    return f"{word}.{kind[0]}.{offsets(word, kind).index(offset) + 1:02d}"


def above(place):
    """The synsets one step broader, of instances their class."""
    pointers = () if place == ROOT else synset(*place)[1]
    return [(kind, at) for sign, kind, at, _ in pointers if sign in ("@", "@i")]


@lru_cache(maxsize=None)
def depths(place):
    """(shortest, longest) way from a synset up to where nothing is above it, in steps."""
    ways = [depths(other) for other in above(place)]
    return (1 + min(w[0] for w in ways), 1 + max(w[1] for w in ways)) if ways else (0, 0)


@lru_cache(maxsize=None)
def ancestors(place, rooted):
    """{synset: steps up to it} of a synset, itself included; `rooted`: the root above all of them too."""
    steps, front = {}, [place]
    distance = 0
    while front:
        front = [other for other in dict.fromkeys(front) if other not in steps]
        steps |= dict.fromkeys(front, distance)
        front, distance = [other for each in front for other in above(each)], distance + 1
    if rooted:
        steps.setdefault(ROOT, max(steps.values()) + 1)
    return steps


@lru_cache(maxsize=None)
def similarity(a, b):
    """Wu and Palmer's similarity of two words' commonest meanings, 0 to 1; 0 where they share nothing."""
    if a == b:
        return 1.0
    one, other = first_synset(a), first_synset(b)
    if not one or not other:
        return 0.0
    rooted = one[0] == "verb"
    ups, others = ancestors(one, rooted), ancestors(other, rooted)
    shared = ups.keys() & others.keys()
    if not shared:
        return 0.0
    deepest = max(depths(place)[0] for place in shared)
    lowest = [place for place in shared if depths(place)[0] == deepest]
    subsumer = one if one in lowest else min(lowest, key=name_of)
    depth = depths(subsumer)[1] + 1
    ways = (steps_between(start, subsumer, rooted) for start in (one, other))
    return 2 * depth / sum(way + depth for way in ways)


def steps_between(start, subsumer, rooted):
    """The shortest way from a synset to one that is above it, over any that both have above them."""
    ups, others = ancestors(start, rooted), ancestors(subsumer, rooted)
    return min(ups[place] + others[place] for place in ups.keys() & others.keys())


# ---------------------------------------------------------------- texts


@lru_cache(maxsize=None)
def tagger():
    """NLTK's perceptron tagger, or None where its data are not there (see NOTE in nextqa_oe.py)."""
    from nltk.tag.perceptron import PerceptronTagger

    try:
        return PerceptronTagger()
    except LookupError:
        return None


def tagged(words):
    """[(word, its kind or "")] as NLTK tags them in this order; without its data by likeliest_kind."""
    if tagger() is None:
        return [(word, likeliest_kind(word.lower())) for word in words]
    return [(word, PARTS.get(tag[:2], "")) for word, tag in tagger().tag(list(words))]


@lru_cache(maxsize=None)
def likeliest_kind(word):
    """The kind of a word by itself: with a verb's ending a verb, else as what WordNet's texts use it most."""
    forms = {kind: min(base_forms(word, kind), key=len) for kind in KINDS if base_forms(word, kind)}
    if "verb" in forms and word.endswith(("ing", "ed")):
        return "verb"
    return max(forms, key=lambda kind: uses(forms[kind], kind), default="noun")


def base_form(word, kind):
    """A word as WordNet has it: its base form, else its stem, else as it is."""
    from nltk.stem import PorterStemmer

    kind = kind or tagged([word])[0][1] or "noun"
    form = min(base_forms(word, kind) or (word,), key=len)
    if first_synset(form):
        return form
    stem = PorterStemmer().stem(word)
    return stem if first_synset(stem) else word


@lru_cache(maxsize=None)
def content_words(text, stopwords):
    """The base forms of the words of a short text, those among `stopwords` (a frozenset) left out."""
    from nltk.tokenize import TreebankWordTokenizer

    words = tagged(TreebankWordTokenizer().tokenize(text))
    forms = [base_form(word.lower(), kind) for word, kind in words]
    return tuple(form for form in forms if form not in stopwords)


def one_way(words, others, threshold):
    """The product of each word's best similarity among `others`; words without any are passed over."""
    product, found = 1.0, False
    for word in words:
        best = 0.0
        for other in others:
            near = similarity(word, other)
            best = max(best, near if near >= threshold or word == other else 0.1 * near)
        if best:
            product, found = product * best, True
    return product if found else 0.0


def wups(answer, gold, threshold=0.0):
    """WUPS, 0 to 1, of two tuples of content words; similarities below the threshold count a tenth."""
    return min(one_way(answer, gold, threshold), one_way(gold, answer, threshold))
