"""The TypeScript SDK: the vectors of tests/contract, its own unit tests, and its package."""

import json
import os
import re
import shutil
import subprocess
import tomllib
import zipfile

import pytest

import node_sdk
from vector_server import KEY, VectorServer, load_vectors

# Node's fetch takes "100 Continue" for an error, unless it was asked for; and what it asks nobody can say.
BEYOND_FETCH = ("faults: 100 Continue before the answer",)
VECTORS = {name: vector for name, vector in load_vectors().items() if name not in BEYOND_FETCH}


@pytest.fixture(scope="module")
def played():
    return node_sdk.play_all(VECTORS, node_sdk.node())


@pytest.mark.parametrize("name", VECTORS)
def test_vector(played, name):
    assert played[0][name] == []


@pytest.mark.parametrize("name", BEYOND_FETCH)
def test_what_fetch_can_not(name):
    """Once it can, the vector belongs to the others."""
    with VectorServer() as server:
        server.play(load_vectors()[name])
        code = f"""fetch("{server.url}/v1/executions", {{method: "POST", body: '{{"skill":"greet"}}', headers: {{
            "Authorization": "Bearer {KEY}", "Idempotency-Key": "k", "Content-Type": "application/json", "Accept": "application/json"
        }}}}).then(() => console.log("ok"), (error) => console.log(error.cause.message))"""
        done = subprocess.run([node_sdk.node(), "-e", code], capture_output=True, text=True, check=True, timeout=30)
        assert server.verdict() == ""
    assert done.stdout == "bad response\n"


def test_node_has_nothing_to_complain_of(played):
    assert played[1] == []


def test_a_vector_can_fail():
    """Another request, another answer, an exchange too many, and one too few."""
    vector = VECTORS["executions: run with nothing but the skill"]
    exchange = vector["exchanges"][0]
    wrong = [{**vector, "calls": [{"method": "run", "arguments": {"skill": "other"}}]},
             {**vector, "result": {"status": "failed"}},
             {**vector, "result": {"output": 1}},
             {**vector, "lines": ["one"]},
             {**vector, "files": {"a": "b"}},
             {**vector, "exchanges": [exchange, exchange]},
             {**vector, "calls": vector["calls"] * 2},
             {**vector, "error": {"kind": "not_found"}},
             {**vector, "connections": 2},
             {**vector, "exchanges": [{**exchange, "request": {**exchange["request"], "headers": {"Authorization": "Bearer x"}}}]}]
    problems, _ = node_sdk.play_all(dict(enumerate(wrong)), node_sdk.node())
    assert [i for i, found in problems.items() if found == []] == []


def unit_tests(path, **environment):
    """What node --test says of unit.test.mjs, if it isn't that all is well."""
    done = subprocess.run([path, "--test", node_sdk.HERE / "unit.test.mjs"], capture_output=True, text=True, timeout=120,
                          env={**os.environ, **environment})
    passed = re.search(r"^. pass (\d+)$", done.stdout, re.MULTILINE)
    return "" if done.returncode == 0 and passed and int(passed[1]) >= 35 else done.stdout + done.stderr


def test_units(tmp_path):
    assert unit_tests(node_sdk.node(), ZIP=str(tmp_path / "skill.zip")) == ""
    with zipfile.ZipFile(tmp_path / "skill.zip") as archive:
        assert archive.testzip() is None
        assert archive.namelist() == ["SKILL.md", "data/empty", "data/\u00e9.txt", "main.sh"]
        assert archive.read("data/\u00e9.txt").decode() == "\u00e9" * 1000
        assert [entry.external_attr >> 16 for entry in archive.infolist()] == [0o100644] * 3 + [0o100755]
        assert {entry.date_time for entry in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}


def test_other_nodes():
    """All of that under each other Node.js from 18 on that there is here."""
    for version, path in node_sdk.other_nodes().items():
        assert unit_tests(path) == "", version
        problems, complaints = node_sdk.play_all(VECTORS, path)
        assert ({name: found for name, found in problems.items() if found}, complaints) == ({}, []), version


# ---- the package

PACKED = ["CHANGELOG.md", "LICENSE", "README.md", "package.json", "skillbox.d.ts", "skillbox.js"]


def test_what_the_package_says_of_itself():
    package = json.loads((node_sdk.SDK / "package.json").read_text())
    python = tomllib.loads((node_sdk.ROOT / "sdks" / "python" / "pyproject.toml").read_text())["project"]
    assert (package["name"], package["license"], package["author"]) == (python["name"], python["license"], python["authors"][0]["name"])
    assert package["keywords"] == python["keywords"] and package.get("repository") == python.get("urls", {}).get("Repository")
    assert package["engines"] == {"node": ">=18"} and package["type"] == "module"
    assert not {"dependencies", "peerDependencies", "optionalDependencies", "scripts"} & set(package)
    assert sorted({*package["files"], "LICENSE", "README.md", "package.json"}) == PACKED  # npm adds these three
    for name in [*PACKED, package["main"], package["types"], *package["exports"]["."].values()]:
        assert (node_sdk.SDK / name).is_file(), name
    assert f'\nexport const VERSION = "{package["version"]}";\n' in (node_sdk.SDK / "skillbox.js").read_text()
    assert f"\n## {package['version']}\n" in (node_sdk.SDK / "CHANGELOG.md").read_text()
    assert (node_sdk.SDK / "LICENSE").read_text() == (node_sdk.ROOT / "LICENSE").read_text()


def test_the_package_is_found_by_its_name(tmp_path):
    """As npm unpacks it, and by npm itself where that is installed (Debian's Node.js is without)."""
    npm = shutil.which("npm")
    if npm:
        environment = {**os.environ, "npm_config_cache": str(tmp_path / "cache"), "npm_config_offline": "true"}
        for command in (["pack", "--silent", "--pack-destination", tmp_path, node_sdk.SDK],
                        ["install", "--silent", "--no-audit", "--no-fund", "--prefix", tmp_path, tmp_path / "skillbox-sdk-0.1.0.tgz"]):
            done = subprocess.run([npm, *command], capture_output=True, text=True, timeout=60, env=environment, cwd=tmp_path)
            assert done.returncode == 0, done.stdout + done.stderr
    else:
        (tmp_path / "node_modules" / "skillbox-sdk").mkdir(parents=True)
        for name in PACKED:
            shutil.copy(node_sdk.SDK / name, tmp_path / "node_modules" / "skillbox-sdk")
    assert sorted(path.name for path in (tmp_path / "node_modules" / "skillbox-sdk").iterdir()) == PACKED
    code = "import('skillbox-sdk').then(async (sdk) => console.log(sdk.VERSION, sdk.Client.name, Object.keys(sdk).length > 15))"
    done = subprocess.run([node_sdk.node(), "-e", code], capture_output=True, text=True, cwd=tmp_path, check=True, timeout=30)
    assert done.stdout == "0.1.0 Client true\n"


def test_it_uses_nothing_but_what_it_says():
    """Modules come by a call, each where a file system is needed: none is imported when this one is."""
    source = (node_sdk.SDK / "skillbox.js").read_text()
    assert re.findall(r"^\s*import\b.*|\brequire\(", source, re.MULTILINE) == []
    assert re.findall(r"\bawait import\((.*)\)", source) == ["/* webpackIgnore: true */ /* @vite-ignore */ `node:${name}`"]
    assert set(re.findall(r'nodeModule\("(.*?)"', source)) == {"crypto", "fs", "fs/promises", "os", "path", "url", "zlib"}
    assert not re.search(r"\bBuffer\b|\b__dirname\b", source)
