"""Runs a skill's script as a sandbox runs it but without one, and the cases that skills bring with them."""

import decimal
import json
import os
import pathlib
import shutil
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
EXAMPLES = ROOT / "examples"
SKILLS = sorted(path.parent for path in (EXAMPLES / "skills").glob("*/SKILL.md"))
CASES = sorted(path for skill in SKILLS for path in (skill / "tests").glob("*.json"))
INTERPRETERS = {".py": [sys.executable], ".js": ["node"], ".sh": ["bash"]}
CASE_KEYS = {"name", "input", "env", "output", "error_code", "error", "files", "log_has"}


def case_id(path):
    return f"{path.parent.parent.name}:{path.stem}"


def exact(text):
    """A JSON value whose numbers are equal if their decimal values are."""
    return json.loads(text, parse_float=decimal.Decimal, parse_int=decimal.Decimal)


def input_text(path):
    """A case's input as it stands in its file."""
    text = path.read_text(encoding="utf-8")
    decoder, at = json.JSONDecoder(), text.index("{") + 1
    while True:
        at += len(text[at:]) - len(text[at:].lstrip(" \t\r\n,"))
        if text[at] == "}":
            return "{}"
        key, at = decoder.raw_decode(text, at)
        at = text.index(":", at) + 1
        at += len(text[at:]) - len(text[at:].lstrip())
        _, end = decoder.raw_decode(text, at)
        if key == "input":
            return text[at:end]
        at = end


class Result:
    def __init__(self, process, folder):
        output = folder / "output.json"
        self.exit_code = process.returncode
        self.log, self.error = (stream.decode("utf-8", errors="replace") for stream in (process.stdout, process.stderr))
        self.output_text = output.read_text(encoding="utf-8") if output.exists() else None
        self.output = None if self.output_text is None else json.loads(self.output_text)
        self.folder = folder / "files"
        paths = sorted(path for path in self.folder.rglob("*") if path.is_file())
        self.files = {path.relative_to(self.folder).as_posix(): path.read_bytes() for path in paths}


def main_of(skill):
    return next(path for path in (skill / f"main{suffix}" for suffix in INTERPRETERS) if path.exists())


def run_script(script, text, folder, env=None):
    """text: the input's JSON."""
    interpreter = INTERPRETERS[script.suffix]
    assert shutil.which(interpreter[0]), f"{interpreter[0]} is not on this machine; dev/lib/packages.sh lists it"
    shutil.rmtree(folder / "files", ignore_errors=True)
    (folder / "files").mkdir(parents=True)
    (folder / "output.json").unlink(missing_ok=True)
    (folder / "input.json").write_text(text, encoding="utf-8")
    variables = {"PATH": os.environ["PATH"], "HOME": "/tmp", "LANG": "C.UTF-8", "PYTHONDONTWRITEBYTECODE": "1",
                 "SANDBOX_INPUT_FILE": str(folder / "input.json"), "SANDBOX_OUTPUT": str(folder / "output.json"),
                 "SANDBOX_FILES_DIR": f"{folder}/files/", **(env or {})}
    process = subprocess.run([*interpreter, script], env=variables, stdin=subprocess.DEVNULL, capture_output=True, timeout=60, cwd=folder)
    return Result(process, folder)
