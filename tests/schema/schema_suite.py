"""The official test suite of JSON Schema, as PyPI's jsonschema brings it: downloaded once, by its digest."""

import hashlib
import json
import os
import pathlib
import subprocess
import sys
import tarfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
CACHE = pathlib.Path(os.environ.get("XDG_CACHE_HOME", pathlib.Path.home() / ".cache")) / "skillbox-dev" / "json-schema-suite"
RELEASE = "jsonschema-4.26.0"
DIGEST = "0c26707e2efad8aa1bfc5b7ce170f3fccc2e4918ff85989ba9ffa9facb2be326"

# Folder of the suite → the dialect, and the folder of its own schema in the package jsonschema-specifications.
DIALECTS = {
    "draft2020-12": ("https://json-schema.org/draft/2020-12/schema", "draft202012"),
    "draft2019-09": ("https://json-schema.org/draft/2019-09/schema", "draft201909"),
    "draft7": ("http://json-schema.org/draft-07/schema", "draft7"),
}
REMOTE = "http://localhost:1234/"


def archive():
    """The path of the source distribution, checked."""
    path = CACHE / f"{RELEASE}.tar.gz"
    if not path.is_file():
        CACHE.mkdir(parents=True, exist_ok=True)
        wanted = CACHE / "requirements.txt"
        wanted.write_text(f"{RELEASE.replace('-', '==')} --hash=sha256:{DIGEST}\n")
        subprocess.run([sys.executable, "-m", "pip", "download", "-q", "--disable-pip-version-check", "--no-deps", "--no-binary", "jsonschema",
                        "--require-hashes", "-r", wanted, "-d", CACHE], check=True, timeout=300)
    assert hashlib.sha256(path.read_bytes()).hexdigest() == DIGEST, path
    return path


def files():
    """{path below json/: text} of the suite's tests and of the documents that they refer to."""
    found = {}
    with tarfile.open(archive()) as tar:
        for member in tar:
            name = member.name.removeprefix(f"{RELEASE}/json/")
            if member.isfile() and name.startswith(("tests/draft", "remotes/")) and name.endswith(".json"):
                found[name] = tar.extractfile(member).read().decode()
    return found


def groups(texts, draft):
    """[(file, group of tests)]: all that is demanded of everybody."""
    found = []
    for name in sorted(texts):
        above, _, file = name.rpartition("/")
        if above == f"tests/{draft}" and file != "vocabulary.json":
            found += [(file, group) for group in json.loads(texts[name])]
    return found


def documents(texts, draft):
    """{URI: schema} of what the tests of a draft refer to: the suite's own, and the dialect itself."""
    from jsonschema_specifications import REGISTRY

    found = {}
    for name, text in texts.items():
        path = name.removeprefix("remotes/")
        if name.startswith("remotes/") and (path.startswith(f"{draft}/") or not path.startswith("draft")):
            found[REMOTE + path] = json.loads(text)
    for uri in REGISTRY:
        if DIALECTS[draft][0].rpartition("/")[0] in uri:
            found[uri.rstrip("#")] = REGISTRY.contents(uri)
    return found


def verdicts(lines, draft):
    """What schema-cases answers to each line."""
    program = ROOT / "build/debug/tests/schema-cases"
    done = subprocess.run([program, DIALECTS[draft][0]], input="".join(json.dumps(line) + "\n" for line in lines), capture_output=True,
                          text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]
