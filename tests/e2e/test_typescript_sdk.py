"""The TypeScript SDK on the cluster: a skill's folder goes in, and what it did comes back byte for byte, while it runs and after."""

import json
import os
import subprocess

import node_sdk
from waiting import unique

OUTPUT = r'{"big":1234567890123456789012345678901234567890,"one":1.10,"escape":"\u00e9","z":1,"a":2}'
SCRIPT = f"""
case $(cat "$SANDBOX_INPUT_FILE") in
*wait*) sleep 60 ;;
*fail*) echo no >&2; exit 3 ;;
esac
echo one; sleep 0.3; echo two é
mkdir "$SANDBOX_FILES_DIR/sub"
head -c 100000 /dev/urandom >"$SANDBOX_FILES_DIR/sub/random"; sha256sum <"$SANDBOX_FILES_DIR/sub/random" >"$SANDBOX_FILES_DIR/sum"
printf '%s' '{OUTPUT}' >"$SANDBOX_OUTPUT"
"""
PROGRAM = """
import { Client } from "SDK/skillbox.js";
const client = new Client(), said = [], followed = [];
const { version, mode } = await client.registerSkill("skill");
const result = await client.run(NAME, { input: { n: 1 }, onLog: (line) => said.push(line) });
const files = await client.downloadFiles(result, "out");
const record = await client.getExecution(result.executionId);
for await (const line of client.iterLogs(result.executionId)) followed.push(line);
const failed = await client.run(NAME, { input: "fail" });
const started = await client.submit(NAME, { input: "wait" });
await client.cancel(started.executionId);
const cancelled = await client.wait(started.executionId, { timeout: 60_000 });
const listed = [];
for await (const execution of client.listExecutions({ skill: NAME, limit: 1 })) listed.push(execution.executionId);
const same = result.outputText === record.outputText;
await client.deleteSkill(NAME, version);
const gone = await client.run(NAME).catch((error) => error.name);
console.log(JSON.stringify({ version, mode, said, followed, files, output: record.outputText, same, input: record.inputText, gone,
	failed: [failed.status, failed.errorCode, failed.exitCode], cancelled: cancelled.status,
	listed: listed.join() === [started, failed, result].map((one) => one.executionId).join() }));
"""


def test_a_skill_by_the_typescript_sdk(client, environment, tmp_path):
    name = unique("e2e-ts")
    (tmp_path / "skill").mkdir()
    (tmp_path / "skill" / "SKILL.md").write_text(f"---\nname: {name}\ndescription: d\nlang: bash\n---\n\ni\n")
    (tmp_path / "skill" / "main.sh").write_text(SCRIPT)
    program = tmp_path / "program.mjs"
    program.write_text(PROGRAM.replace("SDK", str(node_sdk.SDK)).replace("NAME", json.dumps(name)))
    variables = {key: environment[key] for key in ("SKILLBOX_SERVER_URL", "SKILLBOX_API_KEY")}
    done = subprocess.run([node_sdk.node(), program], capture_output=True, text=True, cwd=tmp_path, timeout=120,
                          env={**os.environ, **variables})
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout) == {
        "version": "1.0.0", "mode": "executable", "said": ["one", "two é"], "followed": ["one", "two é"],
        "files": ["out/sub/random", "out/sum"], "output": OUTPUT, "same": True, "input": '{"n":1}', "gone": "NotFoundError",
        "failed": ["failed", "exit_nonzero", 3], "cancelled": "cancelled", "listed": True}
    summed = subprocess.run(["sha256sum"], stdin=(tmp_path / "out" / "sub" / "random").open("rb"), capture_output=True, text=True)
    assert summed.stdout == (tmp_path / "out" / "sum").read_text()
