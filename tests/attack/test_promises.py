"""The eleven promises of a sandbox, each a test of its name, from inside real sandboxes."""

import subprocess
import threading

import pytest

import cases
from attack_tools import judge, node_is_well
from contract_checks import assert_answer, assert_error
from skillbox_client import condition_of, manifest, zip_of
from waiting import unique, wait_for

API = "skillbox.dev/v1alpha1"


@pytest.fixture
def all_hold(probes, runtime):
    """Every named probe has the verdict that the table wants."""

    def check(group, *names):
        wanted = [case for case in cases.cases_of(group) if not names or case.name in names]
        assert wanted and (not names or len(wanted) == len(names)), names
        broken = []
        for case in wanted:
            try:
                judge(case, runtime, *probes.of(case))
            except AssertionError as problem:
                broken.append(str(problem))
        assert not broken, "\n".join(broken)

    return check


NODE_NETWORK = """
const net = require("net"), dns = require("dns"), dgram = require("dgram"), fs = require("fs"), http = require("http");
const targets = JSON.parse(fs.readFileSync(process.env.SANDBOX_INPUT_FILE)), seen = {};
const attempt = (name, action) => new Promise(resolve => {
  const end = what => { if (!(name in seen)) { seen[name] = what; resolve(); } };
  setTimeout(() => end("ETIMEDOUT"), 3000);
  try { action(end); } catch (problem) { end(problem.code || String(problem)); }
});
(async () => {
  for (const [name, [host, port]] of Object.entries(targets))
    await attempt(name, end => net.connect(port, host).on("connect", () => end("ok")).on("error", problem => end(problem.code)));
  await attempt("lookup", end => dns.lookup("kubernetes.default.svc", problem => end(problem ? problem.code : "ok")));
  await attempt("resolve", end => dns.resolve4("kubernetes.default.svc", problem => end(problem ? problem.code : "ok")));
  await attempt("listen", end => net.createServer().on("error", problem => end(problem.code)).listen(0, () => end("ok")));
  await attempt("udp", end => dgram.createSocket("udp4").on("error", problem => end(problem.code)).bind(0, () => end("ok")));
  await attempt("http", end => http.get("http://169.254.169.254/", () => end("ok")).on("error", problem => end(problem.code)));
  fs.writeFileSync(process.env.SANDBOX_OUTPUT, JSON.stringify(seen));
  process.exit(0);
})();
"""
BASH_NETWORK = r"""
for target in $(tr -d '{}"' <"$SANDBOX_INPUT_FILE" | tr ',' '\n'); do
  for kind in tcp udp; do (exec 3<>"/dev/$kind/${target/:/\/}") 2>/dev/null && echo "$kind $target" >>/tmp/through; done
done
if [ -s /tmp/through ]; then echo '"open"'; else echo '"refused"'; fi >"$SANDBOX_OUTPUT"
"""


def test_no_network(all_hold, client, push, probes, control):
    """Not to the node, the control plane, the cloud's metadata, a Pod that listens, nor a name server; by no family of sockets,
    in no language. The cluster enforces no NetworkPolicy: what holds here is the sandbox itself."""
    all_hold("network")
    targets = probes.arguments()["destinations"]
    result = client.run(push(NODE_NETWORK, lang="node"), timeout="60s",
                        input={name: target[:2] for name, target in targets.items() if target[2] == "tcp"})
    assert_answer(result)
    assert result["status"] == "success" and len(result["output"]) >= 10 and "ok" not in result["output"].values(), result
    result = client.run(push(BASH_NETWORK, lang="bash"), timeout="60s",
                        input=",".join(f"{host}:{port}" for host, port, _ in targets.values() if ":" not in host))
    assert result.get("output") == "refused", result


def test_no_capabilities(all_hold):
    all_hold("privileges", "capabilities", "capset", "ambient_capabilities", "securebits", "file_capability", "id_maps")
    all_hold("kernel", "unshare_user", "clone_user_namespace", "clone3_user_namespace")


def test_read_only_root(all_hold):
    all_hold("files", "root_file_system", "writable_directories", "writable_mounts", "own_program", "what_the_archive_brought",
             "a_compiled_module", "a_folder_of_packages",
             "runner_program", "files_of_the_kubelet", "termination_log")
    all_hold("kernel", "remount_root_writable", "mount_tmpfs", "mount_bind", "mount_setattr", "open_tree_clone")


