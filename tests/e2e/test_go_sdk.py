"""The Go SDK on the cluster: the lines that newcomers are told, and what is special to a real server."""

import subprocess

import pytest

import go_tool
from skillbox_client import manifest

SCRIPT = """
import json, os, re
given = json.load(open(os.environ["SANDBOX_INPUT_FILE"]))
sentences = re.findall(r"[^.!?]+[.!?]", given["text"])
print("summing up", len(sentences))
open(os.environ["SANDBOX_FILES_DIR"] + "summary.txt", "w").write(given["text"])
json.dump({"summary": "".join(sentences[:given["max_sentences"]]), "sentence_count": len(sentences)}, open(os.environ["SANDBOX_OUTPUT"], "w"))
"""
PUSH = """
skill, err := client.RegisterSkill(ctx, "text-summary")
if err != nil {
	return err
}
fmt.Println(skill.Name, skill.Version, skill.Mode)
"""
FOLLOW = """
started, err := client.Submit(ctx, skillbox.RunRequest{Skill: "text-summary", Input: json.RawMessage(`{"text":"A.","max_sentences":1}`)})
if err != nil {
	return err
}
err = client.FollowLogs(ctx, started.ExecutionID, func(line string) error {
	fmt.Println("log:", line)
	return nil
})
if err != nil {
	return err
}
result, err := client.Wait(ctx, started.ExecutionID)
if err != nil {
	return err
}
fmt.Println(string(result.Output), result.FilesList)
for execution, err := range client.Executions(ctx, skillbox.ListOptions{Skill: "text-summary", Limit: 1}) {
	if err != nil {
		return err
	}
	fmt.Println(execution.ExecutionID == started.ExecutionID, execution.Status)
	break
}
return client.DeleteSkill(ctx, "text-summary", skillVersion)
"""


@pytest.fixture
def tenant(client, push):
    return client.record(client.run(push("true", lang="bash"))["execution_id"])["tenant_id"]


def test_the_lines_for_newcomers(client, environment, tenant, tmp_path):
    """A skill pushed from its folder, run, its log followed, its files fetched; byte for byte."""
    folder = tmp_path / "text-summary"
    folder.mkdir()
    (folder / "SKILL.md").write_text(manifest("text-summary", version="0.0.1-go", lang="python"))
    (folder / "main.py").write_text(SCRIPT)
    newcomers = (go_tool.NEWCOMERS.replace('"http://localhost:8080"', f'"{environment["SKILLBOX_SERVER_URL"]}"')
                 .replace('"sk-..."', f'"{client.api_key}"').replace('"default"', f'"{tenant}"'))
    (tmp_path / "main.go").write_text(go_tool.program([PUSH, newcomers, FOLLOW], ['const skillVersion = "0.0.1-go"'], "----"))
    done = subprocess.run([go_tool.build(tmp_path)], cwd=tmp_path, capture_output=True, text=True, check=False, timeout=100,
                          env={**environment, "SKILLBOX_API_KEY": client.api_key})
    assert done.returncode == 0, done.stdout + done.stderr
    pushed, told, followed = done.stdout.split("----\n")[1:]
    assert pushed == "text-summary 0.0.1-go executable\n"
    assert told == 'success {"summary":"One. Two.","sentence_count":2} [summary.txt] <nil>\n'
    assert (tmp_path / "output" / "summary.txt").read_text() == "One. Two."
    assert followed == 'log: summing up 1\n{"summary":"A.","sentence_count":1} [summary.txt]\ntrue success\n'
