"""What a script may leave in /sandbox/out/files: whoever takes its files gets regular files of the script's own, and nothing else."""

import io
import json
import os
import tarfile

import pytest
import requests

from contract_checks import assert_answer
from skillbox_client import skill_zip
from waiting import unique

MAKE = r"""
import errno, json, os, socket, stat
top = os.environ["SANDBOX_FILES_DIR"]
os.chdir(top)
seen = {}
def attempt(name, function, *arguments):
    try:
        function(*arguments)
        seen[name] = "ok"
    except OSError as problem:
        seen[name] = errno.errorcode[problem.errno]
def write(path, text=b"own"):
    with open(path, "wb") as file:
        file.write(text)

write("plain")
for name, target in {"passwd": "/etc/passwd", "environ": "/proc/1/environ", "self": "/proc/self/mem", "endless": "/dev/zero", "root": "/",
                     "loop": "loop", "dangling": "/nowhere", "up": "../../..", "input": "/sandbox/input.json"}.items():
    os.symlink(target, "link-" + name)
attempt("hard link to passwd", os.link, "/etc/passwd", "hard-passwd")
attempt("hard link to the runner", os.link, "/skillbox/runner", "hard-runner")
attempt("hard link to own", os.link, "plain", "hard-own")
attempt("hard link to a link", lambda: os.link("link-passwd", "hard-link", follow_symlinks=False))
os.mkfifo("fifo")
socket.socket(socket.AF_UNIX).bind("socket")
attempt("device", os.mknod, "device", stat.S_IFCHR | 0o666, os.makedev(1, 3))
attempt("disk", os.mknod, "disk", stat.S_IFBLK | 0o666, os.makedev(8, 0))
for name in ("..passwd", "...", "..\\..\\etc\\passwd", "C:\\x", "-rf", "--checkpoint-action=exec=sh", " ", "~root", "$(id)", "a;b", "con.txt", "%2e%2e%2fx"):
    write(name)
write("n" * 255)
attempt("too long", write, "n" * 256)
path = "."
for _ in range(8):
    path += "/" + "l" * 200
    os.mkdir(path)
write("./" + "/".join(["l" * 200] * 4) + "/within", b"own")
attempt("long path", write, path + "/beyond")
os.mkdir("deep")
here = os.getcwd()
for level in range(300):
    os.chdir("deep" if level == 0 else "d")
    os.mkdir("d")
    if level in (10, 100, 299):
        write("file")
os.chdir(here)
for name in ("new\nline", "car\rriage", "tab\t", "escape\x1b[31m", "bell\a", "quote\"'"):
    write(name)
for name in (b"\xff\xfe", b"half\xc3", b"over\xc0\xaf", b"surrogate\xed\xa0\x80"):
    attempt(repr(name), write, name)
write("hidden", b"taken away"); os.chmod("hidden", 0)
os.mkdir("closed"); write("closed/file"); os.chmod("closed", 0)
write("set-uid"); os.chmod("set-uid", 0o6777)
json.dump(seen, open(os.environ["SANDBOX_OUTPUT"], "w"))
"""


class Taken:
    def __init__(self, result):
        self.result = result
        self.seen = result["output"]
        answer = requests.get(result["files_url"], timeout=60)
        assert answer.status_code == 200, answer.text
        with tarfile.open(fileobj=io.BytesIO(answer.content), mode="r:gz", errors="surrogateescape") as archive:
            self.members = archive.getmembers()
            self.contents = {member.name: archive.extractfile(member).read() for member in self.members if member.isreg()}


@pytest.fixture(scope="module")
def taken(client):
    name = unique("tricks")
    client.push(skill_zip(name, MAKE))
    result = client.run(name, timeout="60s")
    client.request("DELETE", f"/v1/skills/{name}/1.0.0")
    assert result["status"] == "success", result
    assert_answer(result)
    return Taken(result)


def test_symbolic_links(taken, verdict):
    assert all(member.isreg() for member in taken.members)
    assert not [name for name in taken.contents if "link-" in name]
    assert not any(b"root:" in text or b"SKILLBOX" in text for text in taken.contents.values())
    verdict("harmless")


def test_hard_links(taken, verdict):
    """They come as files with the same content, and only one's own files can be linked."""
    assert taken.seen["hard link to passwd"] != "ok" and taken.seen["hard link to the runner"] != "ok", taken.seen
    assert taken.contents["plain"] == b"own"
    assert taken.contents.get("hard-own", b"own") == b"own"
    assert "hard-link" not in taken.contents
    verdict("harmless")


def test_fifos_and_sockets(taken, verdict):
    assert not {"fifo", "socket"} & taken.contents.keys()
    verdict("harmless")


