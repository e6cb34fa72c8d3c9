"""A PDF file as objects, as far as its text needs them: no encryption, no changes, no images.

Objects are found by looking through the file for "1 0 obj", not by its tables of offsets, which are wrong in many files.
ISO 32000-1 is the specification; its sections are named where something follows from them."""

import base64
import binascii
import re
import zlib

UNPACKED_MAX = 64 << 20  # bytes of all streams
OBJECTS_MAX = 200_000
DEPTH_MAX = 60
BLANK = b" \t\r\n\f\0"
TOKEN = re.compile(rb"""
    (?P<blank>[ \t\r\n\f\0]+|%[^\r\n]*)
  | (?P<number>[+-]?(?:\d+\.?\d*|\.\d+)(?=[\s\0()<>\[\]{}/%]|$))
  | (?P<name>/[^ \t\r\n\f\0()<>\[\]{}/%]*)
  | (?P<hex><[0-9A-Fa-f \t\r\n\f\0]*>)
  | (?P<mark><<|>>|\[|\]|\{|\})
  | (?P<string>\()
  | (?P<word>[^ \t\r\n\f\0()<>\[\]{}/%]+)
""", re.VERBOSE)
STRING_PART = re.compile(rb"[()]|\\(?:[0-7]{1,3}|\r\n|.)", re.DOTALL)
ESCAPES = {b"n": b"\n", b"r": b"\r", b"t": b"\t", b"b": b"\b", b"f": b"\f"}


class PdfError(Exception):
    """Why a file can't be read."""


class Name(str):
    """/Name"""


class Word(str):
    """An operator, or anything else without a meaning of its own."""


class Ref:
    """12 0 R"""

    def __init__(self, number):
        self.number = number


class Place(int):
    """Where in the file an object begins that wasn't read yet."""


class Stream:
    def __init__(self, head, raw):
        self.head, self.raw = head, raw


# ---- objects (section 7.3)


def string_at(data, at):
    """The bytes of a string that begins behind its parenthesis, and where it ends."""
    parts, depth, begin = [], 1, at
    for match in STRING_PART.finditer(data, at):
        found = match.group()
        if found == b"(":
            depth += 1
        elif found == b")":
            depth -= 1
            if not depth:
                parts.append(data[begin:match.start()])
                return b"".join(parts), match.end()
        else:
            parts.append(data[begin:match.start()])
            begin, escape = match.end(), found[1:]
            if escape.isdigit() and escape < b"8":
                parts.append(bytes([int(escape, 8) & 255]))
            else:
                parts.append(b"" if escape[0] in b"\r\n" else ESCAPES.get(escape, escape))
    return data[at:], len(data)


def tokens(data, at=0):
    """(value, end) of each token; strings are bytes."""
    while at < len(data):
        match = TOKEN.match(data, at)
        if not match:
            at += 1  # a stray byte
            continue
        at, kind, text = match.end(), match.lastgroup, match.group()
        if kind == "number":
            yield (float(text) if b"." in text else int(text[:18])), at
        elif kind == "name":
            yield Name(re.sub(rb"#([0-9A-Fa-f]{2})", lambda m: bytes([int(m[1], 16)]), text[1:]).decode("latin-1")), at
        elif kind == "hex":
            digits = re.sub(rb"[^0-9A-Fa-f]", b"", text)
            yield bytes.fromhex((digits + b"0" * (len(digits) % 2)).decode()), at
        elif kind == "string":
            value, at = string_at(data, at)
            yield value, at
        elif kind != "blank":
            yield Word(text.decode("latin-1")), at


WORDS = {"true": True, "false": False, "null": None}


def parse(data, at=0):
    """The first object at a place, and where it ends."""
    stack, marks = [[]], []
    for token, end in tokens(data, at):
        if isinstance(token, Word):
            if token in ("[", "<<"):
                if len(stack) > DEPTH_MAX:
                    raise PdfError("it is nested too deeply")
                stack.append([])
                marks.append(token)
            elif token in ("]", ">>"):
                if not marks:
                    return None, end
                items = stack.pop()
                stack[-1].append(items if marks.pop() == "[" else dictionary(items))
            elif token == "R" and len(stack[-1]) >= 2 and isinstance(stack[-1][-2], int):
                del stack[-1][-1]
                stack[-1][-1] = Ref(stack[-1][-1])
            elif token in WORDS:
                stack[-1].append(WORDS[token])
            else:
                return (stack[0][0] if stack[0] else None), end - len(token)
        else:
            stack[-1].append(token)
        if len(stack) == 1 and stack[0] and not isinstance(stack[0][0], int):
            return stack[0][0], end
    return (stack[0][0] if stack[0] else None), len(data)


