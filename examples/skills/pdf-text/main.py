"""Takes the text out of a PDF file. pdf.py reads the file, fonts.py its characters, page_text.py what its pages draw."""

import base64
import binascii
import json
import os
import sys

from page_text import PageText
from pdf import Pdf, PdfError

PAGES_MAX = 2000
FILE = "text.txt"


class BadInput(Exception):
    """What the caller can put right."""


def page_number(request, field, count, otherwise):
    value = request.get(field)
    if value is None:
        return otherwise
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise BadInput(f"'{field}' must be a whole number from 1 on")
    if field == "first_page" and value > count:
        raise BadInput(f"'first_page' is {value}, and the file has {count} pages")
    return min(value, count)


def decode(request):
    if not isinstance(request, dict) or not isinstance(request.get("pdf"), str):
        raise BadInput("the input must be an object whose 'pdf' is a PDF file as base64")
    text = request["pdf"]
    if text.startswith("data:"):  # as browsers give it
        text = text.partition(",")[2]
    try:
        return base64.b64decode("".join(text.split()), validate=True)
    except (binascii.Error, ValueError) as problem:
        raise BadInput(f"'pdf' is no base64: {problem}") from problem


def extract(request):
    pdf = Pdf(decode(request))
    pages = pdf.pages()
    if not pages:
        raise PdfError("no page was found in it")
    first = page_number(request, "first_page", len(pages), 1)
    last = page_number(request, "last_page", len(pages), len(pages))
    if last < first:
        raise BadInput(f"'last_page' is {last}, before 'first_page', which is {first}")
    if last - first >= PAGES_MAX:
        raise BadInput(f"{last - first + 1} pages are more than {PAGES_MAX}: ask for some with 'first_page' and 'last_page'")
    reader, found = PageText(pdf), []
    for number in range(first, last + 1):
        found.append({"page": number, "text": reader.read(pages[number - 1])})
    empty = [str(page["page"]) for page in found if not page["text"]]
    notes = reader.font_notes()
    if empty:
        shown = ", ".join(empty[:20]) + (" …" if len(empty) > 20 else "")
        notes.append(f"no text on page{'s' if len(empty) > 1 else ''} {shown}: empty, or an image, as scanned pages are")
    return {"page_count": len(pages), "pages": found, "characters": sum(len(page["text"]) for page in found), "notes": notes}


def read_input():
    try:
        with open(os.environ["SANDBOX_INPUT_FILE"], encoding="utf-8") as file:
            return json.load(file)
    except (ValueError, RecursionError) as problem:  # a number of thousands of digits, say
        raise BadInput(f"the input can't be used: {problem}") from problem


def main():
    try:
        result = extract(read_input())
    except BadInput as problem:
        print(f"pdf-text: {problem}", file=sys.stderr)
        return 1
    except PdfError as problem:
        print(f"pdf-text: the file can't be read: {problem}", file=sys.stderr)
        return 1
    with open(os.path.join(os.environ["SANDBOX_FILES_DIR"], FILE), "w", encoding="utf-8", errors="replace", newline="") as file:
        file.write("\n\f".join(page["text"] for page in result["pages"]) + "\n")
    # Half a character (a lone surrogate) has no UTF-8; it goes out as a JSON escape.
    with open(os.environ["SANDBOX_OUTPUT"], "w", encoding="utf-8", errors="backslashreplace") as file:
        json.dump(result, file, ensure_ascii=False)
    print(f"{result['characters']} characters on {len(result['pages'])} pages")
    return 0


if __name__ == "__main__":
    sys.exit(main())
