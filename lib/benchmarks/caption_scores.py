"""CIDEr-D (Vedantam et al., 2015), BLEU (Papineni et al., 2002) and ROUGE-L (Lin, 2004) as pycocoevalcap has
them, without Java: NLTK's Treebank tokenizer stands for Stanford's. METEOR and SPICE exist in Java only and
are not computed.

What an n-gram weighs in CIDEr follows from the references of the set that is scored: of a part of a set
(--limit) every score differs, and a single clip scores 0.
"""

from collections import Counter
from math import exp, log, sqrt

import numpy as np

# what pycocoevalcap leaves out behind Stanford's tokenizer
PUNCTUATION = frozenset("'' ' `` ` -LRB- -RRB- -LCB- -RCB- . ? ! , : - -- ... ;".split())
ORDER = 4  # of the longest n-grams
SIGMA = 6.0  # of CIDEr-D's length penalty, in words
BETA = 1.2  # how much more ROUGE-L looks at recall
TINY, SMALL = 1e-15, 1e-9  # in place of zeros in BLEU, as there


def words_of(caption):
    """The words of a caption in lower case, without punctuation, as a tuple."""
    from nltk.tokenize import TreebankWordTokenizer

    words = TreebankWordTokenizer().tokenize(" ".join(caption.split()), convert_parentheses=True)
    # as there in lower case before punctuation is left out: "-lrb-" stays, "(" in PTB's words
    return tuple(word.lower() for word in words if word.lower() not in PUNCTUATION)


def ngrams_of(words):
    """{n-gram: count} of all n-grams of 1 to ORDER words."""
    return Counter(words[i : i + n] for n in range(1, ORDER + 1) for i in range(len(words) - n + 1))


# ---------------------------------------------------------------- CIDEr-D


def weighted(ngrams, frequency, documents):
    """([{n-gram: tf-idf} by n], [norm by n], length) of a caption; as there, the length counts pairs of
    words.
    """
    vectors = [{} for _ in range(ORDER)]
    for ngram, count in ngrams.items():
        vectors[len(ngram) - 1][ngram] = count * (documents - log(max(1, frequency[ngram])))
    norms = [sqrt(sum(value * value for value in vector.values())) for vector in vectors]
    return vectors, norms, sum(count for ngram, count in ngrams.items() if len(ngram) == 2)


def likeness(one, reference):
    """The mean over n of the clipped cosines of two weighted captions, less for other lengths."""
    (vectors, norms, length), (others, other_norms, other_length) = one, reference
    total = 0.0
    for vector, norm, other, other_norm in zip(vectors, norms, others, other_norms):
        if norm and other_norm:
            shared = sum(min(value, other[g]) * other[g] for g, value in vector.items() if g in other)
            total += shared / (norm * other_norm)
    return total / ORDER * exp(-((length - other_length) ** 2) / (2 * SIGMA**2))


def cider(captions, references):
    """CIDEr-D of each caption, from 0 to 10. `captions`: words of each; `references`: lists of words."""
    counts = [[ngrams_of(words) for words in each] for each in references]
    frequency, documents = Counter(), log(len(references))
    for each in counts:
        frequency.update(set().union(*each))
    scores = []
    for words, each in zip(captions, counts, strict=True):
        one = weighted(ngrams_of(words), frequency, documents)
        near = [likeness(one, weighted(ngrams, frequency, documents)) for ngrams in each]
        scores.append(10 * sum(near) / len(near))
    return scores


# ---------------------------------------------------------------- BLEU, ROUGE-L


def bleu(captions, references):
    """[BLEU-1, ..., BLEU-4] of the whole set, from 0 to 1; lengths are held against the nearest
    reference's.
    """
    matches, guesses, length, nearest = [0] * ORDER, [0] * ORDER, 0, 0
    for words, each in zip(captions, references, strict=True):
        most = Counter()
        for reference in each:
            most |= ngrams_of(reference)
        for ngram, count in ngrams_of(words).items():
            matches[len(ngram) - 1] += min(count, most[ngram])
        for n in range(ORDER):
            guesses[n] += max(0, len(words) - n)
        length += len(words)
        nearest += min((abs(len(r) - len(words)), len(r)) for r in each)[1]
    product, scores = 1.0, []
    ratio = (length + TINY) / (nearest + SMALL)
    for n in range(ORDER):
        product *= (matches[n] + TINY) / (guesses[n] + SMALL)
        scores.append(product ** (1 / (n + 1)) * (exp(1 - 1 / ratio) if ratio < 1 else 1.0))
    return scores


def common_length(a, b):
    """Length of the longest common subsequence of two tuples of words."""
    row = np.zeros(len(b) + 1, int)
    for word in a:
        equal = row[:-1] + [word == other for other in b]
        row[1:] = np.maximum.accumulate(np.maximum(row[1:], equal))
    return int(row[-1])


def rouge_l(words, references):
    """ROUGE-L of a caption, from 0 to 1: of precision and recall the best over its references."""
    common = [common_length(words, reference) for reference in references]
    precision = max((c / len(words) for c in common), default=0.0) if words else 0.0
    recall = max(c / len(r) if r else 0.0 for c, r in zip(common, references))
    if not precision or not recall:
        return 0.0
    return (1 + BETA**2) * precision * recall / (recall + BETA**2 * precision)