@pytest.mark.alone
def test_process_limit(client, push, neighbour, kubectl, node, runtime):
    """A fork bomb leaves neighbours and the node well, and ends by its own timeout."""
    before = int(node.execute("bash", "-c", "ls -d /proc/[0-9]* | wc -l"))
    skill = push("b() { while true; do b & done; }; b", lang="bash")
    bomb = client.start(skill, timeout="6s")
    client.wait_until(bomb, "running", timeout=30)
    neighbour.is_served()
    node_is_well(kubectl)
    during = int(node.execute("bash", "-c", "ls -d /proc/[0-9]* | wc -l"))
    result = client.wait_until_ended(bomb)
    assert_answer(result)
    assert (result["status"], result["error_code"]) == ("timeout", "timeout"), result
    assert result["duration_ms"] < 20000, result
    assert during - before < 1100, f"{before} processes on the node before, {during} during the bomb"


def test_no_privilege_escalation(all_hold):
    all_hold("privileges", "set_uid_program", "no_new_privileges", "become_root", "set_uid_bit", "seccomp_off")


def test_non_root(all_hold):
    all_hold("privileges", "identity", "become_root", "set_uid_bit", "id_maps")


def test_no_path_to_runtime_or_kubelet(all_hold):
    all_hold("files", "service_account_token", "host_paths", "kubernetes_configuration", "host_mounts", "cgroup_of_the_host",
             "root_by_a_directory_descriptor", "inherited_descriptors", "device_nodes", "known_devices", "core_pattern", "runner_program")
    all_hold("network", "socket_files", "kubelet_ports", "kube_apiserver", "abstract_sockets")
    all_hold("processes", "host_processes", "secrets_in_environments", "runner_environment", "runner_memory", "runner_descriptors")


class PodsSeen:
    """The names of all Pods that appear in the tenant's namespace meanwhile, if only for a moment."""

    def __init__(self, kubectl):
        self.names = []
        self.command = ["kubectl", "-n", kubectl.namespace, "get", "pods", "--watch", "--no-headers", "-o", "custom-columns=:metadata.name"]
        self.environment = kubectl.environment

    def __enter__(self):
        self.process = subprocess.Popen(self.command, stdout=subprocess.PIPE, text=True, env=self.environment)
        self.thread = threading.Thread(target=lambda: self.names.extend(line.strip() for line in self.process.stdout))
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.thread.join()
        self.process.wait()


def test_image_allowlist(client, kubectl, neighbour, runtime):
    """Checked before a Pod exists, by REST and for what kubectl applied; an entry may pin a digest, and then that is what runs."""
    allowlist = next(line for pod in kubectl.items("configmaps", "-A", "-l", "app.kubernetes.io/name=skillbox")
                     for key, line in pod["data"].items() if key == "SKILLBOX_IMAGE_ALLOWLIST").split(",")
    pinned = [entry for entry in allowlist if "@sha256:" in entry]
    assert pinned, f"the configuration for tests pins no digest: {allowlist}"
    name, digest = pinned[0].split("@sha256:")
    refused = ["evil.example/x:1", "bash:5-evil", "evil.example/bash:5", "bash", "docker.io/library/bash:6",
               name, f"{name}@sha256:{'0' * 64}", f"evil.example/{name}@sha256:{digest}"]

    files = {"main.sh": "echo 1 >$SANDBOX_OUTPUT"}
    made = []
    with PodsSeen(kubectl) as seen:
        # The watch begins when it begins: a Pod may have come and gone before.
        wait_for(lambda: neighbour.is_served() and seen.names, "the watch sees Pods")
        for image in refused:
            skill = unique("image")
            answer = client.upload(zip_of({"SKILL.md": manifest(skill, lang="bash", image=image), **files}))
            assert_error(answer, 400, "image_not_allowed", image)
            kubectl.create({"apiVersion": API, "kind": "Skill", "metadata": {"name": skill},
                            "spec": {"name": skill, "version": "1.0.0", "description": "d", "lang": "bash", "image": image,
                                     "source": {"files": files}}})
            kubectl.create({"apiVersion": API, "kind": "Execution", "metadata": {"name": skill}, "spec": {"skillRef": {"name": skill}}})
            made.append(skill)
        uids = {}
        for skill in made:
            execution = wait_for(lambda skill=skill: ended(kubectl.get("execution", skill)), f"Execution {skill} ends")
            assert execution["status"]["errorCode"] == "image_not_allowed", execution["status"]
            uids[skill] = execution["metadata"]["uid"]
        assert_error(client.post_execution({"skill": made[0]}), 400, "image_not_allowed")
        neighbour.is_served()  # its Pod comes after any that those would have had
    pods = [pod for pod in seen.names if any(uid in pod for uid in uids.values())]
    assert len(seen.names) >= 2 and not pods, f"Pods were made: {pods}"

    skill = unique("pinned")
    client.push(zip_of({"SKILL.md": manifest(skill, lang="bash", image=pinned[0]), **files}))
    result = client.run(skill)
    client.request("DELETE", f"/v1/skills/{skill}/1.0.0")
    assert result.get("output") == 1, result
    for skill in made:
        kubectl.run("delete", "execution,skill", skill, "--wait=false")


