"""The command line as a whole process, from its start to its end: what it costs beside curl with the same request."""

import json
import os
import pathlib
import subprocess
import tempfile
import time

import skills
from cluster import Failure

PROGRAM = pathlib.Path(__file__).resolve().parents[2] / "build" / "release" / "bin" / "skillbox"


class Process:
    """once(): milliseconds from the start to the end of a process that must succeed and say this."""

    every = 1

    def __init__(self, name, argv, says, repeat=1):
        self.name, self.argv, self.says, self.repeat = name, argv, says, repeat

    def once(self):
        begin = time.perf_counter()
        done = subprocess.run(self.argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False)
        took = time.perf_counter() - begin
        if done.returncode != 0 or self.says not in done.stdout:
            raise Failure(f"{self.argv[0]} ended with {done.returncode}: {done.stderr[:400].decode(errors='replace')}")
        return took * 1000


def contestants(skill):
    """`skillbox --version`; `skillbox run`, and curl with the same input. Server and key are in the environment of both."""
    if not PROGRAM.exists():
        raise Failure(f"{PROGRAM} is not built: 'make check' does it")
    folder = pathlib.Path(tempfile.mkdtemp(prefix="skillbox-bench-"))
    (folder / "input.json").write_text(skills.INPUT)
    (folder / "request.json").write_text(json.dumps({"skill": skill, "input": json.loads(skills.INPUT)}))
    # not on curl's command line, where others would see the key
    (folder / "curl.conf").write_text(f'header = "Authorization: Bearer {os.environ["SKILLBOX_API_KEY"]}"\n')
    (folder / "curl.conf").chmod(0o600)
    curl = ["curl", "-sS", "--fail", "-K", str(folder / "curl.conf"), "-H", "Content-Type: application/json",
            "--data-binary", f"@{folder}/request.json", os.environ["SKILLBOX_SERVER_URL"] + "/v1/executions"]
    return folder, [Process("cli_version", [str(PROGRAM), "--version"], b"skillbox", repeat=3),
                    Process("cli_run", [str(PROGRAM), "run", skill, "--input", f"@{folder}/input.json"], b'"totals"'),
                    Process("curl_run", curl, b'"totals"')]
