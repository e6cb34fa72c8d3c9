"""Resizes a PNG with the standard library: decoded row by row, weighted sums across, then down."""

import base64
import binascii
import json
import operator
import os
import struct
import sys
import zlib

SIGNATURE = b"\x89PNG\r\n\x1a\n"
PIXELS_MAX, SIDE_MAX = 4_000_000, 4096
FITS = ("contain", "stretch", "cover")
FILE = "resized.png"
CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}  # by colour type: grey, RGB, palette, grey and alpha, RGB and alpha
DEPTHS = {0: (1, 2, 4, 8, 16), 2: (8, 16), 3: (1, 2, 4, 8), 4: (8, 16), 6: (8, 16)}


class BadInput(Exception):
    """What the caller can put right."""


# ---- reading


class Png:
    """The head of a PNG file, and its rows as bytes of 1 to 4 channels."""

    def __init__(self, data):
        if not data.startswith(SIGNATURE):
            kind = "a JPEG" if data.startswith(b"\xff\xd8") else "a WebP" if data[8:12] == b"WEBP" else "a GIF" if data.startswith(b"GIF8") else None
            raise BadInput(f"'image' is {kind}, and only PNG can be read" if kind else "'image' is no PNG file")
        self.palette, self.transparent, self.idat, self.depth = b"", None, [], 0
        for kind, body in self.chunks(data):
            if kind == b"IHDR":
                self.read_head(body)
            elif kind == b"PLTE":
                self.palette = body
            elif kind == b"tRNS":
                self.transparent = body
            elif kind == b"IDAT":
                self.idat.append(body)
        if not self.depth or not self.idat or (self.colour == 3 and (not self.palette or len(self.palette) % 3)):
            raise BadInput("the PNG lacks a part that it can't do without")
        self.decide_lookup()

    @staticmethod
    def chunks(data):
        at = len(SIGNATURE)
        while at < len(data):
            if at + 12 > len(data):
                raise BadInput("the PNG is cut off")
            size, kind = struct.unpack(">I4s", data[at:at + 8])
            body = data[at + 8:at + 8 + size]
            if at + 12 + size > len(data):
                raise BadInput("the PNG is cut off")
            if struct.unpack(">I", data[at + 8 + size:at + 12 + size])[0] != zlib.crc32(kind + body):
                raise BadInput(f"the PNG is damaged: the checksum of its part {kind.decode('latin-1')!r} is wrong")
            yield kind, body
            if kind == b"IEND":
                return
            at += 12 + size
        raise BadInput("the PNG is cut off")

    def read_head(self, body):
        if len(body) != 13:
            raise BadInput("the PNG's head is damaged")
        self.width, self.height, self.depth, self.colour, _, _, interlace = struct.unpack(">IIBBBBB", body)
        if self.depth not in DEPTHS.get(self.colour, ()) or not self.width or not self.height:
            raise BadInput("the PNG's head is damaged")
        if interlace:
            raise BadInput("the PNG is interlaced, which can't be read: save it without")
        if self.width * self.height > PIXELS_MAX:
            raise BadInput(f"the image has {self.width} x {self.height} pixels, more than {PIXELS_MAX:,} in all")
        self.channels = CHANNELS[self.colour]

    def decide_lookup(self):
        """What a sample becomes, where it isn't taken as it is. Sets out_channels."""
        self.key = None  # the colour that is transparent
        if self.colour == 3:
            colours = [self.palette[i:i + 3] for i in range(0, len(self.palette), 3)]
            alpha = (self.transparent or b"").ljust(len(colours), b"\xff")
            self.out_channels = 4 if self.transparent else 3
            self.table = [c + alpha[i:i + 1] if self.transparent else c for i, c in enumerate(colours)]
            return
        self.out_channels = self.channels
        scale = 255 // ((1 << self.depth) - 1) if self.depth < 8 else 1
        self.table = bytes(min(255, i * scale) for i in range(256))
        if self.transparent is not None and self.colour in (0, 2):
            if len(self.transparent) != 2 * self.channels:
                raise BadInput("the PNG's transparent colour is damaged")
            self.key = struct.unpack(f">{self.channels}H", self.transparent)
            self.out_channels += 1

    def rows(self):
        """Each row as bytes, out_channels a pixel."""
        bits = self.channels * self.depth
        step, size = max(1, bits // 8), (self.width * bits + 7) // 8
        unpacker, buffer, before = zlib.decompressobj(), b"", bytearray(size)
        pieces = iter(self.idat)
        for _ in range(self.height):
            while len(buffer) < size + 1:
                data = unpacker.unconsumed_tail or next(pieces, b"")
                try:
                    more = unpacker.decompress(data, 1 << 16)
                except zlib.error as problem:
                    raise BadInput("the PNG's data is damaged") from problem
                if not more and (not data or unpacker.eof):
                    raise BadInput("the PNG has fewer rows than its head says")
                buffer += more
            row, kind = bytearray(buffer[1:size + 1]), buffer[0]
            buffer = buffer[size + 1:]
            unfilter(kind, row, before, step)
            before = row
            yield self.pixels(row)

    def samples(self, row):
        """One number a sample."""
        if self.depth == 8:
            return row
        if self.depth == 16:
            return struct.unpack(f">{len(row) // 2}H", row)
        per_byte, mask = 8 // self.depth, (1 << self.depth) - 1
        found = [byte >> shift & mask for byte in row for shift in range(8 - self.depth, -1, -self.depth)]
        return found[:len(found) - (-self.width % per_byte)]

    def pixels(self, row):
        samples = self.samples(row)
        if self.colour == 3:
            try:
                return b"".join([self.table[i] for i in samples])
            except IndexError as problem:
                raise BadInput("the PNG names a colour that its palette doesn't have") from problem
        plain = bytes(row[::2]) if self.depth == 16 else bytes(samples).translate(self.table)
        if self.key is None:
            return plain
        out = bytearray(self.width * self.out_channels)
        for c in range(self.channels):
            out[c::self.out_channels] = plain[c::self.channels]
        planes = [samples[c::self.channels] for c in range(self.channels)]
        out[self.channels::self.out_channels] = bytes(0 if pixel == self.key else 255 for pixel in zip(*planes))
        return bytes(out)


def unfilter(kind, row, before, step):
    """Undoes a row's filter in place (PNG specification, section 9)."""
    if kind == 1:
        for i in range(step, len(row)):
            row[i] = (row[i] + row[i - step]) & 255
    elif kind == 2:
        row[:] = bytes([(a + b) & 255 for a, b in zip(row, before)])
    elif kind == 3:
        for i, up in enumerate(before):
            row[i] = (row[i] + (((row[i - step] if i >= step else 0) + up) >> 1)) & 255
    elif kind == 4:
        for i, up in enumerate(before):
            left, corner = (row[i - step], before[i - step]) if i >= step else (0, 0)
            a, b, c = abs(up - corner), abs(left - corner), abs(left + up - 2 * corner)
            row[i] = (row[i] + (left if a <= b and a <= c else up if b <= c else corner)) & 255
    elif kind != 0:
        raise BadInput("the PNG's data is damaged")


# ---- resizing


def weights(old, new, start, length):
    """For each new sample: where its old ones begin, and their weights. A triangle as wide as the scale, so that every old sample
    counts where the image gets smaller, and neighbours blend where it gets larger."""
    scale = length / new
    reach = max(1.0, scale)
    found = []
    for i in range(new):
        centre = start + (i + 0.5) * scale
        first, last = max(0, int(centre - reach)), min(old, int(centre + reach) + 1)
        line = [max(0.0, 1 - abs(j + 0.5 - centre) / reach) for j in range(first, last)]
        total = sum(line)
        found.append((first, last, [weight / total for weight in line]))
    return found


def across(row, channels, columns):
    """A row's planes in the new width. With alpha the colours are weighted by it: what can't be seen doesn't shine through."""
    planes = [row[c::channels] for c in range(channels)]
    if channels in (2, 4):
        alpha = planes[-1]
        planes[:-1] = [[value * a for value, a in zip(plane, alpha)] for plane in planes[:-1]]
    return [[sum(map(operator.mul, plane[first:last], line)) for first, last, line in columns] for plane in planes]


def to_bytes(planes, channels):
    if channels in (2, 4):
        planes = [[value / a if a > 0.002 else 0 for value, a in zip(plane, planes[-1])] for plane in planes[:-1]] + [planes[-1]]
    out = bytearray(len(planes[0]) * channels)
    for c, plane in enumerate(planes):
        out[c::channels] = bytes([min(255, int(value + 0.5)) for value in plane])
    return bytes(out)


def resized_rows(png, width, height, crop):
    """The new rows. Of the old ones only those are kept that the next new one needs."""
    left, top, crop_width, crop_height = crop
    columns = weights(png.width, width, left, crop_width)
    kept, begins, rows = [], 0, png.rows()
    for first, last, line in weights(png.height, height, top, crop_height):
        while begins + len(kept) < last:
            kept.append(across(next(rows), png.out_channels, columns))
        del kept[:first - begins]
        begins = first
        yield to_bytes([[sum(map(operator.mul, values, line)) for values in zip(*(planes[c] for planes in kept[:len(line)]))]
                        for c in range(png.out_channels)], png.out_channels)


def encode(width, height, channels, rows):
    def chunk(kind, body):
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    colour = {1: 0, 2: 4, 3: 2, 4: 6}[channels]
    packer, packed, before = zlib.compressobj(6), [], bytes(width * channels)
    for row in rows:
        # The filter "up" suits most images, and is quick here.
        packed.append(packer.compress(b"\x02" + bytes([(a - b) & 255 for a, b in zip(row, before)])))
        before = row
    packed.append(packer.flush())
    return b"".join([SIGNATURE, chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, colour, 0, 0, 0)),
                     chunk(b"IDAT", b"".join(packed)), chunk(b"IEND", b"")])


