"""A report as Markdown or as one HTML file."""

import html
import json
import os
import re
import sys

SECTIONS_MAX, ROWS_MAX = 200, 5000
STYLE = ("body{font:16px/1.5 sans-serif;max-width:50rem;margin:2rem auto;padding:0 1rem;color:#111827}"
         "table{border-collapse:collapse}th,td{border:1px solid #d1d5db;padding:.3rem .6rem;text-align:left}"
         "th{background:#f3f4f6}code{background:#f3f4f6;padding:0 .2em}.by{color:#6b7280}")


class BadInput(Exception):
    """What the caller can put right."""


class Digits(float):
    """A number with the digits that it was written with: 1.10 stays 1.10 in a table."""

    def __new__(cls, text):
        self = super().__new__(cls, text)
        self.text = text
        return self


# ---- checks


def text_of(holder, field, where, required=False):
    value = holder.get(field)
    if value is None and not required:
        return ""
    if not isinstance(value, str) or (required and not value.strip()):
        raise BadInput(f"{where}'{field}' must be a text{' that is not empty' if required else ''}")
    return value


def check_section(section, where):
    if not isinstance(section, dict):
        raise BadInput(f"{where}must be an object")
    unknown = sorted(set(section) - {"heading", "text", "items", "table"})
    if unknown:
        raise BadInput(f"{where}{unknown[0]!r} is not known; there are heading, text, items, table")
    text_of(section, "heading", where, required=True)
    text_of(section, "text", where)
    items, table = section.get("items", []), section.get("table", [])
    if not isinstance(items, list) or not all(isinstance(item, str) for item in items):
        raise BadInput(f"{where}'items' must be a list of texts")
    if not isinstance(table, list) or not all(isinstance(row, dict) for row in table):
        raise BadInput(f"{where}'table' must be a list of objects")
    if max(len(items), len(table)) > ROWS_MAX:
        raise BadInput(f"{where}more than {ROWS_MAX} rows")


def check(request):
    if not isinstance(request, dict):
        raise BadInput("the input must be an object with 'title' and 'sections'")
    text_of(request, "title", "", required=True)
    for field in ("author", "date"):
        text_of(request, field, "")
    if request.get("format", "md") not in ("md", "html"):
        raise BadInput(f"'format' must be md or html, not {request['format']!r}")
    sections = request.get("sections")
    if not isinstance(sections, list) or not 1 <= len(sections) <= SECTIONS_MAX:
        raise BadInput(f"'sections' must be a list of 1 to {SECTIONS_MAX} objects")
    for i, section in enumerate(sections):
        check_section(section, f"sections[{i}]: ")


# ---- what both formats share


def one_line(text):
    return " ".join(text.split())


def cell(value):
    if value is None:
        return ""
    if isinstance(value, Digits):
        return value.text
    return one_line(value) if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def columns_of(table):
    return list(dict.fromkeys(key for row in table for key in row))


def byline(request):
    return ", ".join(one_line(request[field]) for field in ("author", "date") if request.get(field))


# ---- Markdown


def markdown_row(cells):
    return "| " + " | ".join(text.replace("\\", "\\\\").replace("|", "\\|") for text in cells) + " |"


def markdown(request):
    parts = [f"# {one_line(request['title'])}"]
    if byline(request):
        parts.append(byline(request))
    for section in request["sections"]:
        parts.append(f"## {one_line(section['heading'])}")
        if (section.get("text") or "").strip():
            parts.append(section["text"].strip("\n"))
        if section.get("items"):
            parts.append("\n".join(f"- {one_line(item)}" for item in section["items"]))
        columns = columns_of(section.get("table") or [])
        if columns:
            rows = [markdown_row(one_line(name) for name in columns), "|" + "---|" * len(columns)]
            parts.append("\n".join(rows + [markdown_row(cell(row.get(name)) for name in columns) for row in section["table"]]))
    return "\n\n".join(parts) + "\n"


# ---- HTML


