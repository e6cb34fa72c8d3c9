"""From the bytes of a PDF's strings to characters: fonts, their encodings and their ToUnicode tables (ISO 32000-1, section 9)."""

import re
import unicodedata

from pdf import Name, Stream, Word, tokens

UNKNOWN = "\ufffd"
RANGE_MAX = 65536

# Names of glyphs that aren't their own character; letters with an accent are put together by accented().
NAMES = dict(pair.split(":", 1) for pair in (
    "space: |exclam:!|quotedbl:\"|numbersign:#|dollar:$|percent:%|ampersand:&|quotesingle:'|quoteright:’|parenleft:(|parenright:)|asterisk:*|"
    "plus:+|comma:,|hyphen:-|period:.|slash:/|colon::|semicolon:;|less:<|equal:=|greater:>|question:?|at:@|bracketleft:[|backslash:\\|"
    "bracketright:]|asciicircum:^|underscore:_|grave:`|quoteleft:‘|braceleft:{|bar:¦|braceright:}|asciitilde:~|zero:0|one:1|two:2|three:3|"
    "four:4|five:5|six:6|seven:7|eight:8|nine:9|exclamdown:¡|cent:¢|sterling:£|yen:¥|currency:¤|section:§|dieresis:¨|copyright:©|registered:®|"
    "ordfeminine:ª|ordmasculine:º|guillemotleft:«|guillemotright:»|guilsinglleft:‹|guilsinglright:›|logicalnot:¬|degree:°|plusminus:±|acute:´|"
    "mu:µ|paragraph:¶|periodcentered:·|cedilla:¸|onequarter:¼|onehalf:½|threequarters:¾|questiondown:¿|AE:Æ|ae:æ|OE:Œ|oe:œ|Oslash:Ø|oslash:ø|"
    "Eth:Ð|eth:ð|Thorn:Þ|thorn:þ|germandbls:ß|Lslash:Ł|lslash:ł|dotlessi:ı|fi:fi|fl:fl|ff:ff|ffi:ffi|ffl:ffl|endash:–|emdash:—|dagger:†|"
    "daggerdbl:‡|bullet:•|ellipsis:…|quotesinglbase:‚|quotedblbase:„|quotedblleft:“|quotedblright:”|perthousand:‰|trademark:™|Euro:€|florin:ƒ|"
    "fraction:⁄|minus:−|multiply:×|divide:÷|nbspace:\u00a0|sfthyphen:-").split("|"))
NAMES["bar"] = "|"
ACCENTS = {"acute": "ACUTE", "grave": "GRAVE", "circumflex": "CIRCUMFLEX", "dieresis": "DIAERESIS", "tilde": "TILDE", "ring": "RING ABOVE",
           "cedilla": "CEDILLA", "caron": "CARON", "macron": "MACRON", "breve": "BREVE", "ogonek": "OGONEK", "dotaccent": "DOT ABOVE",
           "hungarumlaut": "DOUBLE ACUTE", "commaaccent": "CEDILLA"}
CODECS = {"WinAnsiEncoding": "cp1252", "MacRomanEncoding": "mac_roman", "PDFDocEncoding": "latin-1"}
# Codes of Asian fonts that Python knows (section 9.7.5.2).
ASIAN = (("UTF16", "utf-16-be"), ("UCS2", "utf-16-be"), ("RKSJ", "cp932"), ("GBK", "gb18030"), ("GB-EUC", "gb2312"), ("B5pc", "big5"),
         ("ETen", "big5"), ("KSC", "cp949"))
