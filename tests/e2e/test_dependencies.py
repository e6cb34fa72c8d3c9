"""Packages on the cluster: from `skillbox push` of a folder with a requirements.txt or a package.json to the result, cold and in a
sandbox that waited. The packages are PyPI's and npm's own, pinned, and kept between runs in ~/.cache/skillbox-dev/packages."""

import hashlib
import json
import os
import pathlib
import shutil
import struct
import subprocess
import sys

import pytest

from skillbox_client import condition_of
from waiting import unique, wait_for

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.append(str(ROOT / "tests" / "cli"))

from cli_command import Command  # noqa: E402

PIP = "SKILLBOX_PIP_PYTHON"
MEMORY = "512Mi"
SHARP = "0.35.5"

# Each uses what is compiled in it, and says its versions.
COMPUTES = """
import io, json, os
import lxml.etree, numpy, orjson, pandas, pydantic
from PIL import Image

class Row(pydantic.BaseModel):
    name: str
    n: int

given = orjson.loads(open(os.environ["SANDBOX_INPUT_FILE"], "rb").read())
rows = [Row(**row) for row in given["rows"]]
frame = pandas.DataFrame([row.model_dump() for row in rows])
pixels = io.BytesIO()
Image.fromarray(numpy.full((4, 6, 3), 200, dtype="uint8")).save(pixels, "PNG")
tree = lxml.etree.fromstring("<a><b>é</b><b>2</b></a>")
answer = {"solved": numpy.linalg.solve(numpy.array([[2.0, 0.0], [0.0, 4.0]]), numpy.array([2.0, 4.0])).tolist(),
          "sums": {name: int(n) for name, n in frame.groupby("name")["n"].sum().items()},
          "png": Image.open(pixels).size, "xml": tree.xpath("//b/text()"),
          "versions": [numpy.__version__, pandas.__version__, pydantic.VERSION, orjson.__version__, lxml.etree.__version__],
          "from": sorted({module.__file__.rsplit("/", 2)[0] for module in (numpy, pandas, pydantic, orjson)})}
open(os.environ["SANDBOX_OUTPUT"], "wb").write(orjson.dumps(answer))
"""
COMPUTES_WITH = {"numpy": "2.5.5", "pandas": "3.1.1", "pydantic": "2.14.4", "orjson": "3.13.0", "lxml": "6.1.3", "pillow": "13.0.0"}

DRAWS = """
import json, os
import matplotlib
import matplotlib.pyplot as plt

figure, axes = plt.subplots(figsize=(4, 3), dpi=100)
axes.plot([1, 2, 3], [3, 1, 2])
axes.set_title("Ünïcode – 1")
figure.savefig(os.environ["SANDBOX_FILES_DIR"] + "chart.png")
json.dump({"version": matplotlib.__version__, "backend": matplotlib.get_backend()}, open(os.environ["SANDBOX_OUTPUT"], "w"))
"""

# A module of Node-API in C: Node.js's headers are not needed, and what is loaded is as native as sharp.
NATIVE = """
#include <stddef.h>
typedef void *value;
extern int napi_create_string_utf8(void *, const char *, size_t, value *);
value napi_register_module_v1(void *env, value exports)
{
	value text = exports;
	napi_create_string_utf8(env, "native", 6, &text);
	return text;
}
int node_api_module_get_api_version_v1(void)
{
	return 8;
}
"""


@pytest.fixture(scope="session")
def downloads():
    """Environment variables under which nothing is downloaded twice, in whatever run."""
    folder = pathlib.Path(os.environ.get("XDG_CACHE_HOME", pathlib.Path.home() / ".cache")) / "skillbox-dev" / "packages"
    folder.mkdir(parents=True, exist_ok=True)
    return {"XDG_CACHE_HOME": str(folder), "npm_config_cache": str(folder / "npm"), PIP: sys.executable}


@pytest.fixture
def command(environment, downloads, tmp_path):
    return Command(tmp_path, SKILLBOX_SERVER_URL=environment["SKILLBOX_SERVER_URL"], SKILLBOX_API_KEY=environment["SKILLBOX_API_KEY"], **downloads)


