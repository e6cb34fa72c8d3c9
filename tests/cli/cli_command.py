"""The program `skillbox` as tests run it: with an environment of its own, so that nothing of the machine's is read or changed."""

import os
import pathlib
import subprocess

ROOT = pathlib.Path(__file__).resolve().parents[2]
PROGRAM = pathlib.Path(os.environ.get("SKILLBOX_BUILD", ROOT / "build" / "debug")) / "bin" / "skillbox"
KEEP = ("PATH", "ASAN_OPTIONS", "UBSAN_OPTIONS", "LSAN_OPTIONS", "TMPDIR")


class Command:
    """home: where its configuration is. More variables by **environment."""

    def __init__(self, home, **environment):
        assert PROGRAM.exists(), f"{PROGRAM} is missing: `make check` builds it"
        kept = {name: os.environ[name] for name in KEEP if name in os.environ}
        self.home = pathlib.Path(home)
        self.environment = {**kept, "HOME": str(home), "LANG": "C.UTF-8", **environment}

    def start(self, *arguments, cwd=None, environment=None, **options):
        return subprocess.Popen([PROGRAM, *map(str, arguments)], cwd=cwd or self.home, env={**self.environment, **(environment or {})},
                                **options)

    def run(self, *arguments, input="", cwd=None, environment=None, code=None):
        """code: what it must end with; None: anything but a crash."""
        data = input if isinstance(input, bytes) else input.encode()
        done = subprocess.run([PROGRAM, *map(str, arguments)], input=data, capture_output=True, cwd=cwd or self.home, check=False,
                              env={**self.environment, **(environment or {})}, timeout=60)
        done.out, done.err = done.stdout.decode(), done.stderr.decode()
        assert "Sanitizer" not in done.err and done.returncode in ((0, 1, 2, 64, 130) if code is None else (code,)), \
            f"{arguments} ended with {done.returncode}\n{done.out}\n{done.err}"
        return done

    def good(self, *arguments, **options):
        """What it printed."""
        return self.run(*arguments, code=0, **options).out

    def error(self, *arguments, code=1, **options):
        """The first line on standard error, without "Error: "."""
        done = self.run(*arguments, code=code, **options)
        lines = [line for line in done.err.splitlines() if line.startswith("Error: ")]
        assert len(lines) == 1, done.err
        return lines[0].removeprefix("Error: ")