def inline(text):
    """A line's Markdown. Everything is escaped first, so only these few marks can become tags; what is code stays as it is."""
    pieces = re.split(r"`([^`\n]+)`", text)
    for i, piece in enumerate(pieces):
        piece = html.escape(piece)
        if i % 2:
            pieces[i] = f"<code>{piece}</code>"
            continue
        # A link's address is kept out of the way of the marks that follow.
        links = []
        piece = re.sub(r"\[([^\]\n]+)\]\((https?://[^\s()<>\0]+)\)",
                       lambda match: links.append(match[2]) or f"<a href=\"\0{len(links) - 1}\0\">{match[1]}</a>", piece.replace("\0", ""))
        piece = re.sub(r"\*\*(?=\S)(.+?)(?<=\S)\*\*", r"<strong>\1</strong>", piece)
        piece = re.sub(r"(?<![*\w])\*(?=[^\s*])([^*]+?)(?<=[^\s*])\*(?![*\w])", r"<em>\1</em>", piece)
        pieces[i] = re.sub(r"\0(\d+)\0", lambda match: links[int(match[1])], piece)
    return "".join(pieces)


def html_text(text):
    out = []
    for block in re.split(r"\n\s*\n", text.strip()):
        lines = [line.strip() for line in block.splitlines()]
        while lines:
            bullets = bool(re.match(r"[-*] ", lines[0]))
            end = next((i for i, line in enumerate(lines) if bool(re.match(r"[-*] ", line)) != bullets), len(lines))
            if bullets:
                out.append("<ul>" + "".join(f"<li>{inline(line[2:])}</li>" for line in lines[:end]) + "</ul>")
            elif any(lines[:end]):
                out.append("<p>" + inline("\n".join(lines[:end])) + "</p>")
            lines = lines[end:]
    return out


def html_report(request):
    title = html.escape(one_line(request["title"]))
    out = ["<!DOCTYPE html>", '<html><head><meta charset="utf-8">', f"<title>{title}</title>", f"<style>{STYLE}</style></head><body>",
           f"<h1>{title}</h1>"]
    if byline(request):
        out.append(f'<p class="by">{html.escape(byline(request))}</p>')
    for section in request["sections"]:
        out.append(f"<h2>{html.escape(one_line(section['heading']))}</h2>")
        out += html_text(section.get("text") or "")
        if section.get("items"):
            out.append("<ul>" + "".join(f"<li>{inline(item)}</li>" for item in section["items"]) + "</ul>")
        columns = columns_of(section.get("table") or [])
        if columns:
            out.append("<table><tr>" + "".join(f"<th>{html.escape(name)}</th>" for name in columns) + "</tr>")
            out += ["<tr>" + "".join(f"<td>{html.escape(cell(row.get(name)))}</td>" for name in columns) + "</tr>" for row in section["table"]]
            out.append("</table>")
    return "\n".join([*out, "</body></html>"]) + "\n"


# ---- the skill


def read_input():
    try:
        with open(os.environ["SANDBOX_INPUT_FILE"], encoding="utf-8") as file:
            return json.load(file, parse_float=Digits)
    except (ValueError, RecursionError) as problem:  # a number of thousands of digits, say
        raise BadInput(f"the input can't be used: {problem}") from problem


def main():
    try:
        request = read_input()
        check(request)
    except BadInput as problem:
        print(f"markdown-report: {problem}", file=sys.stderr)
        return 1
    kind = request.get("format", "md")
    # Half a character (a lone surrogate) has no UTF-8 and becomes a question mark.
    data = (html_report if kind == "html" else markdown)(request).encode("utf-8", errors="replace")
    name = f"report.{kind}"
    with open(os.path.join(os.environ["SANDBOX_FILES_DIR"], name), "wb") as file:
        file.write(data)
    with open(os.environ["SANDBOX_OUTPUT"], "w", encoding="utf-8") as file:
        json.dump({"file": name, "format": kind, "sections": len(request["sections"]), "bytes": len(data)}, file)
    print(f"wrote {name}, {len(data)} bytes")
    return 0


if __name__ == "__main__":
    sys.exit(main())