@pytest.fixture
def pushed(command, downloads):
    """pushed(files, lang) makes a folder and pushes it as one types it; its name. All of them go away afterwards. The lock of the last
    run goes with it: what it says is in the cache."""
    names = []

    def push(files, lang="python", version="1.0.0", name=None):
        name = name or unique("needs")
        names.append((name, version))
        folder = command.home / name
        files = {"SKILL.md": f"---\nname: {name}\ndescription: Needs packages.\nlang: {lang}\nversion: {version}\n"
                             f"resources: {{memory: {MEMORY}, cpu: '1'}}\n---\nRun it.\n", **files}
        for path, data in files.items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_bytes(data if isinstance(data, bytes) else data.encode())
        digest = hashlib.sha256(files.get("requirements.txt", "").encode()).hexdigest()
        kept, lock = pathlib.Path(downloads["XDG_CACHE_HOME"]) / f"{digest}.lock", folder / "requirements.lock"
        if kept.exists():
            shutil.copy(kept, lock)
        assert command.run("push", folder, code=0).out == f'Pushed skill "{name}" successfully\n'
        if lock.exists():
            shutil.copy(lock, kept.with_suffix(f".{os.getpid()}"))
            kept.with_suffix(f".{os.getpid()}").rename(kept)
        return name

    yield push
    for name, version in names:
        command.run("skill", "delete", name, version)


@pytest.fixture
def bound_pool(kubectl):
    """bound_pool(skill, modules): a sandbox with that skill and its packages unpacked, and these imported, waits."""
    names = []

    def make(skill, preload):
        name = unique("needs")
        names.append(name)
        kubectl.create({"apiVersion": "skillbox.dev/v1alpha1", "kind": "SandboxPool", "metadata": {"name": name},
                        "spec": {"replicas": 1, "skillRef": {"name": skill}, "preload": preload}})
        wait_for(lambda: condition_of(kubectl.get("sandboxpool", name), "Ready").get("status") == "True", f"the pool {name} is full", 120)

    yield make
    for name in names:
        kubectl.run("delete", "sandboxpool", name, "--ignore-not-found", "--wait=true")


def pinned(packages):
    return "".join(f"{name}=={version}\n" for name, version in packages.items())


def run(command, skill, given, *options):
    """(result, record) of a run that must succeed."""
    done = command.run("run", skill, "--input", json.dumps(given), *options)
    record = json.loads(done.out)
    assert (done.returncode, record["status"]) == (0, "success"), done.out
    return record["output"], record


def check_computed(output):
    versions = [COMPUTES_WITH[name] for name in ("numpy", "pandas", "pydantic", "orjson", "lxml")]
    assert output == {"solved": [1.0, 1.0], "sums": {"a": 4, "b": 2}, "png": [6, 4], "xml": ["é", "2"], "versions": versions,
                      "from": ["/sandbox/packages"]}


