"""Inputs are checked by the skill's schema before anything is created."""

import json

from waiting import unique, wait_for

FILE = "references/input.schema.json"
SCHEMA = {"type": "object", "properties": {"name": {"type": "string", "minLength": 1}, "n": {"multipleOf": 0.01}},
          "required": ["name"], "additionalProperties": False}


def push(client, schema, name=None, **options):
    return client.push(name, files={FILE: json.dumps(schema)}, **options)


def refused(client, body, **options):
    """The message of a 422, with which nothing was made."""
    before = client.kube.executions(client.namespace)
    answer = client.post(body, **options)
    assert answer.status_code == 422 and answer.json()["error"] == "input_schema_mismatch", answer.text
    assert client.kube.executions(client.namespace) == before
    return answer.json()["message"].removeprefix("the input doesn't match the skill's input_schema: ")


def test_what_matches_runs(client):
    name = push(client, SCHEMA)
    for text in ('{"name":"a","n":19.99}', '{"n":12345678901234567890.01, "name": "\\u00e9"}'):
        client.run('{"skill":"%s","input":%s}' % (name, text))
    assert client.start(name, input={"name": "x"})


def test_what_doesnt_match_is_told(client):
    name = push(client, SCHEMA)
    assert refused(client, {"skill": name, "input": {"nmae": 1, "n": 0.001}}) == (
        '/name: is missing; /n: must be a multiple of 0.01, but is 0.001; /nmae: is not allowed; did you mean "name"?')
    assert refused(client, {"skill": name}) == "/name: is missing", "no input is {}"
    assert refused(client, {"skill": name, "input": None, "async": True}) == "/name: is missing"
    assert refused(client, {"skill": name, "input": [1]}) == "must be an object, but is an array"


def test_the_first_ten_are_told(client):
    name = push(client, {"items": {"type": "null"}})
    assert refused(client, {"skill": name, "input": list(range(20))}).split("; ") == [f"/{i}: must be null, but is {i}" for i in range(10)]


def test_large_inputs_are_checked(client):
    name = push(client, {"properties": {"text": {"pattern": "^a*$"}}})
    client.run({"skill": name, "input": {"text": "a" * 2_000_000}})
    assert refused(client, {"skill": name, "input": {"text": "a" * 2_000_000 + "b"}}) == '/text: must match the pattern "^a*$"'


def test_a_new_upload_has_its_own_schema(client):
    name = push(client, {"required": ["a"]})
    assert refused(client, {"skill": name, "input": {}}) == "/a: is missing"
    push(client, {"required": ["b"]}, name)
    assert refused(client, {"skill": name, "input": {"a": 1}}) == "/b: is missing"
    client.push(name)
    client.run({"skill": name, "input": {}})


def test_a_key_is_not_used_up_by_what_is_refused(client):
    name = push(client, {"type": "object"})
    headers = {"Idempotency-Key": unique("key")}
    assert refused(client, {"skill": name, "input": 1}, headers=headers) == "must be an object, but is 1"
    assert client.post({"skill": name, "input": {}, "async": True}, headers=headers).status_code == 202


def test_what_would_hang_is_refused(client):
    """Each check twice as long as the one before, and a pattern that goes back for ever."""
    nest = {"$defs": {"0": {}, **{str(i): {"allOf": [{"$ref": f"#/$defs/{i - 1}"}] * 2} for i in range(1, 60)}}, "$ref": "#/$defs/59"}
    name = push(client, nest)
    for _ in range(2):  # compiled now, and known
        assert refused(client, {"skill": name, "input": 1}) == "checking it takes more than 1,000,000 steps, so it is refused"
    name = push(client, {"pattern": "^(a|a)*$"})
    assert refused(client, {"skill": name, "input": "a" * 200 + "b"}) == "matching it with a pattern takes too many steps, so it is refused"


def test_a_schema_of_kubectl_that_is_none(client):
    """Nobody compiled it, since it was never pushed."""
    name = unique("skill")
    client.kube.apply_skill(client.namespace, name, lang="bash", inputSchema={"type": "strin"})
    wait_for(lambda: client.get(f"/v1/skills/{name}/latest").status_code == 200, "the skill is seen")
    answer = client.post({"skill": name, "input": {}})
    assert answer.status_code == 400 and answer.json()["error"] == "invalid_skill", answer.text
    assert answer.json()["message"].startswith("the skill can't be run, its input_schema is no JSON Schema: at /type: ")
