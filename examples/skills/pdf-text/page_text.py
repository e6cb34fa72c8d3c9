"""The text of a page: its drawing operators, and where they put characters (ISO 32000-1, sections 8.3 and 9.4)."""

import re

from fonts import UNKNOWN, Font
from pdf import PdfError, Stream, Word, tokens

FORMS_MAX = 8  # within each other
STEPS_MAX = 5_000_000  # of a whole file
IDENTITY = (1.0, 0.0, 0.0, 1.0, 0.0, 0.0)
USUAL_WIDTH = 500  # thousandths of the size, where a font says none


def multiply(a, b):
    return (a[0] * b[0] + a[1] * b[2], a[0] * b[1] + a[1] * b[3], a[2] * b[0] + a[3] * b[2], a[2] * b[1] + a[3] * b[3],
            a[4] * b[0] + a[5] * b[2] + b[4], a[4] * b[1] + a[5] * b[3] + b[5])


def numbers(operands, count):
    """The last `count` operands as numbers; zeros where there are none."""
    found = [value if isinstance(value, (int, float)) else 0 for value in operands[-count:]]
    return [0] * (count - len(found)) + found


class Lines:
    """Puts pieces of text together: a space where there is a gap, a new line where the height changes."""

    def __init__(self):
        self.parts, self.end, self.size = [], None, 0.0

    def add(self, text, x, y, end_x, end_y, size):
        if not text:
            return
        if self.end is not None:
            across, up = x - self.end[0], y - self.end[1]
            least = min(self.size, size) or 1
            if abs(up) > 0.5 * least:
                self.parts.append("\n\n" if abs(up) > 2.2 * max(self.size, size) else "\n")
            elif (across > 0.2 * least or across < -2 * least) and self.parts and not self.parts[-1][-1:].isspace() and not text[0].isspace():
                self.parts.append(" ")
        self.parts.append(text)
        self.end, self.size = (end_x, end_y), size

    def text(self):
        lines = (line.rstrip() for line in "".join(self.parts).split("\n"))
        return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip("\n")


class State:
    """What operators set and q and Q keep."""

    def __init__(self):
        self.matrix, self.font, self.size, self.spacing, self.words, self.scale, self.leading, self.rise = IDENTITY, None, 1.0, 0.0, 0.0, 1.0, 0.0, 0.0

    def copy(self):
        other = State()
        other.__dict__.update(self.__dict__)
        return other


