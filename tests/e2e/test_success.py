"""A skill that works, in each language: the answer, the record and the Execution resource say the same."""

import base64

import pytest

from contract_checks import assert_answer, assert_record
from skillbox_client import condition_of, minified, raw_member, skill_zip

# Everything that a JSON library is tempted to mend.
TRICKY = (r'{"big":1234567890123456789012345678901234567890,"z":{"b":1,"a":2},"dup":1,"dup":2,"huge":1e400,"tiny":1E-400,'
          r'"one":1.10,"zero":-0,"escapes":"\u00e9\ud83d\ude00\/\u0000\n\t\"","plain":"é😀","":"","empty":[{},[]],'
          r'"null":null}')

ECHO = {
    "python": """
import os
text = open(os.environ["SANDBOX_INPUT_FILE"], encoding="utf-8").read()
open(os.environ["SANDBOX_OUTPUT"], "w", encoding="utf-8").write(" " + text + "\\n")
print("done in python")
""",
    "node": """
const fs = require("fs");
const text = fs.readFileSync(process.env.SANDBOX_INPUT_FILE, "utf8");
fs.writeFileSync(process.env.SANDBOX_OUTPUT, " " + text + "\\n");
console.log("done in node");
""",
    "bash": """
{ printf ' '; cat "$SANDBOX_INPUT_FILE"; echo; } >"$SANDBOX_OUTPUT"
echo "done in bash"
""",
}


@pytest.mark.parametrize("lang", ECHO)
def test_output_comes_back_byte_for_byte(client, push, execution_object, assert_pods_gone, lang):
    skill = push(ECHO[lang], lang=lang)
    answer = client.post_execution(f'{{"skill":"{skill}","input":{TRICKY}}}')
    assert answer.status_code == 200, answer.text
    assert answer.headers["Content-Type"] == "application/json; charset=utf-8"
    assert answer.text == minified(answer.text)
    assert raw_member(answer.text, "output") == TRICKY

    result = answer.json()
    assert_answer(result)
    assert result["status"] == "success"
    assert result["logs"] == f"done in {lang}\n"
    assert "files_url" not in result and "logs_truncated" not in result

    record = client.request("GET", f"/v1/executions/{result['execution_id']}")
    assert record.status_code == 200, record.text
    assert raw_member(record.text, "output") == TRICKY
    assert raw_member(record.text, "input") == TRICKY
    assert_record(record.json(), result)
    assert record.json()["skill_name"] == skill
    assert record.json()["skill_version"] == "1.0.0"

    execution = execution_object(result["execution_id"])
    condition = condition_of(execution, "Succeeded")
    assert (condition["status"], condition["reason"]) == ("True", "Succeeded")
    status = execution["status"]
    assert status["output"] == TRICKY
    assert status["exitCode"] == 0
    assert status["podName"] != ""
    assert status["skillDigest"] == record.json()["skill_digest"]
    layers = {layer["name"]: layer for layer in status["isolation"]}
    assert record.json()["isolation"] == [{"detail": "", **layer} for layer in status["isolation"]]
    # gVisor ignores the Pod's own profile ("seccomp").
    assert layers["seccomp_filter"]["active"] and layers["no_new_privs"]["active"], layers
    assert all(isinstance(layer["active"], bool) for layer in layers.values())
    assert_pods_gone(execution["metadata"]["uid"])


INPUT_BYTES = """
import base64, json, os
data = open("/sandbox/input.json", "rb").read()
json.dump({"file": base64.b64encode(data).decode(), "variable": os.environ["SANDBOX_INPUT"]}, open("/sandbox/out/output.json", "w"))
"""


@pytest.mark.parametrize("text", ['{ "a" : 1.0 ,\n "b" : [ ] }', '"just text"', "-1e400", "[]", "false"])
def test_input_reaches_the_script_byte_for_byte(client, push, text):
    answer = client.post_execution(f'{{ "input" : {text} , "skill":"{push(INPUT_BYTES)}"}}')
    output = answer.json()["output"]
    assert base64.b64decode(output["file"]).decode() == text
    assert output["variable"] == text


@pytest.mark.parametrize("body", ['{"skill":"NAME"}', '{"skill":"NAME","input":null,"version":""}'])
def test_absent_and_null_input_are_an_empty_object(client, push, body):
    result = client.post_execution(body.replace("NAME", push(INPUT_BYTES))).json()
    assert base64.b64decode(result["output"]["file"]) == b"{}"


def test_no_output_file_is_a_success_without_output(client, push):
    result = client.run(push("true", lang="bash"))
    assert_answer(result)
    assert result["status"] == "success"
    assert "output" not in result and "logs" not in result
    assert_record(client.record(result["execution_id"]), result)


def test_a_failed_run_keeps_output_files_and_logs(client, push):
    skill = push("""
echo '{"partial": true}' >"$SANDBOX_OUTPUT"
echo kept >"$SANDBOX_FILES_DIR/kept.txt"
echo "on stdout"
exit 1
""", lang="bash")
    result = client.run(skill)
    assert_answer(result)
    assert result["status"] == "failed"
    assert result["output"] == {"partial": True}
    assert result["files_list"] == ["kept.txt"]
    assert result["logs"] == "on stdout\n"


def test_the_version_is_chosen(client, push):
    skill = push("echo '\"1.0.0\"' >$SANDBOX_OUTPUT", lang="bash")
    client.push(skill_zip(skill, "echo '\"1.10.0\"' >$SANDBOX_OUTPUT", lang="bash", version="1.10.0"))
    assert client.run(skill)["output"] == "1.10.0"
    assert client.run(skill, version="1.0.0")["output"] == "1.0.0"

    # The same version again replaces it, and is the newest upload.
    client.push(skill_zip(skill, "echo '\"again\"' >$SANDBOX_OUTPUT", lang="bash", version="1.0.0"))
    assert client.run(skill, version="latest")["output"] == "again"
    assert client.run(skill, version="1.0.0")["output"] == "again"
    assert client.run(skill, version="1.10.0")["output"] == "1.10.0"
