"""What no run can show, said of the text of the sources."""

import pathlib
import re
import subprocess

ROOT = pathlib.Path(__file__).resolve().parents[2]
PARTS = ("apiserver", "cli", "controller", "lib", "runner")
# Where a secret meets what a peer sent, and how it must be compared.
COMPARED = {"runner/loop.c": "hello_request.token", "lib/blob/signed_url.c": "given.signature", "apiserver/cluster.c": "key->hash"}
COMPARISON = re.compile(r"\b(?:str_eq|str_eq_ignore_case|strcmp|strncmp|memcmp|strcasecmp)\s*\(")
SECRET = re.compile(r"\b\w*(?:token|signature|secret_key|password|key->hash|signing_key)\b")


def c_sources():
    return [path for part in PARTS for path in sorted((ROOT / part).rglob("*.c"))]


def calls(text):
    """The arguments of each comparison."""
    for match in COMPARISON.finditer(text):
        depth, end = 1, match.end()
        while depth:
            depth += {"(": 1, ")": -1}.get(text[end], 0)
            end += 1
        yield text[match.end():end - 1]


def test_secrets_are_compared_in_constant_time():
    assert len(c_sources()) > 100
    for name, secret in COMPARED.items():
        text = (ROOT / name).read_text()
        assert re.search(r"str_eq_constant_time\([^;]*" + re.escape(secret), text), f"{name}: {secret}"
    found = [f"{path.relative_to(ROOT)}: {arguments}" for path in c_sources() for arguments in calls(path.read_text())
             if SECRET.search(arguments) and '"' not in arguments]
    assert found == []


def test_only_the_log_writes_to_standard_error():
    """Servers log one JSON object a line, from one place, where what may be said is looked at. Two others are no servers."""
    allowed = {"lib/base/log.c", "apiserver/main.c", "apiserver/key/key_command.c", "controller/main.c"}
    found = {str(path.relative_to(ROOT)) for path in c_sources() if path.parts[len(ROOT.parts)] not in ("cli", "runner") and
             re.search(r"\bfprintf\s*\(\s*stderr|\bperror\s*\(|\bprintf\s*\(", path.read_text())}
    assert found - allowed == set()


def test_the_chart_brings_the_same_custom_resource_definitions():
    """As files: an archive or a checkout without symbolic links must not lose them."""
    done = subprocess.run([ROOT / "charts" / "update-crds", "--check"], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