# ---- the skill


def check_size(request, field):
    value = request.get(field)
    if value is not None and (not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= SIDE_MAX):
        raise BadInput(f"'{field}' must be a whole number from 1 to {SIDE_MAX}")
    return value


def new_size(request, png):
    """The new width and height, and which part of the image goes there: left, top, width, height."""
    width, height, fit = check_size(request, "width"), check_size(request, "height"), request.get("fit", "contain")
    if fit not in FITS:
        raise BadInput(f"'fit' must be one of {', '.join(FITS)}, not {fit!r}")
    if width is None and height is None:
        raise BadInput("'width' or 'height' is needed")
    crop = (0, 0, png.width, png.height)
    if width and height and fit == "cover":
        scale = max(width / png.width, height / png.height)
        cut_width, cut_height = min(png.width, width / scale), min(png.height, height / scale)
        crop = ((png.width - cut_width) / 2, (png.height - cut_height) / 2, cut_width, cut_height)
    elif not (width and height and fit == "stretch"):
        scale = min(side / old for side, old in ((width, png.width), (height, png.height)) if side)
        width, height = max(1, round(png.width * scale)), max(1, round(png.height * scale))
    if width > SIDE_MAX or height > SIDE_MAX or width * height > PIXELS_MAX:
        raise BadInput(f"the result would have {width} x {height} pixels: at most {SIDE_MAX} on a side and {PIXELS_MAX:,} in all are possible")
    return width, height, crop


