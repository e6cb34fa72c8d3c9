"""Much data: inputs, files and logs that are long, binary or odd."""

import gzip
import hashlib
import io
import json
import os
import tarfile

import requests

from contract_checks import assert_answer, assert_error, assert_record

MIB = 1 << 20


def fetch_files(url, stats=None):
    """What files_url serves, fetched bare: {name: bytes}, and the order of the names; into stats, {name: (mode, mtime)}."""
    answer = requests.get(url, timeout=60, headers={"Accept-Encoding": "gzip"})
    assert answer.status_code == 200, answer.text
    assert "Content-Encoding" not in answer.headers
    assert answer.content[:2] == b"\x1f\x8b"
    contents = {}
    with tarfile.open(fileobj=io.BytesIO(gzip.decompress(answer.content))) as archive:
        for member in archive:
            assert member.isreg(), f"{member.name} is no regular file"
            assert not member.name.startswith("/") and ".." not in member.name.split("/")
            contents[member.name] = archive.extractfile(member).read()
            if stats is not None:
                stats[member.name] = (member.mode, member.mtime)
    return contents


def test_five_megabytes_of_input_arrive_whole(client, push):
    skill = push("""
import hashlib, json, os
data = open(os.environ["SANDBOX_INPUT_FILE"], "rb").read()
json.dump({"size": len(data), "sha256": hashlib.sha256(data).hexdigest(), "variable": "SANDBOX_INPUT" in os.environ},
          open(os.environ["SANDBOX_OUTPUT"], "w"))
""")
    text = json.dumps({"blocks": [f"{i:08d}" * 8 for i in range(80000)], "é": "😀"}, ensure_ascii=False)
    data = text.encode()
    assert len(data) > 5 * MIB
    answer = client.post_execution(b'{"skill":"' + skill.encode() + b'","input":' + data + b"}")
    assert answer.status_code == 200, answer.text
    result = answer.json()
    assert_answer(result)
    assert result["output"] == {"size": len(data), "sha256": hashlib.sha256(data).hexdigest(), "variable": False}
    record = client.record(result["execution_id"])
    assert_record(record, result)
    assert record["input"] == json.loads(text)


def test_output_near_the_limit_is_in_answer_and_record(client, push):
    """900 KB is far above what a custom resource holds inline."""
    skill = push("""
import json, os
json.dump([f"{i:040d}" for i in range(20000)], open(os.environ["SANDBOX_OUTPUT"], "w"))
""")
    result = client.run(skill)
    assert_answer(result)
    assert result["output"] == [f"{i:040d}" for i in range(20000)]
    assert_record(client.record(result["execution_id"]), result)


FILES = r"""
import hashlib, json, os
top = os.environ["SANDBOX_FILES_DIR"]
contents = {
    "b.bin": bytes(range(256)) * 17,
    "a/deep/er/x.txt": b"nested",
    "a.txt": b"",
    "grüße 😀.txt": "naïve".encode(),
    "Z": b"upper case first",
    " spaced name ": b"s",
    "big.bin": b"".join(hashlib.sha256(str(i).encode()).digest() for i in range(655360)),  # 20 MiB
}
for name, data in contents.items():
    path = os.path.join(top, name)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as file:
        file.write(data)
os.chmod(os.path.join(top, "Z"), 0o400)
os.chmod(os.path.join(top, "b.bin"), 0o755)
os.utime(os.path.join(top, "a/deep/er/x.txt"), (981173106, 981173106))
os.symlink("/etc/passwd", os.path.join(top, "link"))
os.symlink("/etc", os.path.join(top, "folder-link"))
os.mkfifo(os.path.join(top, "fifo"))
os.makedirs(os.path.join(top, "empty-folder"))
json.dump({name: hashlib.sha256(data).hexdigest() for name, data in contents.items()},
          open(os.environ["SANDBOX_OUTPUT"], "w"))
"""


def test_files_of_every_kind_come_back_and_specials_do_not(client, push):
    result = client.run(push(FILES))
    assert_answer(result)
    assert result["status"] == "success", result
    assert result["files_list"] == sorted(result["output"], key=str.encode)

    stats = {}
    contents = fetch_files(result["files_url"], stats)
    assert list(contents) == result["files_list"]
    assert {name for name, (mode, _) in stats.items() if mode == 0o755} == {"b.bin"}
    assert {mode for mode, _ in stats.values()} == {0o755, 0o644}
    assert stats["a/deep/er/x.txt"][1] == 981173106 and stats["Z"][1] > 1700000000
    assert {name: hashlib.sha256(data).hexdigest() for name, data in contents.items()} == result["output"]
    assert len(contents["big.bin"]) == 20 * MIB

    record = client.record(result["execution_id"])
    assert_record(record, result)
    assert fetch_files(record["files_url"]) == contents


def test_a_files_folder_replaced_by_a_link_leaks_nothing(client, push):
    result = client.run(push("rm -rf /sandbox/out/files && ln -s /etc /sandbox/out/files", lang="bash"))
    assert_answer(result)
    assert (result["status"], result.get("files_list")) == ("success", None)


