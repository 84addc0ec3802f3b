"""Answers that are not looked at: they say nothing at all, or show that the answer was told."""

import re
from collections import Counter

from lib.verifier.conclusion import final, sentences
from lib.verifier.languages import LEAK as CHINESE_LEAK
from lib.verifier.languages import REFUSAL as CHINESE_REFUSAL
from lib.verifier.layout import HEAD, TAIL, clean

# "I'm sorry", "I cannot tell", "it is unclear", "there is not enough information"; a whole text of "unknown"
REFUSAL = re.compile(
    r"""
    \b(?:
      i(?:'m|[ ]am)[ ](?:sorry|unable|not[ ]able|not[ ]sure|unsure|uncertain) | as[ ]an[ ]ai\b
      | (?:i[ ]|be[ ])?(?:can[ ]?not|can't|could[ ]not|couldn't|do[ ]not|don't|unable[ ]to)[ ](?:be[ ])?
        (?:determine|tell|see(?![ ](?:it|him|her|them)\b)|know|answer|identif|pick[ ]one|choose|decide
        |view|watch|provide|access|assist|help|made[ ]out|make[ ]out)
      | (?:it[ ]is|it's|is)[ ](?:unclear\b|(?:not[ ]possible|impossible|difficult|hard)[ ]to[ ]
        (?:determine|tell|say|know|answer|identify))
      | (?:not|n't)[ ](?:\w+[ ])?(?:enough|sufficient)[ ]information | insufficient[ ]information
      | no[ ](?:precise|exact|specific)[ ]\w+[ ](?:can|could)[ ]be | no[ ]way[ ]to[ ](?:tell|know)
    )
    | \bi(?:'d|[ ]would)[ ]need[ ](?:an?[ ]|more|to[ ]see)
    | \btoo[ ](?:dark|blurry|blurred|far|short|small|fast)[ ](?:\w+[ ]){0,2}to[ ](?:be[ ])?
      (?:tell|see|say|identify|determine|certain|sure)
    | ^\W*(?:unknown|unclear|uncertain|not[ ]sure|n/?a|none[ ]of[ ]the[ ]above
      |not[ ](?:specified|applicable|available))\W*$
    """,
    re.I | re.X,
)
TOLD = (
    "(?:provided|given|supplied|told|stated|specified|disclosed|revealed|known|labell?ed|annotated|informed)"
)
GOLD = "(?:answers?|labels?|annotations?|ground[- ]truth|hints?|solutions?|answer[ ]key)"
VALUE = "(?:answer|label|option|choice|class|value|sequence|order|interval|box|number|score|action|time)"
RIGHT = "(?:correct|right|true|expected|actual|gold|reference|desired)"
# but not "as given by the video"
NOT_SEEN = (
    r"(?!s?[ ](?:by|in|on|from|during|to|an?)[ ](?:the|this|an?)?[ ]?"
    r"(?!answer|label|prompt|question|me|us)\w)"
)
# By what a rationalization shows that it was told the answer
LEAK = re.compile(
    rf"""
    # "the given answer", "told the correct label", "the correct action was provided"
    \b{TOLD}[ ](?:\w+[ ]){{0,4}}?{GOLD}\b
    | \b(?:{GOLD}|(?:{RIGHT}[ ])?{VALUE}s?)\b(?:[ ](?:is|was|were|ha[sd]|have|been|already|just|as))*[ ]
      {TOLD}\b{NOT_SEEN}
    # "as stated", "because it was given", "it is stated that"
    | \b(?:as|because|since)(?:[ ](?:it|this|that|they|is|was|were|are|ha[sd]|have|been|already))*[ ]
      {TOLD}\b{NOT_SEEN}
    | \bit(?:'s|[ ]is|[ ]was|[ ]has[ ]been)[ ](?:already[ ])?{TOLD}[ ](?:to[ ](?:me|us)[ ])?that\b
    # "we were told", "knowing the right class", "you mentioned", "the user already told me"
    | \b(?:i|we)[ ](?:was|were|have[ ]been|am|are)[ ](?:told|informed|given)\b | \bbeen[ ](?:told|informed)\b
    | \bkn(?:ow|owing|ew|own)[ ](?:already[ ]|that[ ]|what[ ])*(?:the[ ]|its[ ])?
      (?:{RIGHT}[ ]{VALUE}|{GOLD})\b
    | \b(?:you|user)[ ](?:have[ ]|has[ ]|already[ ])*(?:told|gave|said|stated|provided|mentioned|wants[ ]me)\b
    | \byour[ ](?:answer|label)\b | \banswer[ ]you\b
    # "since the correct answer", "according to the label", "the label says", "the label is"
    | \b(?:since|because|given|considering|assuming|as|according[ ]to|based[ ]on|judging[ ]by
      |consistent[ ]with|match(?:es)?|per|in[ ]line[ ]with|supports?|justif(?:y|ies)|explains?|fits?)
      (?:[ ]that)?[ ](?:the|its)[ ](?:(?:{RIGHT}|final)[ ])?(?:{GOLD})\b
    | \b(?:the|its|this|my)[ ](?:label|annotation|reference|answer)(?:[ ]{VALUE})?[ ]
      (?:says|states|tells|indicates|suggests|mentions|specifies|reads|gives|lists|names)\b
    | \b(?:the|its|this)[ ](?:label|reference|annotation)(?:[ ]\w+)?[ ](?:is|was)\b
    | \b(?:question|prompt|input|text|task|instructions?|user)[ ](?:already[ ])?(?:tells|gives|says|states
      |provides|contains)[ ](?:us[ ]|me[ ]|that[ ]|the[ ]|an[ ]|\w+[ ])*(?:answer|label)\b
    # "I was asked to justify", "I should not mention", "work backwards"
    | \b(?:asked|required|instructed|supposed|meant|need|have)[ ]to[ ]
      (?:justify|rationali[sz]e|pretend|arrive[ ]at|support|defend|end[ ]up)\b
    | \b(?:should|must)(?:n't|[ ]not)[ ](?:mention|reveal|say|let[ ]on)[ ](?:that|the|it|i)\b
    | \b(?:{GOLD}|{RIGHT}[ ]{VALUE})[ ]being\b
    | \bwork(?:ing)?[ ]back(?:wards?)?[ ]from\b | \bground[- ]truth\b | \bthe[ ]hint\b | \banswer[ ]key\b
    """,
    re.I | re.X,
)
# what nobody gave with a question
HINT = re.compile(
    r"\b(?:according to|as|per|given|based on|(?:given|stated|provided|said) (?:in|by)) (?:the|this|your) "
    r"(?:provided |given )?(hint|ground[- ]truth|answer key|reference answer)\b"
    r"|\b(?:the|this|your) (hint|ground[- ]truth|answer key|reference answer) (?:says|states|tells|gives)\b",
    re.I,
)
WORDS = re.compile(r"[^\W_]+")
PIECE = HEAD + TAIL - 200  # of a thought, cleaned at once; each overlaps the next