def ended(execution):
    return execution if execution and condition_of(execution, "Succeeded").get("status") in ("True", "False") else None


TREE = r"""
import os, signal, sys, time
for number in range(1, 65):
    try:
        signal.signal(number, signal.SIG_IGN)
    except (OSError, ValueError):
        pass
def beat(who):
    while True:
        os.write(1, b"%s " % who)
        time.sleep(0.05)
if os.fork() == 0:      # double fork, sessions of their own
    os.setsid()
    if os.fork() == 0:
        os.setsid()
        beat(b"grandchild")
    os._exit(0)
if os.fork() == 0:      # stopped: it can't be asked to end
    os.setsid()
    os.kill(os.getpid(), signal.SIGSTOP)
    beat(b"stopped")
if os.fork() == 0:      # forks on and on, so that no list of processes is ever right
    os.setsid()
    while True:
        if os.fork():
            os._exit(0)
        os.setsid()
        time.sleep(0.002)
if os.fork() == 0:      # no descriptor that leads anywhere
    os.setsid()
    os.closerange(0, 1024)
    while True:
        time.sleep(1)
beat(b"script")
"""


def test_timeout_kills_the_whole_tree(client, push, kubectl, node, execution_object, runtime):
    """Whatever signals they ignore and whatever session they are in; then the log stands still, and the node has none of them."""
    execution = client.start(push(TREE), timeout="3s")
    client.wait_until(execution, "running")
    name = execution_object(execution)["status"]["podName"]
    pod = kubectl.get("pod", name)["metadata"]["uid"]
    result = client.wait_until_ended(execution, timeout=30)
    assert_answer(result)
    assert (result["status"], result["error_code"]) == ("timeout", "timeout"), result
    assert 3000 <= result["duration_ms"] < 8000
    log = client.logs(execution).text
    assert "grandchild" in log and "script" in log
    wait_for(lambda: kubectl.get("pod", name) is None, f"the Pod {name} is gone")
    assert client.logs(execution).text == log
    assert execution_object(execution)["status"]["logs"].endswith(log[-100:])
    script = 'grep -l -e "$1" -e "$2" /proc/[0-9]*/cgroup 2>/dev/null; true'
    wait_for(lambda: node.execute("bash", "-c", script, "bash", pod, pod.replace("-", "_")).strip() == "", "no process on the node")


NODE_EXECUTION = """
const fs = require("fs"), child = require("child_process"), seen = {};
for (const place of ["/tmp", "/sandbox/out", "/sandbox/out/files", "/dev/shm"]) {
  const program = place + "/program", script = place + "/script", addon = place + "/addon.node";
  fs.copyFileSync("/bin/true", program); fs.chmodSync(program, 0o755);
  fs.writeFileSync(script, "#!/bin/sh\\nexit 0\\n"); fs.chmodSync(script, 0o755);
  fs.copyFileSync(fs.readdirSync("/usr/lib/x86_64-linux-gnu").filter(n => /^libz\\.so\\.1|^libc\\.so\\.6/.test(n)).map(n => "/usr/lib/x86_64-linux-gnu/" + n)[0], addon);
  for (const path of [program, script]) {
    const done = child.spawnSync(path);
    seen[path] = done.error ? done.error.code : "ran " + done.status;
  }
  try { process.dlopen({exports: {}}, addon); seen[addon] = "loaded"; }
  catch (problem) { seen[addon] = /failed to map|not permitted|denied/i.test(problem.message) ? "EACCES" : "loaded: " + problem.message; }
  for (const path of [program, script, addon]) fs.unlinkSync(path);
}
fs.writeFileSync(process.env.SANDBOX_OUTPUT, JSON.stringify(seen));
"""
BASH_EXECUTION = r"""
for place in /tmp /sandbox/out /sandbox/out/files /dev/shm; do
  cp /bin/true $place/program; chmod 755 $place/program
  printf '#!/bin/bash\nexit 0\n' >$place/script; chmod 755 $place/script
  cd $place
  for call in ./program ./script 'exec ./program' 'command ./script' 'env ./program' 'nice ./program' 'timeout 5 ./program'; do
    (eval "$call") 2>/dev/null && echo "$place $call" >>/tmp/through
  done
  for loader in /lib64/ld-linux-x86-64.so.2 /lib/ld-musl-x86_64.so.1; do
    [ -x $loader ] && $loader $place/program 2>/dev/null && echo "$place $loader" >>/tmp/through
  done
  rm -f $place/program $place/script
done
if [ -s /tmp/through ]; then sed 's/.*/"&",/; 1s/^/[/; $s/,$/]/' /tmp/through; else echo '"refused"'; fi >"$SANDBOX_OUTPUT"
"""


