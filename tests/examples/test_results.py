"""What the example skills make: files that are what they say, hostile input that stays harmless, bounds."""

import base64
import json
import re
import struct
import time
import xml.etree.ElementTree as etree
import zlib

import pytest

from script_runner import EXAMPLES, main_of, run_script

SVG = "{http://www.w3.org/2000/svg}"


# ---- csv-to-chart


def chart(result):
    assert result.exit_code == 0, result.error
    return etree.fromstring(result.files["chart.svg"])


def test_chart_has_a_bar_for_each_value(skill):
    svg = chart(skill("csv-to-chart", {"csv": "m,a,b\nJan,10,-5\nFeb,20,0\n", "title": "Q1", "width": 300, "height": 200}))
    assert (svg.get("width"), svg.get("height")) == ("300", "200")
    bars = {title.text: float(bar.get("height")) for bar in svg.iter(f"{SVG}rect") for title in bar.iter(f"{SVG}title")}
    assert list(bars) == ["Jan: a 10", "Feb: a 20", "Jan: b -5", "Feb: b 0"]
    assert bars["Feb: a 20"] == pytest.approx(2 * bars["Jan: a 10"], abs=0.2)
    assert bars["Jan: b -5"] == pytest.approx(bars["Jan: a 10"] / 2, abs=0.2) and bars["Feb: b 0"] == 0
    words = [text.text for text in svg.iter(f"{SVG}text")]
    assert {"Q1", "Jan", "Feb", "a", "b", "20", "-5"} <= set(words)


def test_chart_of_a_line_is_interrupted_where_a_value_is_missing(skill):
    svg = chart(skill("csv-to-chart", {"csv": "t,v\n1,1\n2,2\n3,\n4,1\n5,5\n", "kind": "line"}))
    assert [len(line.get("points").split()) for line in svg.iter(f"{SVG}polyline")] == [2, 2]


def test_chart_lets_no_markup_through(skill):
    svg = chart(skill("csv-to-chart", {"csv": 'a,"<script>alert(1)</script>"\n"&\u0001</svg>",1\n', "title": '"><script>'}))
    assert [element.tag for element in svg.iter() if "script" in element.tag] == []


@pytest.mark.parametrize("values", ["1e308,-1e308", "1e-320,2e-320", "5,5", "0,0", "1.0000000000000002,1"])
@pytest.mark.parametrize("kind", ["bar", "line", "scatter"])
def test_chart_of_extremes_is_drawn_or_refused(skill, kind, values):
    a, b = values.split(",")
    result = skill("csv-to-chart", {"csv": f"x,y\n{a},{a}\n{b},{b}\n", "kind": kind, "y": "y"})
    if result.exit_code:
        assert result.error == "csv-to-chart: the numbers lie too far apart, or too close together, to be drawn\n"
    else:
        assert not re.search(rb"nan|inf", result.files["chart.svg"])


# ---- markdown-report


def report(result):
    assert result.exit_code == 0, result.error
    (name,) = result.files
    assert len(result.files[name]) == result.output["bytes"]
    return result.files[name].decode()


def test_report_as_markdown_is_as_it_was_given(run, tmp_path):
    text = '{"title": "A\\nB", "sections": [{"heading": "One", "text": "*x* <b>", "table": [{"n": 7.10, "t": "a|b"}, {"n": null}]}]}'
    result = run_script(main_of(EXAMPLES / "skills" / "markdown-report"), text, tmp_path)
    assert report(result) == "# A B\n\n## One\n\n*x* <b>\n\n| n | t |\n|---|---|\n| 7.10 | a\\|b |\n|  |  |\n"


def test_report_as_html_knows_some_markdown(skill):
    section = {"heading": "H", "text": "**b** *i* `<c> **` [l](https://e.example/?a=1&b=*x*)\n- one\n- 2 * 3 * 4\n\nnext", "items": ["**x**"]}
    html = report(skill("markdown-report", {"title": "T", "format": "html", "author": "Ada", "sections": [section]}))
    assert ('<p><strong>b</strong> <em>i</em> <code>&lt;c&gt; **</code> <a href="https://e.example/?a=1&amp;b=*x*">l</a></p>\n'
            "<ul><li>one</li><li>2 * 3 * 4</li></ul>\n<p>next</p>\n<ul><li><strong>x</strong></li></ul>") in html
    assert '<p class="by">Ada</p>' in html