def test_devices(taken, verdict):
    """To make one is refused, and what is no regular file isn't taken."""
    assert not {"device", "disk"} & taken.contents.keys()
    verdict("refused" if "ok" not in (taken.seen["device"], taken.seen["disk"]) else "open", taken.seen)


def is_safe(name):
    parts = name.split("/")
    return name and not name.startswith("/") and ".." not in parts and "." not in parts and "" not in parts and "\0" not in name


def test_dot_dot_names(taken, verdict):
    """Dots, backslashes, drive letters, options: names stay below the folder that they are unpacked in."""
    assert all(is_safe(member.name) for member in taken.members)
    assert {"..passwd", "...", "-rf"} <= taken.contents.keys()
    verdict("harmless")


def test_long_names(taken, verdict):
    assert taken.contents["n" * 255] == b"own"
    assert taken.seen["too long"] == "ENAMETOOLONG"
    assert max(len(name.encode(errors="surrogateescape")) for name in taken.contents) <= 1024
    verdict("harmless")


def test_deep_nesting(taken, verdict):
    depths = [name.count("/") + 1 for name in taken.contents]
    assert 11 < max(depths) <= 32, max(depths)
    verdict("harmless")


def test_newline_names(taken, verdict):
    """In the list as in the archive, and no line of a log is made of them."""
    wanted = {"new\nline", "car\rriage", "tab\t", "quote\"'"}
    assert wanted <= taken.contents.keys()
    assert wanted <= set(taken.result["files_list"])
    verdict("harmless")


def test_invalid_utf8_names(client, taken, verdict):
    """The list is JSON, so it is UTF-8; the record can be read again and says the same."""
    text = json.dumps(taken.result["files_list"]).encode()
    assert text.decode("utf-8")
    assert client.record(taken.result["execution_id"])["files_list"] == taken.result["files_list"]
    assert len(set(taken.result["files_list"])) == len(taken.result["files_list"]) == len(taken.members)
    verdict("harmless")


def test_files_without_permission(taken, verdict):
    """They come all the same, and no set-uid bit comes with them."""
    assert taken.contents["hidden"] == b"taken away"
    assert all(member.mode & 0o7000 == 0 for member in taken.members), [m.name for m in taken.members if m.mode & 0o7000]
    assert {(member.uid, member.gid) for member in taken.members} <= {(0, 0), (65534, 65534)}
    verdict("harmless")


def test_hundred_thousand_files(client, push, neighbour, verdict):
    skill = push("""
import os
for number in range(100000):
    os.close(os.open(os.environ["SANDBOX_FILES_DIR"] + "f%d" % number, os.O_CREAT | os.O_WRONLY))
open(os.environ["SANDBOX_OUTPUT"], "w").write("1")
""", resources={"memory": "512Mi"})
    result = client.run(skill, timeout="60s")
    assert_answer(result)
    assert result["status"] == "success" and result["output"] == 1, result["error"]
    assert 0 < len(result["files_list"]) <= 1000
    neighbour.is_served()
    verdict("harmless", f"{result['timings']}")


REPLACE = r"""
import json, os, shutil
seen = {}
def attempt(name, function, *arguments):
    try:
        function(*arguments)
        seen[name] = "ok"
    except OSError as problem:
        seen[name] = problem.strerror
real = os.path.realpath(PLACE)
attempt("rename", os.rename, real, real + "-away")
attempt("remove", lambda: shutil.rmtree(real))
attempt("link", os.symlink, "/etc", real)
attempt("parent", lambda: os.rename(os.path.dirname(real), os.path.dirname(real) + "-away"))
attempt("parent link", lambda: os.symlink("/", os.path.dirname(real)))
print(json.dumps(seen))
"""


def test_files_folder_replaced(client, push, verdict):
    """By a link to a folder of the image: nothing of that comes back."""
    result = client.run(push(f'PLACE = "/sandbox/out/files"\n{REPLACE}'), timeout="30s")
    assert_answer(result)
    assert not [name for name in result.get("files_list", []) if name.split("/")[0] in os.listdir("/etc")], result["files_list"]
    verdict("harmless", result.get("logs"))


def test_out_folder_replaced(client, push, verdict):
    """The folder that /sandbox/out really is, and the one that it lies in: the runner looks into none that took its place."""
    result = client.run(push(f'PLACE = "/sandbox/out"\n{REPLACE}'), timeout="30s")
    assert_answer(result)
    assert not [name for name in result.get("files_list", []) if name.split("/")[0] in os.listdir("/etc")], result["files_list"]
    assert "output" not in result, result
    verdict("harmless", result.get("logs"))
