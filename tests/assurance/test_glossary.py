"""docs/glossary.md: what it names is there, and its words are in order."""

import pathlib
import re

ROOT = pathlib.Path(__file__).resolve().parents[2]
ROWS = re.findall(r"^\| \*\*([\w ]+)\*\* \| .+ \| (.+) \|$", (ROOT / "docs" / "glossary.md").read_text(), re.MULTILINE)


def test_each_word_has_a_file_that_is_there():
    assert len(ROWS) > 20
    missing = [(word, path) for word, places in ROWS for path in re.findall(r"`([^`]+)`", places) if not (ROOT / path).is_file()]
    assert missing == []


def test_each_words_file_knows_it():
    """The word, or its stem, is in the file that is named for it."""
    unknown = [word for word, places in ROWS
               if not any(word.split()[0][:4].lower() in (ROOT / path).read_text().lower() for path in re.findall(r"`([^`]+)`", places))]
    assert unknown == []


def test_words_are_in_order():
    words = [word for word, _ in ROWS]
    assert words == sorted(words)