def test_report_as_html_lets_no_markup_through(skill):
    bad = '<script>x</script> [a](javascript:x) [b](https://e"onmouseover="x) `<i>`\0'
    html = report(skill("markdown-report", {"title": bad, "author": bad, "format": "html",
                                            "sections": [{"heading": bad, "text": bad, "items": [bad], "table": [{bad: bad}]}]}))
    assert set(re.findall(r"<(\w+)", html)) <= {"DOCTYPE", "html", "head", "meta", "title", "style", "body", "h1", "h2", "p", "ul", "li", "table",
                                                "tr", "th", "td", "code", "a"}
    assert re.findall(r"<a [^>]*>", html) == ['<a href="https://e&quot;onmouseover=&quot;x">'] * 2
    assert 'href="javascript' not in html


# ---- image-resize


def png(width, height, colour, raw, *, depth=8, interlace=0, extra=b""):
    def chunk(kind, body):
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    head = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, interlace)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + extra + chunk(b"IDAT", zlib.compress(raw)) + chunk(b"IEND", b"")


def pixels(data):
    """Width, height and rows of a PNG as this skill writes it."""
    width, height, _, colour = struct.unpack(">IIBB", data[16:26])
    channels = {0: 1, 2: 3, 4: 2, 6: 4}[colour]
    size = struct.unpack(">I", data[33:37])[0]
    raw, before, rows = zlib.decompress(data[41:41 + size]), bytes(width * channels), []
    for y in range(height):
        line = raw[y * (width * channels + 1):(y + 1) * (width * channels + 1)]
        assert line[0] == 2
        before = bytes((a + b) & 255 for a, b in zip(line[1:], before))
        rows.append([tuple(before[i:i + channels]) for i in range(0, len(before), channels)])
    return width, height, rows


def resized(result):
    assert result.exit_code == 0, result.error
    return pixels(result.files["resized.png"])


def encoded(data):
    return base64.b64encode(data).decode()


def test_one_colour_stays_that_colour(skill):
    raw = (b"\0" + b"\x0a\x14\x1e" * 7) * 5
    for size in ({"width": 3}, {"height": 20}, {"width": 4, "height": 9, "fit": "stretch"}, {"width": 4, "height": 9, "fit": "cover"}):
        width, height, rows = resized(skill("image-resize", {"image": encoded(png(7, 5, 2, raw)), **size}))
        assert {pixel for row in rows for pixel in row} == {(10, 20, 30)}
        assert {"width": width, "height": height}.items() >= {key: value for key, value in size.items() if key != "fit"}.items()


def test_half_the_size_is_the_mean_of_what_was_there(skill):
    _, _, rows = resized(skill("image-resize", {"image": encoded(png(2, 2, 0, b"\0\0\x64\0\x64\xc8")), "width": 1}))
    assert rows == [[(100,)]]


def test_what_can_not_be_seen_does_not_shine_through(skill):
    raw = b"\0" + bytes([255, 0, 0, 0, 0, 0, 255, 255])  # red that is transparent, beside blue
    _, _, rows = resized(skill("image-resize", {"image": encoded(png(2, 1, 6, raw)), "width": 1}))
    assert rows == [[(0, 0, 255, 128)]]


def test_palette_and_bits(skill):
    palette = struct.pack(">I", 6) + b"PLTE" + bytes([1, 2, 3, 9, 8, 7])
    palette += struct.pack(">I", zlib.crc32(palette[4:]))
    _, _, rows = resized(skill("image-resize", {"image": encoded(png(3, 1, 3, b"\0\x40", depth=1, extra=palette)), "width": 3}))
    assert rows == [[(1, 2, 3), (9, 8, 7), (1, 2, 3)]]


