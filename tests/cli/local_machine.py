"""Skills on this machine: folders to run, and the command line that runs them."""

import functools
import json
import os
import pathlib
import subprocess

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("SKILLBOX_BUILD", ROOT / "build" / "debug"))
PROGRAM = BUILD / "bin" / "skillbox"
# No server is asked, and nothing of the user's settings counts.
ENVIRONMENT = {"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8", "SKILLBOX_SERVER_URL": "http://127.0.0.1:9", "XDG_CONFIG_HOME": "/nonexistent"}


@functools.cache
def may_make_sandboxes():
    """Containers often forbid user namespaces, and there is no local run without."""
    return subprocess.run(["unshare", "--user", "--mount", "--net", "--pid", "--fork", "true"], capture_output=True).returncode == 0


def make_skill(folder, script, name="main.py", **keys):
    folder.mkdir(parents=True, exist_ok=True)
    more = "".join(f"{key}: {value}\n" for key, value in keys.items())
    (folder / "SKILL.md").write_text(f"---\nname: local\ndescription: A skill to try.\n{more}---\nRead this.\n")
    (folder / name).write_text(script)
    return folder


def start(*arguments, environment=None, **options):
    return subprocess.Popen([str(PROGRAM), *map(str, arguments)], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                            stderr=subprocess.PIPE, env=ENVIRONMENT | (environment or {}), **options)


def call(*arguments, environment=None, **options):
    """(exit code, standard output, standard error)"""
    process = start(*arguments, environment=environment, **options)
    out, err = process.communicate(timeout=60)
    return process.returncode, out.decode(), err.decode()


def dev(folder, *arguments, **options):
    """(exit code, result, standard error) of a local run."""
    code, out, err = call("dev", folder, "--local", *arguments, **options)
    return code, json.loads(out) if out else None, err
