"""examples/ci: the services that run these files are not here. What can be told of them without: that they are YAML and bash, and
that each file, make target, package, value and name in them exists."""

import re
import shlex
import subprocess

import pytest
import yaml

from chart import rendered
from script_runner import EXAMPLES, ROOT

CI = EXAMPLES / "ci"
GITHUB = yaml.safe_load((CI / "github.yml").read_text())
GITLAB = yaml.safe_load((CI / "gitlab.yml").read_text())
SCRIPTS = sorted(CI.glob("*.sh"))
PAGE = (ROOT / "docs" / "ci.md").read_text()


def gitlab_jobs():
    """{name: job}, with what they extend."""
    jobs = {name: job for name, job in GITLAB.items() if isinstance(job, dict) and "script" in job}
    return {name: {**GITLAB.get(job.get("extends"), {}), **job} for name, job in jobs.items()}


def commands():
    """{where: the text that a shell is given}"""
    found = {f"github {job} {step['name']}": step["run"] for job, parts in GITHUB["jobs"].items() for step in parts["steps"] if "run" in step}
    for name, job in gitlab_jobs().items():
        for part in ("before_script", "script", "after_script"):
            found.update({f"gitlab {name} {part}": "\n".join(job[part])} if part in job else {})
    for number, block in enumerate(re.findall(r"^```sh\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)):
        found[f"page {number}"] = block
    return found


COMMANDS = commands()
TEXTS = {**COMMANDS, **{path.name: path.read_text() for path in SCRIPTS}}


@pytest.mark.parametrize("text", [pytest.param(text, id=where) for where, text in TEXTS.items()])
def test_is_bash(text):
    done = subprocess.run(["bash", "-n"], input=text, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    inner = re.search(r"bash -c '([^']*)'", text)
    if inner:
        assert subprocess.run(["bash", "-n", "-c", inner[1]]).returncode == 0


def test_workflow_has_what_github_wants():
    assert set(GITHUB) == {"name", True, "permissions", "jobs"}  # YAML 1.1 reads "on" as true
    assert set(GITHUB[True]) == {"push", "pull_request"}
    for job in GITHUB["jobs"].values():
        assert {"runs-on", "timeout-minutes", "steps"} <= set(job)
        for step in job["steps"]:
            assert ("uses" in step) != ("run" in step), step
            assert "run" not in step or (step["shell"] == "bash" and step["name"])
            assert "uses" not in step or re.fullmatch(r"actions/(checkout|upload-artifact)@v\d+", step["uses"])


def test_pipeline_has_what_gitlab_wants():
    assert set(gitlab_jobs()) == {"local", "cluster"}
    for job in gitlab_jobs().values():
        assert job["stage"] in GITLAB["stages"] and job["image"] and job["artifacts"]["reports"]["junit"] == "reports/*.xml"
        assert job.get("extends") in GITLAB


def test_each_file_of_skillbox_is_there():
    """What is named as skillbox/PATH, or $root/PATH in the scripts."""
    named = {match for text in COMMANDS.values() for match in re.findall(r"(?<![\w./-])skillbox/([\w./-]+)", text)}
    assert {"examples/ci/test.sh", "examples/ci/cluster.sh"} <= named
    named -= {path for path in named if path.startswith((".dev/", "apiserver:", "controller:", "runner:"))}
    for path in SCRIPTS:
        for name in re.findall(r'\$root/([^" ]+)', path.read_text()):
            named |= {name.replace("$part", part) for part in ("apiserver", "controller", "runner")}
    assert {"kind-config/kind.yaml", "charts/skillbox", "crds", "images/runner/Dockerfile"} <= named
    assert sorted(name for name in named if not (ROOT / name).exists()) == []
    assert all((CI / name).stat().st_mode & 0o100 for name in ("test.sh", "cluster.sh"))


def test_each_make_target_is_there():
    there = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = {target for text in TEXTS.values() for target in re.findall(r"\bmake(?: -C \S+)? ([a-z][a-z-]*)", text)}
    assert {"up", "down", "install"} <= named
    assert named <= there


def test_packages_are_those_that_the_images_are_built_with():
    def packages(text):
        lists = re.findall(r"apt-get (?:-q )?install -y --no-install-recommends ((?:[^\n]*\\\n)*[^\n]*)", text)
        return {word for one in lists for word in shlex.split(one.replace("\\\n", " ")) if re.fullmatch(r"[a-z0-9.+-]+", word)}

    needed = packages((ROOT / "images/runner/Dockerfile").read_text())
    assert len(needed) > 10 and needed <= packages((CI / "test.sh").read_text())
    lists = " ".join(re.findall(r"^PACKAGES_\w+=\(([^)]*)\)", (ROOT / "dev/lib/packages.sh").read_text(), re.MULTILINE))
    assert packages((CI / "test.sh").read_text()) <= set(lists.split())


@pytest.fixture(scope="module")
def objects():
    """{kind: names} of the chart with these values."""
    found = {}
    for document in rendered("-f", CI / "values.yaml"):
        found.setdefault(document["kind"], {})[document["metadata"]["name"]] = document
    return found


def test_chart_takes_the_values_and_has_the_names(objects):
    text = "\n".join(TEXTS.values())
    assert set(re.findall(r"deploy/([\w-]+)", text)) == {"skillbox-apiserver", "skillbox-controller"} <= set(objects["Deployment"])
    assert set(re.findall(r"-n (skillbox-\w+)", text)) == {"skillbox-default"} <= set(objects["Namespace"])
    assert "PersistentVolumeClaim" not in objects and "SandboxPool" not in objects
    images = {pod["spec"]["template"]["spec"]["containers"][0]["image"] for pod in objects["Deployment"].values()}
    version = re.search(r'^appVersion: "?([\w.-]+)', (ROOT / "charts/skillbox/Chart.yaml").read_text(), re.MULTILINE)[1]
    assert images == {f"skillbox/apiserver:{version}", f"skillbox/controller:{version}"}


def test_cluster_leads_localhost_to_the_service(objects):
    cluster = yaml.safe_load((ROOT / "kind-config/kind.yaml").read_text())
    assert cluster["name"] == "skillbox" and "--name skillbox" in (CI / "cluster.sh").read_text()
    mapped = {(port["hostPort"], port["containerPort"]) for port in cluster["nodes"][0]["extraPortMappings"]}
    assert mapped == {(8080, objects["Service"]["skillbox-apiserver"]["spec"]["ports"][0]["nodePort"])}


def test_scripts_say_what_is_missing(tmp_path):
    """With nothing on the PATH but the shell's own."""
    for tool in ("bash", "dirname", "mktemp", "rm", "basename"):
        (tmp_path / tool).symlink_to(subprocess.run(["which", tool], capture_output=True, text=True, check=True).stdout.strip())
    environment = {"PATH": str(tmp_path), "HOME": "/tmp"}
    done = subprocess.run([tmp_path / "bash", CI / "cluster.sh"], env=environment, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (1, "cluster.sh: docker is not on this machine\n")
    done = subprocess.run([tmp_path / "bash", CI / "test.sh", "--local"], env=environment, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (64, "usage: test.sh [--local] FOLDER...\n")
