"""The most telling sentences of a text, as they stand in it."""

import json
import os
import re
import sys
from collections import Counter

TEXT_MAX = 1_000_000
COMMON = frozenset(
    "a about above after again all also am an and any are as at be because been before being below between both but by can could "
    "did do does doing down during each few for from further had has have having he her here hers him his how i if in into is it "
    "its itself just may me might more most must my no nor not now of off on once one only or other our out over own per said same "
    "shall she should so some such than that the their them then there these they this those through to too under until up upon us "
    "very was we were what when where which while who whom why will with would you your".split())
# A full stop after these ends no sentence.
SHORT = frozenset("mr mrs ms dr prof sr jr st vs etc e.g i.e cf fig no vol approx inc ltd co dept est gen col sgt rev hon".split())
# The end of a sentence: its mark, what closes with it, and white space. Chinese and Japanese have none behind theirs.
END = re.compile(r"""[.!?…]+["'”’»)\]]*(?=\s)|[。！？]+[」』”）]*""")
WORD = re.compile(r"[^\W_]+(?:['’-][^\W_]+)*")


class BadInput(Exception):
    """What the caller can put right."""


def ends_here(paragraph, match):
    """Whether a mark ends a sentence: not that of an abbreviation or of initials, nor where it goes on in lower case."""
    following = paragraph[match.end():].lstrip()[:1]
    if match.group()[0] != ".":
        return not following.islower()
    before = paragraph[:match.start()].rsplit(None, 1)[-1:] or [""]
    last = before[0].strip("\"'“‘«([").lower()
    return not (following.islower() or last in SHORT or (len(last) == 1 and last.isalpha() and last != "i"))


def sentences_of(text):
    found = []
    for paragraph in re.split(r"\n\s*\n", text):
        paragraph = " ".join(paragraph.split())
        start = 0
        for match in END.finditer(paragraph + " "):
            if ends_here(paragraph, match):
                found.append(paragraph[start:match.end()].strip())
                start = match.end()
        found.append(paragraph[start:].strip())
    return [sentence for sentence in found if sentence]


def words_of(sentence):
    return [word for word in (match.group().lower() for match in WORD.finditer(sentence)) if word not in COMMON]


def summarise(text, max_sentences):
    sentences = sentences_of(text)
    words = [words_of(sentence) for sentence in sentences]
    frequency = Counter(word for line in words for word in line)
    # The mean weight of a sentence's words, as if it had at least 8 and no more than 30 counted.
    scores = [sum(frequency[word] for word in set(line)) / max(8, len(line)) * min(1, 30 / max(1, len(line))) for line in words]
    best = sorted(range(len(sentences)), key=lambda i: (-scores[i], i))[:max_sentences]
    return {"summary": " ".join(sentences[i] for i in sorted(best)), "sentence_count": len(best), "total_sentences": len(sentences)}


def answer(request):
    if not isinstance(request, dict) or not isinstance(request.get("text"), str):
        raise BadInput("the input must be an object whose 'text' is the text to shorten")
    text, max_sentences = request["text"], request.get("max_sentences", 3)
    if not text.strip():
        raise BadInput("'text' is empty")
    if len(text) > TEXT_MAX:
        raise BadInput(f"'text' has {len(text):,} characters, more than {TEXT_MAX:,}: give it in parts")
    if not isinstance(max_sentences, int) or isinstance(max_sentences, bool) or not 1 <= max_sentences <= 50:
        raise BadInput("'max_sentences' must be a whole number from 1 to 50")
    return summarise(text, max_sentences)


def read_input():
    try:
        with open(os.environ["SANDBOX_INPUT_FILE"], encoding="utf-8") as file:
            return json.load(file)
    except (ValueError, RecursionError) as problem:  # a number of thousands of digits, say
        raise BadInput(f"the input can't be used: {problem}") from problem


def main():
    try:
        result = answer(read_input())
    except BadInput as problem:
        print(f"text-summary: {problem}", file=sys.stderr)
        return 1
    # Half a character (a lone surrogate) has no UTF-8; it goes out as the JSON escape that it came as.
    with open(os.environ["SANDBOX_OUTPUT"], "w", encoding="utf-8", errors="backslashreplace") as file:
        json.dump(result, file, ensure_ascii=False)
    print(f"{result['sentence_count']} of {result['total_sentences']} sentences")
    return 0


if __name__ == "__main__":
    sys.exit(main())