def test_files_url_is_absolute_and_of_no_use_when_changed(client, push):
    result = client.run(push("echo secret >$SANDBOX_FILES_DIR/f", lang="bash"))
    url = result["files_url"]
    assert url.startswith(("http://", "https://"))
    assert fetch_files(url) == {"f": b"secret\n"}
    path, query = url.split("?", 1)
    for changed in (path, path + "?" + query[:-1] + ("0" if query[-1] != "0" else "1"), url.replace("=", "=1", 1)):
        answer = requests.get(changed, timeout=10)
        assert answer.status_code in (400, 403, 404), f"{changed}: {answer.status_code}"
    assert requests.delete(url, timeout=10).status_code in (403, 404, 405)
    assert requests.put(url, data=b"x", timeout=10).status_code in (403, 404, 405)


def test_logs_keep_the_order_of_stdout_and_stderr(client, push):
    skill = push("for i in 1 2 3 4; do echo out $i; sleep 0.1; echo err $i >&2; sleep 0.1; done", lang="bash")
    expected = "".join(f"out {i}\nerr {i}\n" for i in range(1, 5))
    assert client.run(skill)["logs"] == expected


def test_logs_that_are_no_text_are_mended(client, push):
    skill = push(r"""
import sys
sys.stdout.buffer.write("héllo 😀\n".encode() + b"bad \xff\xc3( end\n" + b"nul \x00 end\n" + b"cut \xf0\x9f\x98")
""")
    result = client.run(skill)
    assert_answer(result)
    assert result["status"] == "success"
    logs = result["logs"]
    assert logs.startswith("héllo 😀\nbad \ufffd")
    assert "( end\nnul " in logs and "\0" not in logs
    assert "cut \ufffd" in logs
    answer = client.logs(result["execution_id"])
    assert answer.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert answer.content.decode("utf-8") == logs


def test_a_flood_of_logs_holds_up_nobody(client, push):
    """Half a gigabyte: the runner keeps a megabyte of it, and its memory stays its own."""
    skill = push("import sys\nfor i in range(500): sys.stdout.write('y' * (1 << 20))\nprint('the end')",
                 resources={"memory": "64Mi"})
    result = client.run(skill, timeout="60s")
    assert_answer(result)
    assert result["status"] == "success"
    assert result["logs_truncated"] is True and result["logs"].endswith("the end\n")


LINE = "line {:07d} " + "." * 50 + "\n"
MANY_LINES = 'import sys\nfor i in range(50000):\n    sys.stdout.write("line %07d " % i + "." * 50 + "\\n")\n'


def test_long_logs_keep_their_first_and_their_last_half(client, push):
    result = client.run(push(MANY_LINES))
    assert_answer(result)
    assert result["status"] == "success"
    logs = result["logs"]
    assert result["logs_truncated"] is True
    assert MIB * 0.98 < len(logs.encode()) < MIB * 1.02
    assert logs.startswith(LINE.format(0) + LINE.format(1))
    assert logs.endswith(LINE.format(49998) + LINE.format(49999))

    lines = logs.splitlines()
    numbers = [int(line[5:12]) for line in lines if line.startswith("line ") and len(line) == len(LINE.format(0)) - 1]
    gaps = [(a, b) for a, b in zip(numbers, numbers[1:]) if b != a + 1]
    assert len(gaps) == 1, gaps
    middle = logs[logs.index(LINE.format(gaps[0][0])) + len(LINE.format(0)):logs.index(LINE.format(gaps[0][1]))]
    assert len(middle) > 0, "there is no mark between the halves"

    assert client.logs(result["execution_id"]).text == logs
    assert client.record(result["execution_id"])["logs"] == logs


def test_logs_of_a_run_without_any_are_empty(client, push):
    result = client.run(push("true", lang="bash"))
    assert client.logs(result["execution_id"]).text == ""
    assert_error(client.request("GET", "/v1/executions/nothing/logs"), 404, "not_found")


def test_many_small_files(client, push):
    skill = push('for i in $(seq 500); do echo $i >"$SANDBOX_FILES_DIR/$i.txt"; done', lang="bash")
    result = client.run(skill)
    assert len(result["files_list"]) == 500
    assert fetch_files(result["files_url"]) == {f"{i}.txt": f"{i}\n".encode() for i in range(1, 501)}


def test_files_beyond_the_limit_are_left_out_and_the_log_says_so(client, push):
    skill = push('for i in $(seq 1100); do echo $i >"$SANDBOX_FILES_DIR/$i.txt"; done; echo made', lang="bash")
    result = client.run(skill)
    assert_answer(result)
    assert result["status"] == "success"
    assert len(result["files_list"]) == len(fetch_files(result["files_url"])) == 1000
    first, *_, last = result["logs"].splitlines()
    assert first == "made" and "1000" in last and "left out" in last


def test_a_skill_of_many_megabytes(client, push):
    blob = os.urandom(12 * MIB)
    skill = push("""
import hashlib, json, os
data = open("/sandbox/scripts/data/blob.bin", "rb").read()
open(os.environ["SANDBOX_OUTPUT"], "w").write(json.dumps(hashlib.sha256(data).hexdigest()))
""", files={"data/blob.bin": blob})
    assert client.run(skill)["output"] == hashlib.sha256(blob).hexdigest()