def resize(request):
    """The answer, and the new file."""
    if not isinstance(request, dict) or not isinstance(request.get("image"), str):
        raise BadInput("the input must be an object whose 'image' is a PNG file as base64")
    text = request["image"]
    if text.startswith("data:"):  # as browsers give it
        text = text.partition(",")[2]
    try:
        data = base64.b64decode("".join(text.split()), validate=True)
    except (binascii.Error, ValueError) as problem:
        raise BadInput(f"'image' is no base64: {problem}") from problem
    png = Png(data)
    width, height, crop = new_size(request, png)
    file = encode(width, height, png.out_channels, resized_rows(png, width, height, crop))
    return {"file": FILE, "width": width, "height": height, "original_width": png.width, "original_height": png.height,
            "bytes": len(file)}, file


def read_input():
    try:
        with open(os.environ["SANDBOX_INPUT_FILE"], encoding="utf-8") as file:
            return json.load(file)
    except (ValueError, RecursionError) as problem:  # a number of thousands of digits, say
        raise BadInput(f"the input can't be used: {problem}") from problem


def main():
    try:
        result, image = resize(read_input())
    except BadInput as problem:
        print(f"image-resize: {problem}", file=sys.stderr)
        return 1
    with open(os.path.join(os.environ["SANDBOX_FILES_DIR"], FILE), "wb") as file:
        file.write(image)
    with open(os.environ["SANDBOX_OUTPUT"], "w", encoding="utf-8") as file:
        json.dump(result, file)
    print(f"{result['original_width']} x {result['original_height']} became {result['width']} x {result['height']}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
