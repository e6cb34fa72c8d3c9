"""The custom resources against a real API server: what is taken, what is refused and with which words, what is printed."""

import copy
import json
import uuid

import pytest

from waiting import unique

API = "skillbox.dev/v1alpha1"
DIGEST = "sha256:" + "0123456789abcdef" * 4
IMMUTABLE = "is immutable"


@pytest.fixture(scope="module")
def namespace(control_plane):
    name = f"crds-{uuid.uuid4().hex[:8]}"
    control_plane.kubectl("create", "namespace", name)
    return name


@pytest.fixture
def api(control_plane, namespace):
    """kubectl in a namespace of ours."""

    def kubectl(*arguments, **options):
        return control_plane.kubectl("-n", namespace, *arguments, **options)

    return kubectl


@pytest.fixture
def create(api):
    def create_object(thing, **options):
        return api("create", "--validate=strict", "-f", "-", stdin=thing, **options)

    return create_object


def merged(spec, change):
    """spec with change laid over it; a None takes a field away."""
    spec = copy.deepcopy(spec)
    for key, value in change.items():
        if value is None:
            spec.pop(key, None)
        elif isinstance(value, dict) and isinstance(spec.get(key), dict) and value:
            spec[key] = merged(spec[key], value)
        else:
            spec[key] = value
    return spec


def skill(**change):
    spec = {"name": "hello", "version": "1.0.0", "description": "Says hello.", "source": {"files": {"main.sh": "echo hello"}}}
    return {"apiVersion": API, "kind": "Skill", "metadata": {"name": unique("skl")}, "spec": merged(spec, change)}


def execution(**change):
    return {"apiVersion": API, "kind": "Execution", "metadata": {"name": unique("skx")},
            "spec": merged({"skillRef": {"name": "hello"}}, change)}


def pool(**change):
    spec = {"image": "python:3.12-slim", "replicas": 2}
    return {"apiVersion": API, "kind": "SandboxPool", "metadata": {"name": unique("sbp")}, "spec": merged(spec, change)}


def bundle(digest=DIGEST, size=10):
    return {"source": {"files": None, "bundle": {"digest": digest, "size": size}}}


def env(*names, value="x"):
    return [{"name": name, "value": value} for name in names]


GOOD = {
    "the smallest skill": skill(),
    "a whole skill": skill(
        name="A.b_c-9" + "x" * 121, version="10.20.30-rc.1", instructions="# Title\n\"quoted\" é", lang="python",
        image="registry.example:5000/python@" + DIGEST, timeoutSeconds=86400, resources={"cpu": "500m", "memory": "1.5Gi"},
        inputSchema={"type": "object", "properties": {"x": {"$ref": "#/x", "maximum": 1e300}}}, outputSchema=True,
        entrypoint="scripts/main.py", **bundle()),
    "a skill of many files": skill(source={"files": {f"folder/{i}/ünïcode {i}.txt": "" for i in range(63)}}),
    "the smallest execution": execution(),
    "a whole execution": execution(
        skillRef={"version": "1.0.0-rc.1"}, inputText='{"n":1e400,"n":2}', env=env("A", "_b", "MY_PATH", "HOMEPAGE", "XLD_A", "ENVIRONMENT"),
        timeoutMilliseconds=1500, ttlSecondsAfterFinished=0, cancel=True),
    "latest": execution(skillRef={"version": "latest"}),
    "no version": execution(skillRef={"version": ""}),
    "a skill of two numbers": skill(version="1.0"),
    "a skill with all that a version may have": skill(version="v1.2-rc.1+build.7-x"),
    "an execution of such a version": execution(skillRef={"version": "v1.2-rc.1+build.7-x"}),
    "a pool of such a version": pool(image=None, skillRef={"name": "hello", "version": "v1+b"}),
    "an input that is an object": execution(input={"a": [1, {"b": None}], "c": "d"}),
    "an input that is a list": execution(input=[1, "x", None]),
    "an input that is a text": execution(input="text"),
    "an input that is a number": execution(input=7),
    "a large input": execution(inputText="x" * 262144),
    "an input by reference": execution(inputRef={"digest": DIGEST, "size": 300000}),
    "a large variable": execution(env=env("A", value="x" * 130816)),
    "as many variables as may be": execution(env=env(*(f"A{i}" for i in range(128)))),
    "the smallest pool": pool(),
    "a pool bound to a skill": pool(image=None, skillRef={"name": "hello"}),
    "a whole bound pool": pool(image=None, skillRef={"name": "hello", "version": "1.0.0-rc.1"}, preload=["json"], runtimeClassName="gvisor"),
    "a whole pool": pool(replicas=0, runtimeClassName="gvisor", resources={"cpu": "1", "memory": "64Mi"}),
}


