"""Counts what a text is made of."""

import json
import os
import re
import sys
import unicodedata
from collections import Counter

WORD = re.compile(r"[^\W_]+(?:['’-][^\W_]+)*")
END = re.compile(r"[.!?…。！？]+(?=[\"'”’»)\]]*(?:\s|$))|[。！？]+")
WORDS_PER_MINUTE = 230


class BadInput(Exception):
    """What the caller can put right."""


def count(text, top, case_sensitive):
    text = unicodedata.normalize("NFC", text)  # an e with an accent is one character, however it is written
    words = WORD.findall(text)
    frequency = Counter(words if case_sensitive else [word.lower() for word in words])
    most = sorted(frequency.items(), key=lambda item: (-item[1], item[0]))[:top]
    ends = len(END.findall(text))
    tail = text[[match.end() for match in END.finditer(text)][-1]:] if ends else text
    return {
        "words": len(words),
        "unique_words": len(frequency),
        "characters": sum(not unicodedata.combining(character) for character in text),
        "characters_without_spaces": sum(not character.isspace() and not unicodedata.combining(character) for character in text),
        "lines": len(text.splitlines()),
        "sentences": ends + bool(WORD.search(tail)),  # the last one may lack its full stop
        "reading_minutes": round(len(words) / WORDS_PER_MINUTE, 1),
        "top_words": [{"word": word, "count": times} for word, times in most],
    }


def answer(request):
    if not isinstance(request, dict) or not isinstance(request.get("text"), str):
        raise BadInput("the input must be an object whose 'text' is the text to count")
    top, case_sensitive = request.get("top", 10), request.get("case_sensitive", False)
    if not isinstance(top, int) or isinstance(top, bool) or not 0 <= top <= 1000:
        raise BadInput("'top' must be a whole number from 0 to 1000")
    if not isinstance(case_sensitive, bool):
        raise BadInput("'case_sensitive' must be true or false")
    return count(request["text"], top, case_sensitive)


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
        print(f"word-counter: {problem}", file=sys.stderr)
        return 1
    with open(os.environ["SANDBOX_OUTPUT"], "w", encoding="utf-8") as file:
        json.dump(result, file, ensure_ascii=False)
    print(f"{result['words']} words, {result['characters']} characters")
    return 0


if __name__ == "__main__":
    sys.exit(main())
