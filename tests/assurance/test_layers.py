"""Who includes whom: layers point one way, folders form no circle, and each source of the stateful rooms has its unit test.

A unit is a source with its headers (`x.c`, `x.h`, `x_internal.h`). Folders of a part are looked at as one; files that lie in the
part's root, each by itself."""

import pathlib
import re

ROOT = pathlib.Path(__file__).resolve().parents[2]
PARTS = ("apiserver", "cli", "controller", "runner")
INCLUDE = re.compile(r'^#include "([^"]+)"', re.MULTILINE)

# What each may include beside itself; an arrow that nothing uses any more goes from here, too.
SERVER = {"lib/api", "lib/base", "lib/blob", "lib/db", "lib/files", "lib/frame", "lib/http/server", "lib/kube", "lib/policy", "lib/run", "lib/schema", "lib/skill",
          "lib/wheel"}
ARROWS = {
    "lib/base": set(),
    "lib/files": {"lib/base"},
    "lib/frame": {"lib/base"},
    "lib/api": {"lib/base"},
    "lib/schema": {"lib/base"},
    "lib/http/client": {"lib/base"},
    "lib/http/server": {"lib/base"},
    "lib/kube": {"lib/base", "lib/http/client"},
    "lib/blob": {"lib/base", "lib/http/client"},
    "lib/db": {"lib/api", "lib/base"},
    "lib/policy": {"lib/api", "lib/base", "lib/files"},
    "lib/skill": {"lib/api", "lib/base", "lib/policy", "lib/schema"},
    "lib/wheel": {"lib/base", "lib/policy", "lib/skill"},
    "lib/run": {"lib/api", "lib/base", "lib/frame", "lib/policy", "lib/skill", "lib/wheel"},
    "runner": {"lib/base", "lib/frame"},
    "cli": {"lib/api", "lib/base", "lib/frame", "lib/policy", "lib/run", "lib/schema", "lib/skill", "lib/wheel"},
    "apiserver": SERVER,
    "controller": SERVER - {"lib/schema"},
}

# Sources below these have a unit test at the same place below tests/unit/.
TESTED = ("controller", "apiserver/execution", "apiserver/object", "runner/cell")


def sources(*folders):
    return [path.relative_to(ROOT) for folder in folders for path in sorted((ROOT / folder).rglob("*.[ch]"))]


def unit(path):
    return re.sub(r"(_internal)?\.[ch]$", "", str(path))


def library(name):
    """lib/kube of lib/kube/watch.h; lib/http has two; of a part its name."""
    pieces = name.split("/")
    return "/".join(pieces[:3 if pieces[:2] == ["lib", "http"] else 2]) if pieces[0] == "lib" else pieces[0]


def folder(name):
    above, _, _ = name.rpartition("/")
    return name if above in PARTS else above


def includes():
    """(file, what it includes), without what the build generates, which has no folder."""
    for path in sources("lib", *PARTS):
        for name in INCLUDE.findall((ROOT / path).read_text()):
            if "/" in name:
                assert (ROOT / name).is_file(), f"{path} includes {name}"
                yield str(path), name


def graph(node):
    """{node: the nodes that its files include}."""
    arrows = {}
    for path, name in includes():
        tail, head = node(unit(path)), node(unit(name))
        arrows.setdefault(tail, set())
        if tail != head:
            arrows[tail].add(head)
    return arrows


def reachable(arrows, start):
    seen, todo = set(), list(arrows.get(start, ()))
    while todo:
        node = todo.pop()
        if node not in seen:
            seen.add(node)
            todo += arrows.get(node, ())
    return seen


def circles(arrows):
    """Sets of nodes of which each leads to every other."""
    reach = {node: reachable(arrows, node) for node in arrows}
    found = {frozenset(other for other in reach[node] if node in reach.get(other, ())) for node in arrows if node in reach[node]}
    return sorted((set(circle) for circle in found), key=sorted)


def steps(arrows, circle):
    return sorted(f"{tail} → {head}" for tail in circle for head in arrows[tail] & circle)


def check(arrows, found):
    assert [steps(arrows, circle) for circle in found] == [], "a circle"


def test_circles_are_found():
    arrows = {"a": {"b"}, "b": {"c"}, "c": {"b", "d"}, "d": {"e"}, "e": set(), "f": {"g"}, "g": {"f"}}
    assert circles(arrows) == [{"b", "c"}, {"f", "g"}]


def test_layers_point_one_way():
    assert len(list(includes())) > 500
    arrows = graph(library)
    assert {name: sorted(heads - ARROWS[name]) for name, heads in arrows.items() if heads - ARROWS[name]} == {}, "not allowed"
    assert {name: sorted(heads - arrows[name]) for name, heads in ARROWS.items() if heads - arrows[name]} == {}, "not used"


def test_no_circle_between_folders():
    arrows = graph(folder)
    check(arrows, circles(arrows))


def test_no_circle_between_files_of_different_folders():
    arrows = graph(lambda name: name)
    check(arrows, [circle for circle in circles(arrows) if len({name.rpartition("/")[0] for name in circle}) > 1])


def test_stateful_sources_have_unit_tests():
    wanted = [path for path in sources(*TESTED) if path.suffix == ".c" and path.name != "main.c"]
    assert len(wanted) > 40
    missing = {str(path) for path in wanted if not (ROOT / "tests/unit" / path.parent / f"test_{path.name}").is_file()}
    assert sorted(missing) == [], "without a unit test"
