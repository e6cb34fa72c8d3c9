"""The command line: its page is what its table says, and it is built where nothing but its four libraries is."""

import os
import pathlib
import re
import subprocess

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("SKILLBOX_BUILD", ROOT / "build" / "debug"))
# Of POSIX, of C, and of the four libraries; what else there is differs from system to system.
HEADERS = set("""assert dirent endian errno fcntl getopt inttypes limits math poll pthread signal spawn stdarg stdbool stddef stdint stdio
    stdlib string strings termios time unistd sys/ioctl sys/mman sys/stat sys/types sys/utsname sys/wait curl/curl archive archive_entry yaml pcre2""".split())


def cmake_list(path, name):
    """The sources of a list in a CMakeLists.txt, with what it is set to or the library's name before them."""
    text = (ROOT / path).read_text()
    found = re.search(re.escape(name) + r"([a-z0-9_.\s]+\.c)", text)
    assert found, f"{path} has no {name}"
    return [pathlib.Path(path).parent / one for one in found[1].split()]


def sources():
    """All that is built on any system."""
    cli = [path.relative_to(ROOT) for path in sorted((ROOT / "cli").rglob("*.c")) if path.parent != ROOT / "cli" / "local"]
    lib = [*cmake_list("lib/base/CMakeLists.txt", "set(sources "), *cmake_list("lib/frame/CMakeLists.txt", "frame SOURCES "),
           *cmake_list("lib/policy/CMakeLists.txt", "names SOURCES "), *cmake_list("lib/wheel/CMakeLists.txt", "wheel_names SOURCES "),
           *cmake_list("lib/schema/CMakeLists.txt", "schema\n  SOURCES "),
           *cmake_list("lib/skill/CMakeLists.txt", "skill_package\n  SOURCES ")]
    assert len(cli) > 40 and len(lib) > 30
    return cli + lib


def with_headers(paths):
    """They, and all of ours that they include."""
    seen, todo = set(), list(paths)
    while todo:
        path = todo.pop()
        if path not in seen:
            seen.add(path)
            todo += [pathlib.Path(name) for name in re.findall(r'^#include "(\w+/[^"]+)"', (ROOT / path).read_text(), re.MULTILINE)]
    return seen


def test_the_page_is_what_the_table_says():
    """After a change of a command: make docs."""
    text = subprocess.run([BUILD / "bin" / "skillbox", "__manual", "markdown"], capture_output=True, text=True, check=True, timeout=60).stdout
    assert (ROOT / "docs" / "cli.md").read_text() == text


def test_the_manual_page_has_every_command():
    text = subprocess.run([BUILD / "bin" / "skillbox", "__manual", "man"], capture_output=True, text=True, check=True, timeout=60).stdout
    page = re.findall(r"^### skillbox (.+)$", (ROOT / "docs" / "cli.md").read_text(), re.MULTILINE)
    assert text.startswith(".TH SKILLBOX 1 ") and len(page) > 25
    assert [name for name in page if f"\n.SS skillbox {name}" not in text.replace("\\-", "-")] == []


def test_no_header_of_one_system():
    found = {(str(path), name) for path in with_headers(sources())
             for name in re.findall(r"^#include <([^>]+)\.h>", (ROOT / path).read_text(), re.MULTILINE) if name not in HEADERS}
    assert found == set()


def test_nothing_else_is_linked():
    """A header of lib/ whose source isn't built on every system would end the link there."""
    built = {path.with_suffix("") for path in sources()}
    ours = {path for path in with_headers(sources()) if path.suffix == ".h" and (ROOT / path.with_suffix(".c")).exists()}
    assert {str(path) for path in ours if path.with_suffix("") not in built} == set()