@pytest.mark.parametrize("data, words", [
    (png(2, 2, 0, b"\0\0\0" * 2, interlace=1), "interlaced"),
    (png(40_000, 40_000, 0, b"\0"), "more than 4,000,000 in all"),
    (png(2, 2, 0, b"\0\0\0"), "fewer rows"),
    (png(2, 2, 0, b"\x09\0\0" * 2), "damaged"),
    (png(2, 1, 0, b"\0\0\0", depth=3), "head is damaged"),
    (png(2, 1, 3, b"\0\0\0"), "lacks a part"),
    (b"GIF89a", "is a GIF"),
    (b"", "no PNG file"),
], ids=lambda value: value if isinstance(value, str) else "")
def test_images_that_can_not_be_read_are_named(skill, data, words):
    result = skill("image-resize", {"image": encoded(data), "width": 2})
    assert result.exit_code == 1 and words in result.error and result.error.count("\n") == 1


# ---- pdf-text


def test_damaged_pdfs_are_refused_in_one_line_or_read(skill):
    data = base64.b64decode(json.loads((EXAMPLES / "skills/pdf-text/examples/input.json").read_text())["pdf"])
    for bad in (data[:len(data) // 2], data[:60], data.replace(b"/Kids[3 0 R 4 0 R]", b"/Kids[2 0 R 2 0 R]"), data.replace(b"/Length", b"/Lengths"),
                data.replace(b"FlateDecode", b"JPXDecode99"), data.replace(b"/Filter/FlateDecode", b"/Filter<<>>"),
                data.replace(b"/WinAnsiEncoding", b"<<>>"), data.replace(b"[1/eacute/fi]", b" 7"), data.replace(b"[1[600 600 600]]", b" 8 0 R"),
                data.replace(b"/Root 1 0 R", b"/Root 9 0 R"), data.replace(b"endobj", b"[[[[[[" * 30)):
        result = skill("pdf-text", {"pdf": encoded(bad)})
        assert "Traceback" not in result.error
        assert result.exit_code == 0 or (result.exit_code == 1 and result.error.startswith("pdf-text: ") and result.error.count("\n") == 1)


def test_a_pdf_that_unpacks_to_too_much_is_refused(skill):
    bomb = zlib.compress(bytes(80 << 20))
    data = (b"%%PDF-1.4\n1 0 obj <</Pages 2 0 R>> endobj 2 0 obj <</Kids[3 0 R]>> endobj 3 0 obj <</Type/Page/Contents 4 0 R>> endobj\n"
            b"4 0 obj <</Filter/FlateDecode/Length %d>> stream\n" % len(bomb) + bomb + b"\nendstream endobj trailer <</Root 1 0 R>>")
    result = skill("pdf-text", {"pdf": encoded(data)})
    assert result.exit_code == 1 and "larger than 64 MiB when unpacked" in result.error


def test_pages_are_checked(skill):
    request = json.loads((EXAMPLES / "skills/pdf-text/examples/input.json").read_text())
    assert "'first_page' is 3, and the file has 2 pages" in skill("pdf-text", {**request, "first_page": 3}).error
    assert "'last_page' is 1, before 'first_page'" in skill("pdf-text", {**request, "first_page": 2, "last_page": 1}).error
    assert "'last_page' must be a whole number" in skill("pdf-text", {**request, "last_page": "2"}).error


# ---- run-code


def answer(result):
    assert result.exit_code == 0, result.error
    return result.output


@pytest.mark.parametrize("code, kind, words", [
    ("import os; print('hi', flush=True); os._exit(3)", "Killed", "os._exit(3)"),
    ("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)", "Killed", "signal SIGSEGV"),
    ("import sys; sys.exit('bad luck')", "SystemExit", "bad luck"),
    ("x = (1,\ny", "SyntaxError", "never closed"),
    ("'x' * 600_000", "ValueError", "the result is too large"),
    ("raise KeyboardInterrupt", "KeyboardInterrupt", ""),
    ("input()", "EOFError", ""),
    ("def f(): f()\nf()", "RecursionError", "recursion"),
    ("a = '\\ud800'; raise ValueError(a)", "ValueError", "\ud800"),
])
def test_code_that_fails_is_told_about(skill, code, kind, words):
    output = answer(skill("run-code", {"code": code}))
    assert output["ok"] is False and output["result"] is None
    assert output["error"]["type"] == kind and words in output["error"]["message"]


def test_what_has_no_json_comes_as_text(skill):
    for code, result in (("{1}", "{1}"), ("float('nan')", "nan"), ("{(1, 2): 3}", "{(1, 2): 3}")):
        output = answer(skill("run-code", {"code": code}))
        assert (output["result"], output["result_is_repr"]) == (result, True)


def test_long_prints_keep_their_begin_and_end(skill):
    output = answer(skill("run-code", {"code": "print('a' * 500_000)\nprint('end')"}))
    assert output["stdout"].startswith("aaa") and output["stdout"].endswith("aaa\nend\n") and "[300005 bytes left out]" in output["stdout"]


def test_what_is_left_running_is_ended(skill):
    begin = time.monotonic()
    output = answer(skill("run-code", {"code": "import subprocess\nsubprocess.Popen(['sleep', '60'])\nprint('done')\nresult = 1"}))
    assert output["ok"] and output["stdout"] == "done\n" and time.monotonic() - begin < 30


def test_threads_are_waited_for(skill):
    code = "import threading, time\nthreading.Thread(target=lambda: (time.sleep(0.2), print('late'))).start()"
    assert answer(skill("run-code", {"code": code}))["stdout"] == "late\n"


def test_files_that_were_given_come_back_when_they_changed(skill):
    result = skill("run-code", {"code": "open('b.txt', 'a').write('!')", "files": {"a.txt": "a", "b.txt": "b", "d/é": "c"}})
    assert answer(result)["files"] == ["b.txt"] and result.files == {"b.txt": b"b!"}


@pytest.mark.parametrize("name", ["../x", "/x", "a/../../x", "", ".", "a\0b", "x" * 300])
def test_names_of_files_stay_below_the_folder(skill, name):
    result = skill("run-code", {"code": "1", "files": {name: ""}})
    assert result.exit_code == 1 and "no name of a file below" in result.error


# ---- text that is hard on programs


@pytest.mark.parametrize("name, field", [("data-analysis", "group_by"), ("csv-to-chart", "x")])
def test_an_error_is_one_line_whatever_is_in_it(skill, name, field):
    result = skill(name, {"csv": '"a\nb",c\n1,2\n', field: "d"})
    assert result.exit_code == 1 and result.error == f"{name}: '{field}' is 'd', but the columns are: a b, c\n"



HALF = "\ud800 half \0 NUL \U0001f600 and \u2028 x"


@pytest.mark.parametrize("name, request_, where", [
    ("data-analysis", {"data": [{HALF: HALF}, {HALF: HALF}]}, lambda output: output["columns"][0]["name"]),
    ("text-summary", {"text": HALF}, lambda output: output["summary"]),
    ("json-transform", {"data": [HALF], "steps": []}, lambda output: output["result"][0]),
    ("log-filter", {"log": HALF}, lambda output: output["lines"][0]),
    ("run-code", {"code": "data", "data": HALF}, lambda output: output["result"]),
    ("csv-to-chart", {"csv": f"k,{HALF}\na,1\n"}, lambda output: output["series"][0]["name"]),
], ids=lambda value: value if isinstance(value, str) else "")
def test_any_text_comes_back_as_it_was(skill, name, request_, where):
    result = skill(name, request_)
    assert result.exit_code == 0, result.error
    assert where(result.output).split() == HALF.split()  # a summary's blanks are its own


def test_log_filter_reads_escapes(run, tmp_path):
    text = r'{"log": "a\u00e9\ud83d\ude00\/\\n\"\nb\\\n\\\\c", "contains": "\u00E9😀/\\n\""}'
    result = run_script(main_of(EXAMPLES / "skills" / "log-filter"), text, tmp_path)
    assert result.output["lines"] == ['aé😀/\\n"'] and result.output["total"] == 3
    assert r'"a\u00e9\ud83d\ude00\/\\n\""' in result.output_text  # not a byte of it was changed
    assert result.files["filtered.log"].decode() == 'aé😀/\\n"\n'


def test_log_filter_has_a_bound_and_is_quick_enough_below_it(skill):
    line = '2026-01-01 INFO said "something" about C:\\new'
    result = skill("log-filter", {"log": "\n".join([line] * 2000), "level": "INFO", "max_lines": 2})
    assert result.output["matched"] == 2000 and result.output["lines"] == [line, line]
    assert "'log' has 20001 lines, more than 20000" in skill("log-filter", {"log": "\n" * 20001}).error
