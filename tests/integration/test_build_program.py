"""charts/skillbox/build/build.py by itself: which lines of a requirements file it takes, what it says of pip's failures, and that
nothing can be run beside pip. With an index it is tried in tests/e2e/test_build.py."""

import importlib.util
import io
import json
import pathlib
import subprocess
import sys

import pytest

PROGRAM = pathlib.Path(__file__).resolve().parents[2] / "charts" / "skillbox" / "build" / "build.py"


@pytest.fixture(scope="module")
def program():
    spec = importlib.util.spec_from_file_location("build", PROGRAM)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def read(program, files):
    requirements = program.Requirements(files)
    requirements.read("requirements.txt", requirements.wanted)
    return requirements


TAKEN = {
    "six": ["six"],
    "six==1.0  # why\n\n# nothing\n": ["six==1.0"],
    "six [extra, other] >=1, <2 ; python_version < '3.13' and os_name == 'posix'": [
        "six [extra, other] >=1, <2 ; python_version < '3.13' and os_name == 'posix'"],
    "six==1 \\\n  --hash=sha256:AB \\\n  --hash=sha256:cd": ["six==1 --hash=sha256:ab --hash=sha256:cd"],
    "six~=1.0; extra == 'x'": ["six~=1.0; extra == 'x'"],
    "\ufeffsix (>=1)\r\n": ["six (>=1)"],
    "-i https://user:secret@elsewhere/simple\n--extra-index-url=https://x\n--trusted-host x\n-f .\nsix": ["six"],
    "-r more.txt\n-rmore.txt\n--requirement more.txt": ["other"],
}
REFUSED = [
    "--no-binary :all:", "--no-binary=six", "--only-binary :none:", "-e .", "--editable=git+https://x/y", "git+https://x/y",
    "https://x/y.whl", "six @ https://x/y.whl", "six@file:///etc/passwd", "./six", "../six.whl", "/etc/six.whl", "a/b", "six --config-settings x=y",
    "six --global-option=x", "-r /etc/passwd", "-r https://x/y", "-r ../more.txt", "-r missing.txt", "-c missing.txt", "six==${HOME}",
    "six\\\n --no-binary=:all:", "six \x0b--no-binary=:all:", "\u2028--no-binary=:all:",
]


@pytest.mark.parametrize("text", TAKEN)
def test_what_is_taken(program, text):
    requirements = read(program, {"requirements.txt": text, "more.txt": "other"})
    assert requirements.wanted == TAKEN[text]
    assert "secret" not in "".join(requirements.notes)


@pytest.mark.parametrize("text", REFUSED)
def test_what_is_refused(program, text):
    with pytest.raises(program.Refused):
        read(program, {"requirements.txt": text, "more.txt": "other"})


def test_what_is_included(program):
    requirements = read(program, {"requirements.txt": "-r a/one.txt\n-c pins.txt", "a/one.txt": "-c ../pins.txt\n-r two.txt",
                                  "a/two.txt": "six\n-r one.txt", "pins.txt": "six==1\n-r a/two.txt"})
    assert requirements.wanted == ["six"] and requirements.constraints[0] == "six==1"


def test_what_pip_says(program):
    cases = {
        "ERROR: THESE PACKAGES DO NOT MATCH THE HASHES\n    six==1 from http://x (from -r y):\n        Expected sha256 aa\n             Got        bb\n":
            "another six==1 than requirements.lock asks for: its sha256 is bb, and should be aa",
        "ERROR: ResolutionImpossible: for help": "contradict each other",
        "ERROR: No matching distribution found for six==9\nERROR: Could not find (from versions: 1, 2)": "it has the versions 1, 2",
    }
    for output, words in cases.items():
        error = program.explain(output, "https://i/simple", lambda: "")
        assert isinstance(error, program.Refused) and words in str(error)
    error = program.explain("WARNING: Retrying (Retry(total=1)) after connection broken", "https://u:p@i/simple", lambda: "")
    assert isinstance(error, program.Failed) and "u:p" not in str(error)


def test_nothing_is_run(tmp_path):
    """The process that pip runs in starts no other: here a stand-in for pip tries."""
    (tmp_path / "pip.py").write_text("import os, subprocess\n"
                                     "for run in (lambda: subprocess.run(['true']), lambda: os.system('true'), os.fork,\n"
                                     "            lambda: os.posix_spawn('/bin/true', ['true'], {}), lambda: os.execv('/bin/true', ['true'])):\n"
                                     "    try:\n        run()\n        print('ran')\n"
                                     "    except PermissionError as error:\n        print(error)\n")
    starter = f"import sys; sys.path.insert(0, {str(tmp_path)!r}); sys.argv[1:] = ['pip']; exec(open({str(PROGRAM)!r}).read())"
    done = subprocess.run([sys.executable, "-c", starter], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.splitlines() == ["nothing is run while packages are fetched"] * 5


def test_a_pod_works_once(program, tmp_path):
    job = json.dumps({"index_url": "https://i", "timeout_s": 1, "max_bytes": 1, "files": {"requirements.txt": "-e ."},
                      "target": {"version": "3.12", "abi": "cp312", "platforms": []}}).encode()
    answers = []
    for _ in range(2):
        out = io.BytesIO()
        program.build(io.BytesIO(b"%d\n" % len(job) + job), out, str(tmp_path))
        answers.append(out.getvalue().decode())
    assert answers[0].startswith("SKILLBOX BUILD 1 refused ") and "-e is not taken here" in answers[0]
    assert answers[1].startswith("SKILLBOX BUILD 1 failed ") and "was given a build before" in answers[1]
    assert all(a.endswith("SKILLBOX BUILD END\n") for a in answers)