def check_png(path, width, height):
    """A whole picture of that size."""
    data = path.read_bytes()
    assert data.startswith(b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR") and data.endswith(b"IEND\xaeB`\x82") and len(data) > 2000
    assert struct.unpack(">II", data[16:24]) == (width, height)


def test_compiled_packages_cold_and_warm(command, pushed, bound_pool):
    """numpy, pandas, pydantic, orjson, pillow and lxml, by a requirements.txt alone; then the same in a sandbox that has them imported."""
    given = {"rows": [{"name": "a", "n": 1}, {"name": "b", "n": 2}, {"name": "a", "n": 3}]}
    skill = pushed({"main.py": COMPUTES, "requirements.txt": pinned(COMPUTES_WITH)})
    assert "numpy==2.5.5 \\\n    --hash=sha256:" in (command.home / skill / "requirements.lock").read_text()
    output, cold = run(command, skill, given)
    check_computed(output)
    assert cold["warm"] is False
    bound_pool(skill, ["numpy", "pandas", "pydantic", "orjson", "lxml.etree", "PIL.Image"])
    output, warm = run(command, skill, given)
    check_computed(output)
    assert warm["warm"] is True and warm["duration_ms"] < cold["duration_ms"]


def test_a_new_version_with_the_same_lock_moves_only_its_own_bytes(command, pushed, client):
    """The server takes it without the wheels, so that it can't be as large as they are."""
    requirements = pinned({"orjson": "3.13.0"})
    script = "import json, orjson, os\nopen(os.environ['SANDBOX_OUTPUT'], 'wb').write(orjson.dumps({version!r}))\n"
    skill = pushed({"main.py": script.format(version="1.0.0"), "requirements.txt": requirements})
    lock = (command.home / skill / "requirements.lock").read_text()
    assert pushed({"main.py": script.format(version="1.1.0"), "requirements.txt": requirements}, name=skill, version="1.1.0") == skill
    assert run(command, skill, {})[0] == "1.1.0" and run(command, skill, {}, "--version", "1.0.0")[0] == "1.0.0"
    assert (command.home / skill / "requirements.lock").read_text() == lock


def test_matplotlib_draws(command, pushed, bound_pool):
    """A picture that one can look at, without a home to write to."""
    skill = pushed({"main.py": DRAWS, "requirements.txt": pinned({"matplotlib": "3.11.2", "numpy": "2.5.5", "pillow": "13.0.0"})})
    output, _ = run(command, skill, {}, "--download", "cold")
    assert output == {"version": "3.11.2", "backend": "agg"}
    check_png(command.home / "cold" / "chart.png", 400, 300)
    bound_pool(skill, ["matplotlib.pyplot"])
    output, record = run(command, skill, {}, "--download", "warm")
    assert output["version"] == "3.11.2" and record["warm"] is True
    check_png(command.home / "warm" / "chart.png", 400, 300)


def test_packages_that_nobody_brings(command):
    """Refused at push, with the ways out."""
    folder = command.home / "bare"
    folder.mkdir()
    (folder / "SKILL.md").write_text("---\nname: bare\ndescription: Needs packages.\nlang: python\n---\n")
    (folder / "main.py").write_text("import orjson\n")
    (folder / "requirements.txt").write_text("orjson\n")
    said = command.error("push", "bare", "--no-deps")
    assert "requirements.txt" in said and "skillbox push" in said


def test_a_native_module_of_node(command, pushed, tmp_path):
    (tmp_path / "native.c").write_text(NATIVE)
    subprocess.run(["cc", "-shared", "-fPIC", "-o", tmp_path / "native.node", tmp_path / "native.c"], check=True, timeout=60)
    skill = pushed({"main.js": "require('fs').writeFileSync(process.env.SANDBOX_OUTPUT, JSON.stringify(require('native')))\n",
                    "node_modules/native/package.json": json.dumps({"name": "native", "version": "1.0.0", "main": "native.node"}),
                    "node_modules/native/native.node": (tmp_path / "native.node").read_bytes()}, lang="node")
    assert run(command, skill, {})[0] == "native"


PICTURE = """
const sharp = require("sharp");
const fs = require("fs");
sharp({create: {width: 300, height: 200, channels: 3, background: "#aa3311"}})
  .composite([{input: Buffer.from('<svg><circle cx="50" cy="50" r="40" fill="blue"/></svg>'), top: 10, left: 10}])
  .resize(150).png({compressionLevel: 0}).toFile(process.env.SANDBOX_FILES_DIR + "picture.png")
  .then(info => fs.writeFileSync(process.env.SANDBOX_OUTPUT, JSON.stringify([info.format, info.width, info.height, sharp.versions.sharp])));
"""


def lock_with_npm(environment):
    """A package.json with its lock file, made as users make it; once."""
    folder = pathlib.Path(environment["XDG_CACHE_HOME"]) / f"sharp-{SHARP}"
    folder.mkdir(exist_ok=True)
    (folder / "package.json").write_text(json.dumps({"dependencies": {"sharp": SHARP}}))
    if (folder / "package-lock.json").exists():
        return {name: (folder / name).read_text() for name in ("package.json", "package-lock.json")}
    subprocess.run([shutil.which("npm"), "install", "--package-lock-only", "--ignore-scripts", "--no-audit", "--no-fund"], cwd=folder,
                   env=environment, check=True, capture_output=True, timeout=120)
    return {name: (folder / name).read_text() for name in ("package.json", "package-lock.json")}


def test_sharp(command, pushed):
    """npm's own prebuilt libvips, where there is an npm (Debian's Node.js comes without)."""
    if not shutil.which("npm"):
        (command.home / "needs-npm").mkdir()
        (command.home / "needs-npm" / "SKILL.md").write_text("---\nname: needs-npm\ndescription: x\nlang: node\n---\n")
        (command.home / "needs-npm" / "main.js").write_text(PICTURE)
        (command.home / "needs-npm" / "package.json").write_text(json.dumps({"dependencies": {"sharp": SHARP}}))
        (command.home / "needs-npm" / "package-lock.json").write_text("{}")
        assert command.error("push", "needs-npm").startswith("there is no npm, and package.json asks for packages: install it")
        return
    skill = pushed({"main.js": PICTURE, **lock_with_npm(command.environment)}, lang="node")
    output, _ = run(command, skill, {}, "--download", "out")
    assert output == ["png", 150, 100, SHARP]
    check_png(command.home / "out" / "picture.png", 150, 100)