def test_no_execution_from_writable_places(all_hold, client, push):
    """No program, script or library that the script made or brought: by exec, by descriptor, through the loader, as a library."""
    all_hold("execution")
    all_hold("kernel", "memfd_create", "memfd_secret")
    result = client.run(push(NODE_EXECUTION, lang="node"), timeout="30s")
    assert result["status"] == "success", result
    assert len(result["output"]) == 12 and set(result["output"].values()) <= {"EACCES", "EPERM"}, result["output"]
    result = client.run(push(BASH_EXECUTION, lang="bash"), timeout="30s")
    assert result.get("output") == "refused", result


REFUSED_NAMES = """PATH HOME BASH_ENV ENV IFS GCONV_PATH LD_PRELOAD LD_LIBRARY_PATH LD_AUDIT LD_ LD_x PYTHONPATH PYTHONSTARTUP PYTHONHOME PYTHON
PYTHONINSPECT NODE_OPTIONS NODE_PATH NODE_EXTRA_CA_CERTS NODE_ PERL5LIB PERL5OPT PERL5DB RUBYOPT RUBYLIB RUBY PIP_INDEX_URL PIP_ HTTP_PROXY
HTTPS_PROXY ALL_PROXY NO_PROXY _PROXY MALLOC_CHECK_ MALLOC_ARENA_MAX GLIBC_TUNABLES SANDBOX_INPUT SANDBOX_OUTPUT SANDBOX_ SANDBOX_x SKILL_INSTRUCTIONS
SKILL_x""".split()


def cases_of_letters(name):
    return {name, name.lower(), name.capitalize(), name.swapcase(), "".join(c.lower() if i % 2 else c for i, c in enumerate(name))}


def test_refused_environment_names(client, kubectl, push, neighbour, runtime):
    """By REST and by kubectl, in upper, lower and mixed case; the message names the variable, and no Pod is made."""
    skill = push("env >&2; echo 1 >$SANDBOX_OUTPUT", lang="bash")
    for name in REFUSED_NAMES:
        for form in cases_of_letters(name):
            assert_error(client.post_execution({"skill": skill, "env": {"FINE": "1", form: "x"}}), 400, "invalid_env", form)
    for form in ("", "A=B", "a b", "1A", "A-B", "A\x00B", "Ä", "A\n"):
        assert_error(client.post_execution({"skill": skill, "env": {form: "x"}}), 400, "invalid_env")

    for form in ("LD_PRELOAD", "ld_preload", "Ld_Preload", "PATH", "path", "NODE_OPTIONS", "node_options", "PYTHONPATH", "pythonpath", "BASH_ENV",
                 "https_proxy", "Sandbox_Output", "Glibc_Tunables"):
        applied = unique("env")
        done = kubectl.create({"apiVersion": API, "kind": "Execution", "metadata": {"name": applied},
                               "spec": {"skillRef": {"name": skill}, "env": [{"name": form, "value": "x"}]}}, check=False)
        if done.returncode != 0:
            assert "env" in done.stderr, done.stderr
            continue
        execution = wait_for(lambda applied=applied: ended(kubectl.get("execution", applied)), f"Execution {applied} ends")
        condition = condition_of(execution, "Succeeded")
        assert condition["status"] == "False" and form in condition["message"], condition
        assert "podName" not in execution["status"], execution["status"]
        kubectl.run("delete", "execution", applied, "--wait=false")

    allowed = {"PATH_": "1", "HOMEPAGE": "2", "MY_LD_PRELOAD": "3", "PROXY": "4", "ENVIRONMENT": "5", "XPYTHONPATH": "6"}
    result = client.run(skill, env=allowed)
    assert result["status"] == "success" and all(f"{name}={value}" in result["logs"] for name, value in allowed.items()), result