class PageText:
    def __init__(self, pdf):
        self.pdf, self.fonts, self.steps, self.notes = pdf, {}, 0, []

    def read(self, page):
        self.lines, self.depth = Lines(), 0
        contents = self.pdf.get(page.get("Contents"))
        pieces = [self.pdf.get(piece) for piece in (contents if isinstance(contents, list) else [contents])]
        data = b"\n".join([self.pdf.unpack(piece) for piece in pieces if isinstance(piece, Stream)])
        self.run(data, page.get("Resources"), State())
        return self.lines.text()

    def resource(self, resources, kind, name):
        resources = self.pdf.get(resources)
        table = self.pdf.get(resources.get(kind)) if isinstance(resources, dict) else None
        return table.get(name) if isinstance(table, dict) else None

    def font(self, resources, name):
        entry = self.resource(resources, "Font", name)
        key = getattr(entry, "number", None) or id(entry)
        if key not in self.fonts:
            self.fonts[key] = (entry, Font(self.pdf, entry))  # the entry too: its id stays taken
        return self.fonts[key][1]

    def run(self, data, resources, state):
        """One stream of operators."""
        self.text_matrix = self.line_matrix = IDENTITY
        kept, operands, at = [], [], 0
        while at < len(data):
            for token, at in tokens(data, at):
                self.steps += 1
                if self.steps > STEPS_MAX:
                    raise PdfError(f"its pages have more than {STEPS_MAX:,} operators and operands")
                if not isinstance(token, Word) or token in ("[", "]", "<<", ">>"):
                    operands.append(token)
                    continue
                if token == "ID":  # an image within the stream: bytes up to EI
                    match = re.compile(rb"[ \t\r\n\f\0]EI(?=[ \t\r\n\f\0]|$)").search(data, at)
                    operands, at = [], match.end() if match else len(data)
                    break
                if token == "q":
                    kept.append(state.copy())
                elif token == "Q":
                    state = kept.pop() if kept else state
                elif token == "Do":
                    self.form(resources, operands, state)
                else:
                    self.operate(token, operands, state, resources)
                operands = []
            else:
                return

    def form(self, resources, operands, state):
        """A stream of operators that is used like one operator (section 8.10)."""
        form = self.pdf.get(self.resource(resources, "XObject", operands[-1] if operands else None))
        if not isinstance(form, Stream) or self.pdf.get(form.head.get("Subtype")) != "Form" or self.depth >= FORMS_MAX:
            return
        inner, matrix = state.copy(), self.pdf.get(form.head.get("Matrix"))
        if isinstance(matrix, list):
            inner.matrix = multiply(numbers(matrix, 6), state.matrix)
        outer, self.depth = (self.text_matrix, self.line_matrix), self.depth + 1
        self.run(self.pdf.unpack(form), form.head.get("Resources", resources), inner)
        (self.text_matrix, self.line_matrix), self.depth = outer, self.depth - 1

    def operate(self, operator, operands, state, resources):
        if operator in SETTERS:
            setattr(state, SETTERS[operator], numbers(operands, 1)[0])
        elif operator == "cm":
            state.matrix = multiply(numbers(operands, 6), state.matrix)
        elif operator == "BT":
            self.text_matrix = self.line_matrix = IDENTITY
        elif operator == "Tf":
            state.font, state.size = self.font(resources, operands[-2] if len(operands) > 1 else None), numbers(operands, 1)[0]
        elif operator == "Tz":
            state.scale = numbers(operands, 1)[0] / 100
        elif operator in ("Td", "TD"):
            x, y = numbers(operands, 2)
            state.leading = -y if operator == "TD" else state.leading
            self.move(x, y)
        elif operator == "Tm":
            self.text_matrix = self.line_matrix = tuple(numbers(operands, 6))
        elif operator == "T*":
            self.move(0, -state.leading)
        elif operator == "Tj":
            self.show(operands[-1:], state)
        elif operator == "TJ":
            self.show(operands, state)
        elif operator in ("'", '"'):
            if operator == '"':
                state.words, state.spacing = numbers(operands[:-1], 2)
            self.move(0, -state.leading)
            self.show(operands[-1:], state)

    def move(self, x, y):
        self.text_matrix = self.line_matrix = multiply((1, 0, 0, 1, x, y), self.line_matrix)

    def show(self, items, state):
        """Strings, and numbers that move between them."""
        for item in items:
            if isinstance(item, (int, float)):
                self.text_matrix = multiply((1, 0, 0, 1, -item / 1000 * state.size * state.scale, 0), self.text_matrix)
            elif isinstance(item, bytes) and state.font:
                self.show_string(item, state)

    def show_string(self, data, state):
        characters = state.font.characters(data)
        advance = sum(((width if width is not None else USUAL_WIDTH) / 1000 * state.size + state.spacing
                       + (state.words if is_space else 0)) * state.scale for _, width, is_space in characters)
        start = multiply((1, 0, 0, 1, 0, state.rise), multiply(self.text_matrix, state.matrix))
        x, y = start[4], start[5]
        self.text_matrix = multiply((1, 0, 0, 1, advance, 0), self.text_matrix)
        end = multiply(self.text_matrix, state.matrix)
        # How large the letters are on the page, and where along its lines: turned text has its lines turned.
        size = abs(state.size) * (start[2] ** 2 + start[3] ** 2) ** 0.5
        length = (start[0] ** 2 + start[1] ** 2) ** 0.5
        if length:
            cos, sin = start[0] / length, start[1] / length
            x, y, end_x, end_y = (x * cos + y * sin, y * cos - x * sin, end[4] * cos + end[5] * sin, end[5] * cos - end[4] * sin)
        else:
            end_x, end_y = end[4], end[5]
        self.lines.add("".join(text for text, _, _ in characters), x, y, end_x, end_y, size)

    def font_notes(self):
        names = sorted({font.name for _, font in self.fonts.values() if font.unknown})
        return [f"characters of {name} can't be known: they come out as {UNKNOWN}" for name in names[:20]]


SETTERS = {"Tc": "spacing", "Tw": "words", "TL": "leading", "Ts": "rise"}