# Where Adobe's standard encoding, which fonts have that name none, isn't ASCII.
STANDARD = {0x27: "’", 0x60: "‘", 0xA1: "¡", 0xA2: "¢", 0xA3: "£", 0xA4: "⁄", 0xA5: "¥", 0xA6: "ƒ", 0xA7: "§", 0xA8: "¤", 0xA9: "'", 0xAA: "“",
            0xAB: "«", 0xAC: "‹", 0xAD: "›", 0xAE: "fi", 0xAF: "fl", 0xB1: "–", 0xB2: "†", 0xB3: "‡", 0xB4: "·", 0xB6: "¶", 0xB7: "•", 0xB8: "‚",
            0xB9: "„", 0xBA: "”", 0xBB: "»", 0xBC: "…", 0xBD: "‰", 0xBF: "¿", 0xD0: "—", 0xE1: "Æ", 0xE3: "ª", 0xE8: "Ł", 0xE9: "Ø", 0xEA: "Œ",
            0xEB: "º", 0xF1: "æ", 0xF5: "ı", 0xF8: "ł", 0xF9: "ø", 0xFA: "œ", 0xFB: "ß"}


def glyph_character(name):
    """The character of a glyph's name, "" if that says none."""
    name = name.partition(".")[0]  # a.alt is an a
    if name in NAMES or len(name) == 1:
        return NAMES.get(name, name)
    match = re.fullmatch(r"uni((?:[0-9A-F]{4})+)|u([0-9A-F]{4,6})", name)
    if match:
        numbers = [int(match[1][i:i + 4], 16) for i in range(0, len(match[1]), 4)] if match[1] else [int(match[2], 16)]
        return "".join(chr(number) for number in numbers if number < 0x110000)
    return accented(name)


def accented(name):
    letter, accent = name[:1], ACCENTS.get(name[1:])
    if accent and letter.isascii() and letter.isalpha():
        try:
            return unicodedata.lookup(f"LATIN {'SMALL' if letter.islower() else 'CAPITAL'} LETTER {letter.upper()} WITH {accent}")
        except KeyError:
            pass
    return ""


def utf16(data):
    return data.decode("utf-16-be", errors="replace")


def read_to_unicode(data):
    """({code: text}, lengths of codes) of a ToUnicode table: its bfchar and bfrange (section 9.10.3)."""
    table, lengths, operands = {}, set(), []
    for token, _ in tokens(data):
        if not isinstance(token, Word) or token in ("[", "]"):
            operands.append(token)
            continue
        if token == "endcodespacerange":
            lengths |= {len(code) for code in operands if isinstance(code, bytes) and code}
        elif token == "endbfchar":
            for code, text in zip(operands[::2], operands[1::2]):
                if isinstance(code, bytes) and isinstance(text, bytes):
                    table[code] = utf16(text)
        elif token == "endbfrange":
            read_ranges(operands, table)
        if token.startswith(("begin", "end")):
            operands = []
    return table, sorted(lengths) or [1]


def read_ranges(operands, table):
    at = 0
    while at + 2 < len(operands):
        low, high, text = operands[at:at + 3]
        at += 3
        texts = None
        if text == "[":
            end = operands.index("]", at) if "]" in operands[at:] else len(operands)
            texts, at = [item for item in operands[at:end] if isinstance(item, bytes)], end + 1
        if not (isinstance(low, bytes) and isinstance(high, bytes) and low and len(low) == len(high)):
            continue
        first, last = int.from_bytes(low, "big"), int.from_bytes(high, "big")
        for n in range(max(0, min(last - first + 1, RANGE_MAX - len(table)))):
            code = (first + n).to_bytes(len(low), "big")
            if texts is not None:
                if n < len(texts):
                    table[code] = utf16(texts[n])
            elif isinstance(text, bytes) and text:
                # Only the last two bytes count up.
                table[code] = utf16(text[:-2] + ((int.from_bytes(text[-2:], "big") + n) & 0xFFFF).to_bytes(len(text[-2:]), "big"))