@pytest.mark.parametrize("case", GOOD)
def test_good_objects_are_taken(create, api, case):
    thing = GOOD[case]
    create(thing)
    stored = json.loads(api("get", thing["kind"], thing["metadata"]["name"], "-o", "json").stdout)
    assert stored["spec"] == thing["spec"]


NAME_RULE = "must start with a letter or digit and hold only letters, digits, '.', '_' and '-'"
BAD = {
    # Skill
    "skill without name": (skill(name=None), "spec.name: Required value"),
    "skill with an empty name": (skill(name=""), "spec.name"),
    "skill name with a blank": (skill(name="a b"), NAME_RULE),
    "skill name that starts with a dot": (skill(name=".a"), NAME_RULE),
    "skill name with a newline": (skill(name="a\n"), NAME_RULE),
    "skill name that is too long": (skill(name="a" * 129), "spec.name: Too long: may not be more than 128"),
    "skill version of four numbers": (skill(version="1.0.0.0"), "must be a version such as 1.0.0 or 1.0.0-rc.1"),
    "skill version with two builds": (skill(version="1.0.0+a+b"), "must be a version such as 1.0.0 or 1.0.0-rc.1"),
    "skill version latest": (skill(version="latest"), "must be a version such as 1.0.0 or 1.0.0-rc.1"),
    "skill without description": (skill(description=None), "spec.description: Required value"),
    "skill with an empty description": (skill(description=""), "spec.description"),
    "skill in an unknown language": (skill(lang="cobol"), 'supported values: "python", "node", "bash"'),
    "skill without source": (skill(source=None), "spec.source: Required value"),
    "skill with an empty source": (skill(source={"files": None}), "exactly one of source.bundle and source.files must be given"),
    "skill with both sources": (skill(source={"bundle": {"digest": DIGEST, "size": 1}}),
                                "exactly one of source.bundle and source.files must be given"),
    "skill without files": (skill(source={"files": {"main.sh": None}}), "spec.source.files"),
    "skill with too many files": (skill(source={"files": {str(i): "" for i in range(64)}}), "spec.source.files: Too many"),
    "skill with a file that is too long": (skill(source={"files": {"main.sh": "x" * 262145}}), "Too long"),
    "skill with a bad digest": (skill(**bundle("md5:1")), 'must be "sha256:" and 64 lower-case hex digits'),
    "skill with a digest in capitals": (skill(**bundle(DIGEST.upper())), "spec.source.bundle.digest"),
    "skill with a bundle without size": (skill(**bundle(size=None)), "spec.source.bundle.size"),
    "skill with an empty bundle": (skill(**bundle(size=0)), "spec.source.bundle.size"),
    "skill with an absolute path": (skill(source={"files": {"/etc/passwd": ""}}), "paths must be relative"),
    "skill with a path that climbs": (skill(source={"files": {"a/../../b": ""}}), 'an empty, "." or ".." component'),
    "skill with an empty path": (skill(source={"files": {"": ""}}), 'an empty, "." or ".." component'),
    "skill with a backslash in a path": (skill(source={"files": {"a\\b": ""}}), "paths must be relative, without '\\'"),
    "skill with a long path": (skill(source={"files": {"a" * 1025: ""}}), "at most 1024 characters"),
    "skill without time": (skill(timeoutSeconds=0), "spec.timeoutSeconds"),
    "skill with too much time": (skill(timeoutSeconds=86401), "should be less than or equal to 86400"),
    "skill with two timeouts": (skill(timeoutSeconds=1, timeoutMilliseconds=1),
                                "only one of timeoutSeconds and timeoutMilliseconds may be given"),
    "skill with a CPU that is no quantity": (skill(resources={"cpu": "fast"}), 'must be a quantity of CPUs above zero, such as "500m"'),
    "skill with no memory": (skill(resources={"memory": "0"}), 'must be a quantity of bytes above zero, such as "256Mi"'),
    "skill with negative memory": (skill(resources={"memory": "-1Mi"}), "must be a quantity of bytes above zero"),
    "skill with a NUL in its description": (skill(description="a\0b"), "must not contain a NUL character"),
    "skill with a NUL in its image": (skill(image="bash:5\0"), "must be an image reference"),
    "skill with a blank in its image": (skill(image="bash 5"), "must be an image reference"),
    "pool with a NUL in its image": (pool(image="bash:5\0"), "must be an image reference"),
    "pool with an image of other letters": (pool(image="\u0431" * 512), "must be an image reference"),
    "skill with a NUL in its instructions": (skill(instructions="a\0b"), "must not contain a NUL character"),
    "skill with instructions that are too long": (skill(instructions="x" * 262145), "spec.instructions: Too long"),
    "skill with an unknown field": (skill(colour="red"), 'unknown field "spec.colour"'),
    # Execution
    "execution without skill": (execution(skillRef=None), "spec.skillRef: Required value"),
    "execution without the skill's name": (execution(skillRef={"name": None}), "spec.skillRef.name: Required value"),
    "execution of a bad name": (execution(skillRef={"name": "-a"}), NAME_RULE),
    "execution of a bad version": (execution(skillRef={"version": "newest"}),
                                   'must be a version such as 1.0.0 or 1.0.0-rc.1, or "latest"'),
    "execution with two inputs": (execution(inputText="{}", inputRef={"digest": DIGEST, "size": 1}),
                                  "only one of input, inputText and inputRef may be given"),
    "execution with a text that is no string": (execution(inputText={}), "must be of type string"),
    "execution with an input that is too long": (execution(inputText="x" * 262145), "spec.inputText: Too long"),
    "execution with a NUL in its input": (execution(inputText='"\0"'), "must not contain a NUL character"),
    "execution with a bad reference": (execution(inputRef={"digest": "x", "size": 1}), "64 lower-case hex digits"),
    "execution with a reference without size": (execution(inputRef={"digest": DIGEST}), "spec.inputRef.size: Required value"),
    "execution with a variable twice": (execution(env=env("A", "A")), "Duplicate value"),
    "execution with too many variables": (execution(env=env(*(f"A{i}" for i in range(129)))), "spec.env: Too many"),
    "execution with a variable that is too long": (execution(env=env("A", value="x" * 130817)), "spec.env[0].value: Too long"),
    "execution with a NUL in a variable": (execution(env=env("A", value="\0")), "must not contain a NUL character"),
    "execution without time": (execution(timeoutSeconds=0), "spec.timeoutSeconds"),
    "execution with too much time": (execution(timeoutMilliseconds=86400001), "spec.timeoutMilliseconds"),
    "execution with two timeouts": (execution(timeoutSeconds=1, timeoutMilliseconds=1),
                                    "only one of timeoutSeconds and timeoutMilliseconds may be given"),
    "execution with a timeout as text": (execution(timeoutSeconds="5s"), "must be of type integer"),
    "execution with a negative time to live": (execution(ttlSecondsAfterFinished=-1), "spec.ttlSecondsAfterFinished"),
    # SandboxPool
    "pool without image": (pool(image=None), "exactly one of image and skillRef must be given"),
    "pool with a skill and an image": (pool(skillRef={"name": "hello"}), "exactly one of image and skillRef must be given"),
    "bound pool with resources": (pool(image=None, skillRef={"name": "hello"}, resources={"cpu": "1"}),
                                  "lang and resources can't be given beside skillRef"),
    "bound pool with a lang": (pool(image=None, skillRef={"name": "hello"}, lang="python"),
                               "lang and resources can't be given beside skillRef"),
    "bound pool without name": (pool(image=None, skillRef={"version": "1.0.0"}), "spec.skillRef.name: Required value"),
    "bound pool with a bad name": (pool(image=None, skillRef={"name": "a b"}), NAME_RULE),
    "bound pool with a bad version": (pool(image=None, skillRef={"name": "hello", "version": "newest"}),
                                      'must be a version such as 1.0.0 or 1.0.0-rc.1, or "latest"'),
    "pool without replicas": (pool(replicas=None), "spec.replicas: Required value"),
    "pool with too many replicas": (pool(replicas=1001), "should be less than or equal to 1000"),
    "pool with a bad runtime class": (pool(runtimeClassName="G Visor"), "must be the name of a RuntimeClass"),
    "pool with bad resources": (pool(resources={"memory": "lots"}), "must be a quantity of bytes above zero"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_objects_are_refused_with_words_that_help(create, case):
    thing, words = BAD[case]
    done = create(thing, check=False)
    assert done.returncode != 0, f"{case} was taken"
    assert words in done.stderr


REFUSED_NAMES = """
    PATH HOME BASH_ENV ENV IFS GCONV_PATH LD_PRELOAD LD_ PYTHONPATH PYTHON NODE_OPTIONS PERL5LIB RUBYOPT PIP_INDEX_URL
    HTTP_PROXY https_proxy _PROXY MALLOC_CHECK_ GLIBC_TUNABLES SANDBOX_INPUT SKILL_INSTRUCTIONS Path pythonPath ld_preload
""".split()


@pytest.mark.parametrize("name", REFUSED_NAMES)
def test_variables_that_steer_the_sandbox_are_refused(create, name):
    done = create(execution(env=env("FINE", name)), check=False)
    assert done.returncode != 0, f"{name} was taken"
    assert "spec.env[1].name" in done.stderr and "can't be set by callers" in done.stderr


@pytest.mark.parametrize("name", ["1A", "A-B", "A.B", "A=B", "A B", "É", "A\n"])
def test_variables_need_a_name(create, name):
    done = create(execution(env=env(name)), check=False)
    assert "must be a name of letters, digits and '_' that doesn't start with a digit" in done.stderr


def patch(api, thing, change, **options):
    return api("patch", thing["kind"], thing["metadata"]["name"], "--type=merge", "-p", json.dumps({"spec": change}), **options)


@pytest.mark.parametrize("change", [
    {"skillRef": {"name": "other"}}, {"skillRef": {"version": "1.0.0"}}, {"skillRef": {"version": None}},
    {"inputText": "1"}, {"inputText": None}, {"inputRef": {"digest": DIGEST, "size": 1}, "inputText": None},
    {"env": env("A", value="y")}, {"env": env("A", "B")}, {"env": None}, {"timeoutSeconds": 6}, {"timeoutSeconds": None},
    {"timeoutSeconds": None, "timeoutMilliseconds": 5000}, {"ttlSecondsAfterFinished": 1}, {"ttlSecondsAfterFinished": None},
    {"timeoutSeconds": 6, "cancel": True},
], ids=json.dumps)
def test_an_execution_does_not_change(create, api, change):
    thing = execution(skillRef={"version": "latest"}, inputText="{}", env=env("A"), timeoutSeconds=5, ttlSecondsAfterFinished=7)
    create(thing)
    done = patch(api, thing, change, check=False)
    assert done.returncode != 0, f"{change} was taken"
    assert IMMUTABLE in done.stderr


def test_an_execution_can_be_cancelled_once_and_for_all(create, api):
    thing = execution(inputText="{}", cancel=False)
    create(thing)
    patch(api, thing, {"cancel": True})
    for change in ({"cancel": False}, {"cancel": None}):
        done = patch(api, thing, change, check=False)
        assert "cancel can't be taken back" in done.stderr
    api("label", "execution", thing["metadata"]["name"], "a=b")  # metadata is the user's


@pytest.mark.parametrize("change", [
    {"name": "other"}, {"version": "1.0.1"}, {"description": "x"}, {"instructions": "x"}, {"instructions": None}, {"lang": "node"},
    {"lang": None}, {"image": "x"}, {"timeoutSeconds": 2}, {"timeoutSeconds": None}, {"resources": {"cpu": "2"}}, {"resources": None},
    {"entrypoint": "x"}, {"source": {"files": {"main.sh": "exit 1"}}}, {"source": {"files": {"other.sh": ""}}},
    {"source": {"files": None, "bundle": {"digest": DIGEST, "size": 1}}},
], ids=json.dumps)
def test_a_skill_does_not_change(create, api, change):
    thing = skill(instructions="i", lang="bash", image="bash:5", timeoutSeconds=1, resources={"cpu": "1"}, entrypoint="main.sh")
    create(thing)
    done = patch(api, thing, change, check=False)
    assert done.returncode != 0, f"{change} was taken"
    assert IMMUTABLE in done.stderr


def finished_status(**more):
    return {
        "conditions": [{"type": "Succeeded", "status": "False", "reason": "Failed", "message": "container exited with code 3",
                        "lastTransitionTime": "2026-11-24T10:58:24Z", "observedGeneration": 1}],
        "startTime": "2026-11-24T10:58:23.001Z", "completionTime": "2026-11-24T10:58:24.123Z", "podName": "skx-1", "attempt": 1,
        "exitCode": 3, "output": "{}", "outputRef": {"digest": DIGEST, "size": 1}, "error": "container exited with code 3",
        "errorCode": "exit_nonzero", "logs": "a\n", "logsRef": {"digest": DIGEST, "size": 1}, "logsTruncated": True,
        "files": ["a.txt", "b/c"], "filesRef": {"digest": DIGEST, "size": 1}, "durationMilliseconds": 12,
        "timings": {"queue": 0.5, "sandbox": 1, "start": 0, "run": 12.25, "collect": 0.001, "total": 14}, "warm": True,
        "skillVersion": "1.0.0", "skillDigest": DIGEST, "image": "bash:5", "imageID": "bash@" + DIGEST,
        "isolation": [{"name": "seccomp", "active": True}, {"name": "landlock", "active": False, "detail": "no such call"}], **more}


def patch_status(api, thing, status, **options):
    return api("patch", thing["kind"], thing["metadata"]["name"], "--subresource=status", "--type=merge",
               "--patch-file=/dev/stdin", stdin={"status": status}, **options)


def test_status_is_written_by_its_subresource_only(create, api):
    thing = execution()
    create({**thing, "status": finished_status()})
    kind, name = thing["kind"], thing["metadata"]["name"]
    assert "status" not in json.loads(api("get", kind, name, "-o", "json").stdout)
    patch_status(api, thing, finished_status())
    stored = json.loads(api("get", kind, name, "-o", "json").stdout)
    assert stored["status"] == finished_status()  # nothing is unknown to the schema
    assert stored["metadata"]["generation"] == 1
    api("wait", "--for=condition=Succeeded=false", f"{kind}/{name}", "--timeout=5s")


@pytest.mark.parametrize("status,words", [
    ({"conditions": [{"type": "Succeeded", "status": "Maybe"}]}, "status.conditions[0].status: Unsupported value"),
    ({"files": ["x"] * 1001}, "status.files: Too many"),
    ({"logs": "x" * 65537}, "status.logs: Too long"),
    ({"output": "x" * 262145}, "status.output: Too long"),
    ({"error": "x" * 8193}, "status.error: Too long"),
    ({"outputRef": {"digest": "x", "size": 1}}, "64 lower-case hex digits"),
    ({"isolation": [{"name": "a", "active": True}] * 33}, "status.isolation: Too many"),
    ({"exitCode": "0"}, "must be of type integer"),
    ({"startTime": "yesterday"}, "must be of type date-time"),
], ids=lambda value: value if isinstance(value, str) else next(iter(value)))
def test_status_has_bounds(create, api, status, words):
    thing = execution()
    create(thing)
    done = patch_status(api, thing, status, check=False)
    assert done.returncode != 0
    assert words in done.stderr


def test_the_largest_input_and_result_fit_into_etcd(create, api):
    text = json.dumps({"k": "<\"é\">" * 20000})
    thing = execution(inputText=text[:262144])
    create(thing)
    patch_status(api, thing, finished_status(output=text[:262144], logs="<\"\n" * 10922, files=["f" * 256] * 1000))


def test_columns_and_short_names(create, api):
    made, done, waiting, some = skill(lang="bash"), execution(), execution(), pool(replicas=3)
    bound = pool(image=None, skillRef={"name": "hello"}, replicas=3)
    for thing in (made, done, waiting, some, bound):
        create(thing)
    patch_status(api, done, finished_status())
    patch_status(api, made, {"digest": DIGEST, "conditions": [{
        "type": "Ready", "status": "True", "reason": "Usable", "message": "", "lastTransitionTime": "2026-11-24T10:58:24Z"}]})
    patch_status(api, some, {"replicas": 3, "ready": 2, "claimed": 1, "selector": "a=b"})
    patch_status(api, bound, {"replicas": 3, "ready": 1, "claimed": 0, "skillVersion": "1.2.0", "skillDigest": DIGEST})

    def table(short_name, thing, *options):
        lines = api("get", short_name, thing["metadata"]["name"], *options).stdout.splitlines()
        return lines[0].split(), lines[1].split()

    head, row = table("skl", made)
    assert head == ["NAME", "SKILL", "VERSION", "LANG", "READY", "AGE"]
    assert row[:-1] == [made["metadata"]["name"], "hello", "1.0.0", "bash", "True"]
    head, row = table("skx", done)
    assert head == ["NAME", "SKILL", "VERSION", "STATUS", "EXIT", "DURATION-MS", "AGE"]
    assert row[:-1] == [done["metadata"]["name"], "hello", "1.0.0", "Failed", "3", "12"]
    assert table("skx", waiting)[1][:-1] == [waiting["metadata"]["name"], "hello"]
    assert table("skx", done, "-o", "wide")[0] == [*head[:-1], "WARM", "ERROR", "POD", "AGE"]
    head, row = table("sbp", some)
    columns = ["NAME", "SKILL", "IMAGE", "READY", "DESIRED", "CLAIMED", "AGE"]
    assert (head, row[:-1]) == (columns, [some["metadata"]["name"], "python:3.12-slim", "2", "3", "1"])
    head, row = table("sbp", bound)
    assert (head, row[:-1]) == (columns, [bound["metadata"]["name"], "hello", "1", "3", "0"])
    assert "1.2.0" in table("sbp", bound, "-o", "wide")[1]
    everything = api("get", "skillbox", "-o", "name").stdout.split()
    for thing in (made, done, some):
        assert f"{thing['kind'].lower()}.skillbox.dev/{thing['metadata']['name']}" in everything


def test_a_pool_scales(create, api):
    thing = pool()
    create(thing)
    name = thing["metadata"]["name"]
    patch_status(api, thing, {"replicas": 2, "selector": "skillbox.dev/pool=x"})
    api("scale", "sandboxpool", name, "--replicas=7")
    scale = json.loads(api("get", "sandboxpool", name, "--subresource=scale", "-o", "json").stdout)
    assert scale["spec"] == {"replicas": 7}
    assert scale["status"] == {"replicas": 2, "selector": "skillbox.dev/pool=x"}


def test_fields_can_be_selected(create, api):
    mine, other = execution(skillRef={"name": "mine", "version": "1.0.0"}), execution(skillRef={"name": "other"})
    create(mine)
    create(other)
    found = api("get", "executions", "--field-selector=spec.skillRef.name=mine", "-o", "name").stdout.split()
    assert found == [f"execution.skillbox.dev/{mine['metadata']['name']}"]
    named = skill(name="selected")
    create(named)
    found = api("get", "skills", "--field-selector=spec.name=selected,spec.version=1.0.0", "-o", "name").stdout.split()
    assert found == [f"skill.skillbox.dev/{named['metadata']['name']}"]


@pytest.mark.parametrize("field,words", [
    ("skill", "One version of a skill"),
    ("skill.spec.source.files", "relative path to content"),
    ("execution.spec.inputText", "byte for byte"),
    ("execution.spec.cancel", "stop the Execution"),
    ("execution.status.isolation.detail", "why it was not in force"),
    ("sandboxpool.spec.replicas", "How many sandboxes wait"),
    ("sandboxpool.spec.skillRef", "the pool is bound to"),
])
def test_explain_explains(api, field, words):
    assert words in " ".join(api("explain", field).stdout.split())


def described(schema, path):
    """The paths of fields without a description."""
    for name, field in schema.get("properties", {}).items():
        here = f"{path}.{name}"
        if "description" not in field and here != ".metadata":
            yield here
        yield from described(field, here)
        yield from described(field.get("items", {}), f"{here}[]")


def test_every_field_is_described(control_plane):
    for crd in control_plane.get("customresourcedefinitions")["items"]:
        assert crd["spec"]["group"] == "skillbox.dev"
        schema = crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
        assert not list(described(schema, "")), crd["metadata"]["name"]
