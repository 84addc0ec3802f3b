"""Answers that are not looked at: they say nothing at all, or show that the answer was told."""

import re

from lib.verifier.conclusion import final, sentences

# What a refusal says; a deciding text of nothing else but "unknown" is one too
REFUSALS = (
    # "I'm sorry", "I am not sure"
    r"\b(?:i(?:'m| am) (?:sorry|unable|not able|not sure|unsure|uncertain)|as an ai\b",
    # "I cannot determine", "I don't know"
    r"i (?:can ?not|can't|could not|couldn't|do not|don't) (?:determine|tell|see|know"
    r"|answer|identify|view|watch|provide|access|assist|help)",
    # "it is impossible to tell", "it's unclear"
    r"(?:it is|it's|is) (?:not possible|impossible|difficult|hard|unclear)"
    r"(?: to (?:determine|tell|say|know|answer|identify))?",
    # "it cannot be determined"
    r"(?:cannot|can not|can't|could not|couldn't) be (?:determined|answered|known|identified)",
    # "there is not enough information"
    r"(?:not|n't) (?:\w+ )?(?:enough|sufficient) information|insufficient information",
    # "no exact number can be given"
    r"no (?:precise|exact|specific) \w+ (?:can|could) be (?:given|determined|named|stated)",
    # "there is no way to tell", "unable to see"
    r"no way to (?:tell|know)|unable to (?:determine|answer|tell|identify|see)",
    # the whole text is "unknown" or "none of the above"
    r"^\W*(?:unknown|unclear|uncertain|not sure|n/?a|none of the above"
    r"|not (?:specified|applicable|available))\W*$)",
)
REFUSAL = re.compile("|".join(REFUSALS), re.I)
RIGHT = "(?:correct|right|true|expected|actual|desired|target|gold)"
WHAT = (
    "(?:answer|label|annotation|solution|option|choice|class|category|value|sequence|order|interval|box"
    "|number|score|action|activity|time|caption|description|letter|result)"
)
TOLD = "(?:provided|given|supplied|told|stated|specified|known|disclosed|revealed|shared|named|indicated)"
# By what a rationalization shows that it was told the answer, each with an example
LEAKS = (
    # "as stated", but not "as stated in the video"
    r"\bas (?:was |is |already |previously )?(?:stated|given|provided|specified|told|labell?ed|annotated)\b"
    r"(?! (?:in|by|on|during) the (?:video|clip|question|footage|scene|caption|frame|screen))",
    # "the given answer", "your reference label"
    r"\b(?:the|this|that|your|our) (?:(?:given|provided|known|supplied|stated|specified|expected|gold"
    r"|reference|ground[- ]truth|true) )+(?:correct )?"
    r"(?:answer|label|annotation|solution|score|class|action|interval)",
    # "the answer was already given"
    r"\b(?:answer|label|annotation|solution)s? (?:(?:that )?(?:was|is|were|has been|had been) "
    r"|that is |already |which (?:is|was) )?(?:already )?"
    r"(?:given|provided|supplied|known|told|stated|specified)\b(?! (?:by the video|in the video))",
    # "we know that the correct answer", "I was told the label"
    r"\b(?:we|i|you|one) (?:already |do |now )?(?:know|knew|are told|were told|am told|was told"
    r"|are given|were given|was given|have been (?:told|given))\b(?: (?:that|from|by))? "
    r"(?:the |its |correct |right |true |given )*(?:answer|label|ground|hint|annotation)",
    # "since the correct answer"
    r"\b(?:since|because|given(?: that)?|knowing(?: that)?|as|considering(?: that)?|assuming(?: that)?) "
    r"(?:the |its |our |correct |right |final |true |given |known )*(?:answer|label)\b",
    # "according to the provided answer", "to match the label"
    r"\b(?:according to|based on|judging by|consistent with|matches|match|following|per|from"
    r"|in line with|to match|supports?|justif(?:y|ies)|explains?) "
    r"(?:the |your |given |provided |known |correct |gold |reference )*"
    r"(?:answer|label|hint|annotation|ground[- ]truth)\b",
    # "the question already tells us the answer"
    r"\b(?:question|prompt|input|text|task|instructions?|user) (?:already )?"
    r"(?:tells|gives|says|states|provides|mentions|contains)(?: us| me)?(?: that)? (?:the |an )"
    r"(?:\w+ )?(?:answer|label)\b",
    # "the provided hint"
    r"\bprovided (?:information|answer|label|hint|solution)\b",
    # "suggested by the answer"
    r"\b(?:indicated|suggested|implied|stated|given|told|confirmed) by (?:the|your) (?:answer|label|hint)",
    # "the answer to this is already known", "your answer"
    r"\b(?:answer|label)\b[^.:\n]{0,30} is (?:already )?(?:given|provided|known)\b"
    r"(?! (?:by|in) (?:the|this) (?:video|clip|scene))|\byour (?:answer|label)\b",
    # "the correct action was provided", "the right choice given"
    rf"\b{RIGHT} {WHAT}s?\b(?! (?:must|would|should|could|can))[^.:;,\n]{{0,30}}?"
    r"\b(?:was|is|were|has been|have been|had been|being)\b (?:already |also |just |only )*"
    rf"{TOLD}\b(?! (?:by|in|on) the (?:video|clip|scene))",
    rf"\b{RIGHT} {WHAT} (?:{TOLD})\b(?! (?:by|in|on) the (?:video|clip|scene))",
    # "the interval was provided", "the class provided in the answer"
    rf"\b{WHAT}s? (?:(?:was|were|has been|have been|had been) (?:already |just )*"
    r"(?:provided|supplied|given|disclosed|revealed|told)\b(?! (?:to|by|a|an|in the (?:video|clip))\b)"
    r"|(?:provided|supplied|given|stated) (?:in|by|as|with) (?:the |an? |your )?"
    r"(?:answer|label|annotation|prompt|question|hint))",
    # "given to me as the correct answer"
    rf"\b{TOLD} (?:to (?:me|us) )?(?:in|by|as|with) (?:the |an? |your )?(?:correct |right |true |final )*"
    r"(?:answer|label|annotation|solution)\b",
    # "the correct label being running", "knowing the right class", "knowing the answer"
    rf"\b(?:answer|label|annotation|{RIGHT} {WHAT}) being\b|\banswer key\b",
    rf"\bkn(?:ow|owing|ew|own) (?:already )?(?:that |what )?(?:the |its )?{RIGHT} {WHAT}\b",
    r"\bkn(?:ow|owing|ew|own) (?:already )?(?:that |what )?(?:the |its )(?:answer|label)\b",
    # "having been told that", "because it was already provided"
    r"\b(?:being|having been|been) (?:told|informed)\b (?:that|the|of)\b",
    r"\b(?:because|since|as) (?:it|this|that|they) (?:has been|have been|was|is|were|are|had been) "
    r"(?:already )?(?:provided|given|told|stated|supplied)\b(?! (?:to|by|an?)\b)",
    # "the label score is 63", "the reference says", "it is stated that"
    r"\b(?:the|its) (?:label|reference|annotation)"
    r"(?: (?:box|interval|time|score|class|caption|answer|value|number))? "
    r"(?:is|was|says|states|reads|gives|has) (?:that |it |as |the answer )?"
    r"(?:['\"\[(\d]|(?:yes|no|true|false)\b)",
    r"\b(?:the|this|my) reference(?: (?:answer|label|box|caption|solution|value))? "
    r"(?:says|states|gives|tells|reads|lists|names|is|was)\b",
    r"\bit(?:'s| is| was| has been) (?:already |just )?(?:given|stated|specified|told|provided) "
    r"(?:to me |to us )?that\b",
    # "I was asked to justify", "it fits the label"
    r"\b(?:i|we)(?: was| were|'ve been| have been| am|'m) (?:asked|required|instructed|supposed|meant) to "
    r"(?:justify|rationali[sz]e|support|defend|arrive at|end up|reach|give a reason)\b",
    r"\bfits? the (?:given )?(?:label|answer)\b|\bthe label (?:given|provided)\b",
    # "the ground truth", "the hint", "your label says"
    r"\bground[- ]truth\b|\bthe hint\b",
    r"\b(?:the|your) (?:label|answer|annotation) "
    r"(?:says|states|tells|indicates|suggests|mentions|specifies)\b",
    # "we were told", "as you mentioned", "the answer you gave"
    r"\b(?:i|we) (?:was|were|have been|am|are) (?:told|informed|given)\b",
    r"\byou (?:have )?(?:told|gave|said|stated|provided|mentioned)\b|\bthe answer you\b",
)
LEAK = re.compile("|".join(LEAKS), re.I)
WORDS = re.compile(r"[^\W_]+")