class Font:
    """characters(data): (text, width in thousandths of the size, whether it is a space that word spacing widens) of each code."""

    def __init__(self, pdf, font):
        self.pdf = pdf
        font = pdf.get(font)
        font = font if isinstance(font, dict) else {}
        self.name = str(pdf.get(font.get("BaseFont")) or "a font without a name")
        self.table, self.lengths, self.codec = {}, [1], None
        self.widths, self.default, self.unknown = {}, None, False
        to_unicode = pdf.get(font.get("ToUnicode"))
        if isinstance(to_unicode, Stream):
            self.table, self.lengths = read_to_unicode(pdf.unpack(to_unicode))
        if pdf.get(font.get("Subtype")) == "Type0":
            self.read_composite(font, bool(self.table))
        else:
            self.read_simple(font)

    def read_simple(self, font):
        self.lengths = [1]
        encoding = self.pdf.get(font.get("Encoding"))
        base = self.pdf.get(encoding.get("BaseEncoding")) if isinstance(encoding, dict) else encoding
        if isinstance(base, Name) and base in CODECS:
            plain = {bytes([i]): bytes([i]).decode(CODECS[base], errors="ignore") for i in range(256)}
        else:
            plain = {bytes([i]): STANDARD.get(i, chr(i) if 32 <= i < 127 else "") for i in range(256)}
        code = 0
        for item in self.pdf.items(encoding.get("Differences")) if isinstance(encoding, dict) else []:
            if isinstance(item, Name):
                plain[bytes([code & 255])] = glyph_character(item)
                code += 1
            elif isinstance(item, (int, float)):
                code = int(item)
        self.table = {code: text for code, text in {**plain, **self.table}.items() if text}
        first, widths = self.pdf.get(font.get("FirstChar")), self.pdf.get(font.get("Widths"))
        if isinstance(first, (int, float)) and isinstance(widths, list):
            # Type 3 fonts have a scale of their own.
            matrix = self.pdf.get(font.get("FontMatrix")) if self.pdf.get(font.get("Subtype")) == "Type3" else None
            scale = matrix[0] * 1000 if isinstance(matrix, list) and matrix and isinstance(matrix[0], (int, float)) else 1
            numbers = [self.pdf.get(width) for width in widths]
            self.widths = {int(first) + i: width * scale for i, width in enumerate(numbers) if isinstance(width, (int, float))}

    def read_composite(self, font, has_table):
        encoding = self.pdf.get(font.get("Encoding"))
        if not has_table:
            self.lengths = [2]
            self.codec = next((codec for word, codec in ASIAN if isinstance(encoding, Name) and word in encoding), None)
        descendants = self.pdf.get(font.get("DescendantFonts"))
        below = self.pdf.get(descendants[0]) if isinstance(descendants, list) and descendants else None
        if not isinstance(below, dict) or not (isinstance(encoding, Name) and encoding.startswith("Identity")):
            return
        default = self.pdf.get(below.get("DW"))
        self.default = default if isinstance(default, (int, float)) else 1000
        items = iter(self.pdf.items(below.get("W")))
        for first, second in zip(items, items):
            if isinstance(second, list) and isinstance(first, (int, float)):
                numbers = self.pdf.items(second)
                self.widths.update((int(first) + i, width) for i, width in enumerate(numbers) if isinstance(width, (int, float)))
                continue
            width = next(items, None)
            if all(isinstance(item, (int, float)) for item in (first, second, width)):
                last = min(int(second), int(first) + RANGE_MAX - len(self.widths))
                self.widths.update((code, width) for code in range(int(first), last + 1))

    def characters(self, data):
        if self.codec:
            return [(text, 1000, False) for text in data.decode(self.codec, errors="replace")]
        found, at = [], 0
        while at < len(data):
            code = next((data[at:at + n] for n in self.lengths if data[at:at + n] in self.table), data[at:at + self.lengths[-1]])
            at += len(code)
            text = self.table.get(code)
            if text is None:
                text = UNKNOWN
                self.unknown = True
            found.append((text, self.widths.get(int.from_bytes(code, "big"), self.default), code == b" "))
        return found