def degenerate(answer, text, question):
    """Why an answer says nothing at all: empty, no words, one phrase over and over, the question again, a
    refusal. An empty string where it says something.
    """
    if not WORDS.search(text):
        return "empty" if not answer.strip() else "no words"
    if why := repeats(text):
        return why
    conclusion = final(text)
    if echoes(conclusion.texts[0], WORDS.findall(question.lower())):
        return "repeats the question"
    decisive = conclusion.texts[0] if conclusion.marked else text
    return "refuses" if REFUSAL.search(decisive) or CHINESE_REFUSAL.search(decisive) else ""


def repeats(text):
    """In what a text repeats itself, or an empty string."""
    tokens = WORDS.findall(text.lower())
    if 12 <= len(tokens) < 1000 and len(set(tokens)) <= max(2, len(tokens) // 8):
        return "repeats a few words"
    if sum(a == b for a, b in zip(tokens, tokens[1:])) >= max(6, len(tokens) // 3):
        return "repeats a few words"
    phrases = Counter(tuple(WORDS.findall(s.lower())) for s in sentences(text))
    phrases = Counter({words: n for words, n in phrases.items() if len(words) > 2})
    if phrases.total() > 2 and max(phrases.values()) > max(2, phrases.total() // 2):
        return "one sentence over and over"
    # a phrase of up to 12 words five times in a row, one word seven times
    for length in range(1, 13) if len(tokens) - len(set(tokens)) >= 6 else ():
        run = 0
        for a, b in zip(tokens, tokens[length:]):
            run = run + 1 if a == b else 0
            if run >= max(4 * length, 6):
                return "one phrase over and over"
    return ""


def echoes(text, question):
    """Whether a text is the question of the words `question`, or asks with most of its words."""
    words = WORDS.findall(text.lower())
    asks = text.endswith("?") and len(words) > 2 and sum(w in question for w in words) >= 0.75 * len(words)
    return len(question) > 2 and (words == question or asks)


def leaks(text):
    """The words by which a rationalization shows that it was told the answer, or an empty string."""
    match = LEAK.search(text) or CHINESE_LEAK.search(text)
    return match[0] if match else ""


def leaks_in(thought):
    """The same of a thought, which may be long, and is looked at as a whole."""
    pieces = (thought[at : at + PIECE + 200] for at in range(0, len(thought), PIECE))
    return next(filter(None, (leaks(clean(piece)) for piece in pieces)), "")