def dictionary(items):
    return {key: value for key, value in zip(items[::2], items[1::2]) if isinstance(key, Name)}


# ---- the file


class Pdf:
    def __init__(self, data):
        if b"%PDF-" not in data[:1024]:
            raise PdfError("it is no PDF file")
        self.data, self.objects, self.left = data, {}, UNPACKED_MAX
        roots, encrypted = [], False
        # A later object of the same number replaces an earlier one: that is how changes are appended.
        for match in re.finditer(rb"(?<![0-9])(\d{1,9})[ \t\r\n\f\0]+\d{1,5}[ \t\r\n\f\0]+obj(?![a-z])", data):
            self.objects[int(match[1])] = Place(match.end())
            if len(self.objects) > OBJECTS_MAX:
                raise PdfError(f"it has more than {OBJECTS_MAX} objects")
        for match in re.finditer(rb"(?<![a-z])trailer", data):
            trailer, _ = parse(data, match.end())
            if isinstance(trailer, dict):
                roots.append(trailer.get("Root"))
                encrypted |= "Encrypt" in trailer
        for number in list(self.objects):
            value = self.get(Ref(number))
            if isinstance(value, Stream) and value.head.get("Type") == "XRef":
                roots.append(value.head.get("Root"))
                encrypted |= "Encrypt" in value.head
        if encrypted:
            raise PdfError("it is encrypted: save it without a password and without restrictions")
        for number in list(self.objects):
            value = self.get(Ref(number))
            if isinstance(value, Stream) and value.head.get("Type") == "ObjStm":
                self.unpack_objects(value)
        self.root = next((root for root in map(self.get, reversed(roots)) if isinstance(root, dict) and "Pages" in root), None)

    def get(self, value, depth=0):
        """What a reference leads to; any other value is itself."""
        if not isinstance(value, Ref):
            return value
        found = self.objects.get(value.number)
        if isinstance(found, Place):
            self.objects[value.number] = None  # if it leads to itself
            self.objects[value.number] = found = self.read(found)
        return self.get(found, depth + 1) if depth < DEPTH_MAX else None

    def items(self, value):
        """A list's items, looked up; none of anything else."""
        value = self.get(value)
        return [self.get(item) for item in value] if isinstance(value, list) else []

    def read(self, at):
        value, end = parse(self.data, at)
        match = re.compile(rb"[ \t\r\n\f\0]*stream(\r\n|\n|\r)?").match(self.data, end)
        if not isinstance(value, dict) or not match:
            return value
        begin, length = match.end(), self.get(value.get("Length"))
        stop = begin + int(length) if isinstance(length, (int, float)) and length >= 0 else -1
        if stop < 0 or not re.compile(rb"[ \t\r\n\f\0]*endstream").match(self.data, stop):
            stop = self.data.find(b"endstream", begin)
            stop = len(self.data) if stop < 0 else stop
        return Stream(value, self.data[begin:stop])

    def unpack_objects(self, stream):
        """Objects that are packed together (section 7.5.7). Ones that stand in the file by themselves win, as they may be later."""
        data, first = self.unpack(stream), self.get(stream.head.get("First"))
        if not isinstance(first, (int, float)):
            return
        numbers = [token for token, _ in tokens(data[:int(first)]) if isinstance(token, int)]
        for number, offset in zip(numbers[::2], numbers[1::2]):
            if number not in self.objects and len(self.objects) < OBJECTS_MAX:
                self.objects[number], _ = parse(data, int(first) + offset)

    def unpack(self, stream):
        """A stream's bytes (section 7.4)."""
        filters, parameters = self.get(stream.head.get("Filter")), self.get(stream.head.get("DecodeParms"))
        filters = filters if isinstance(filters, list) else [] if filters is None else [filters]
        parameters = parameters if isinstance(parameters, list) else [parameters]
        data = stream.raw
        for i, name in enumerate(filters):
            name = self.get(name)
            decode = FILTERS.get(name) if isinstance(name, Name) else None
            if not decode:
                raise PdfError(f"a stream is packed by {str(name)[:40]!r}, which can't be read")
            data = decode(data, self.left)
            self.left -= len(data)
            if self.left <= 0:
                raise PdfError(f"it is larger than {UNPACKED_MAX >> 20} MiB when unpacked")
            given = self.get(parameters[i]) if i < len(parameters) else None
            if isinstance(given, dict) and isinstance(self.get(given.get("Predictor")), (int, float)) and self.get(given["Predictor"]) >= 10:
                data = unpredict(data, *(int(self.get(given.get(key)) or value) for key, value in
                                         (("Columns", 1), ("Colors", 1), ("BitsPerComponent", 8))))
        return data

    def pages(self):
        """Each page with what it inherits (section 7.7.3)."""
        found, seen = [], set()

        def walk(node, inherited, depth):
            key = node.number if isinstance(node, Ref) else id(node)
            page = self.get(node)
            if key in seen or depth > DEPTH_MAX or not isinstance(page, dict):
                return
            seen.add(key)
            resources = page.get("Resources", inherited)
            kids = self.get(page.get("Kids"))
            if isinstance(kids, list):
                for kid in kids:
                    walk(kid, resources, depth + 1)
            else:
                found.append({**page, "Resources": resources})

        if self.root:
            walk(self.root["Pages"], None, 0)
        if not found:  # a damaged tree: all pages there are, in the order of the file
            every = [self.get(Ref(number)) for number in sorted(self.objects)]
            found = [page for page in every if isinstance(page, dict) and page.get("Type") == "Page"]
        return found


