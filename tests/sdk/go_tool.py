"""Go, found as dev/lib/go.sh finds it."""

import functools
import os
import pathlib
import subprocess

ROOT = pathlib.Path(__file__).resolve().parents[2]
MODULE = "github.com/skillbox-dev/skillbox/sdks/go"


@functools.cache
def folder():
    """Where `go` is."""
    done = subprocess.run(["bash", "-c", ". dev/lib/go.sh && go_folder"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, "there is no Go from 1.21 on: `make up` brings one"
    return done.stdout.strip()


def environment(**more):
    """Without what a machine's setting may forbid (as dev/lib/go.sh), and without a module or workspace around."""
    return {**os.environ, "PATH": f"{folder()}:{os.environ['PATH']}", "GOWORK": "off", "GOFLAGS": "-mod=readonly -buildvcs=false",
            "CGO_ENABLED": "0", **toolchain(), **more}


@functools.cache
def toolchain():
    version = subprocess.run([f"{folder()}/go", "env", "GOVERSION"], capture_output=True, text=True, check=True).stdout
    return {"GOTOOLCHAIN": "auto"} if version < "go1.23" else {}


def run(*arguments, cwd, **more):
    """The output of `go ARGUMENT...`."""
    done = subprocess.run([f"{folder()}/go", *map(str, arguments)], cwd=cwd, capture_output=True, text=True, check=False,
                          env=environment(**more))
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def format_problems(where):
    """What gofmt would change. gofmt is not always beside go."""
    gofmt = pathlib.Path(run("env", "GOROOT", cwd=where).strip()) / "bin" / "gofmt"
    return subprocess.run([gofmt, "-d", where], capture_output=True, text=True, check=True).stdout
