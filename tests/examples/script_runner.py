"""Runs a skill's script as a sandbox runs it but without one, and the cases that skills bring with them."""

import importlib.machinery
import importlib.util
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
# Those that need no more than a runtime image as it comes run under the machine's own interpreters, too; the rest on the cluster.
PLAIN = [skill for skill in SKILLS if "skillbox.image:" not in (skill / "SKILL.md").read_text(encoding="utf-8")]
PLAIN_CASES = [path for path in CASES if path.parent.parent in PLAIN]
INTERPRETERS = {".py": [sys.executable], ".js": ["node"], ".sh": ["bash"]}


def load(path):
    """A program without a suffix, as a module."""
    loader = importlib.machinery.SourceFileLoader(f"example_{path.stem}", str(path))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader(loader.name, loader))
    loader.exec_module(module)
    return module


RUN = load(EXAMPLES / "run")  # it reads cases and judges results, here too


def case_id(path):
    return f"{path.parent.parent.name}:{path.stem}"


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