# ---- filters


def inflate(data, most):
    unpacker = zlib.decompressobj()
    try:
        return unpacker.decompress(data, most)
    except zlib.error:
        pass
    # Damaged in the middle: what comes before it is better than nothing.
    unpacker, out = zlib.decompressobj(), bytearray()
    try:
        for i in range(0, len(data), 256):
            out += unpacker.decompress(data[i:i + 256], max(1, most - len(out)))
    except zlib.error:
        pass
    return bytes(out)


def ascii85(data, most):
    text = b"".join(data.split()).partition(b"~>")[0].removeprefix(b"<~")
    try:
        return base64.a85decode(text)
    except (ValueError, binascii.Error) as problem:
        raise PdfError("a stream's ASCII85 is damaged") from problem


def asciihex(data, most):
    digits = re.sub(rb"[^0-9A-Fa-f]", b"", data.partition(b">")[0])
    return bytes.fromhex((digits + b"0" * (len(digits) % 2)).decode())


def runlength(data, most):
    out, at = bytearray(), 0
    while at < len(data) and data[at] != 128 and len(out) < most:
        n = data[at]
        out += data[at + 1:at + 2 + n] if n < 128 else data[at + 1:at + 2] * (257 - n)
        at += 2 + n if n < 128 else 2
    return bytes(out)


def unpredict(data, columns, colours, bits):
    """PNG's filters, row by row."""
    step, size = max(1, colours * bits // 8), (columns * colours * bits + 7) // 8
    if size <= 0:
        return data
    out, before = bytearray(), bytearray(size)
    for at in range(0, len(data), size + 1):
        kind, row = data[at], bytearray(data[at + 1:at + 1 + size].ljust(size, b"\0"))
        for i in range(size):
            left, up, corner = (row[i - step] if i >= step else 0), before[i], (before[i - step] if i >= step else 0)
            if kind == 1:
                row[i] = (row[i] + left) & 255
            elif kind == 2:
                row[i] = (row[i] + up) & 255
            elif kind == 3:
                row[i] = (row[i] + (left + up) // 2) & 255
            elif kind == 4:
                a, b, c = abs(up - corner), abs(left - corner), abs(left + up - 2 * corner)
                row[i] = (row[i] + (left if a <= b and a <= c else up if b <= c else corner)) & 255
        out += row
        before = row
    return bytes(out)


FILTERS = {"FlateDecode": inflate, "Fl": inflate, "ASCII85Decode": ascii85, "A85": ascii85, "ASCIIHexDecode": asciihex,
           "AHx": asciihex, "RunLengthDecode": runlength, "RL": runlength}