def degenerate(answer, text, question):
    """Why an answer says nothing at all: empty, no words, one phrase over and over, the question again, a
    refusal. Empty string where it does.
    """
    tokens = WORDS.findall(text.lower())
    if not tokens:
        return "empty" if not answer.strip() else "no words"
    if len(tokens) >= 12 and len(set(tokens)) <= max(2, len(tokens) // 8):
        return "repeats a few words"
    phrases = [words for words in (WORDS.findall(s.lower()) for s in sentences(text)) if len(words) > 2]
    if len(phrases) > 2 and max(map(phrases.count, phrases)) > max(2, len(phrases) // 2):
        return "one sentence over and over"
    if len(tokens) >= 24 and looping(tokens):
        return "one phrase over and over"
    conclusion = final(text)
    if echoes(conclusion.texts[0], WORDS.findall(question.lower())):
        return "repeats the question"
    if REFUSAL.search(conclusion.texts[0] if conclusion.marked else text):
        return "refuses"
    return ""


def echoes(text, asked):
    """Whether a text is the question of the words `asked`, or asks with most of its words."""
    said = WORDS.findall(text.lower())
    if len(asked) <= 2:
        return False
    if said == asked:
        return True
    return text.endswith("?") and len(said) > 2 and sum(w in asked for w in said) >= 0.75 * len(said)


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
