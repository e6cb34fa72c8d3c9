"""Tenants are walls, and keys have scopes: what one key may see and do."""

import json

import pytest

from contract_checks import assert_error, time_of
from skillbox_client import Client, skill_zip
from waiting import unique, wait_for


def test_a_stranger_sees_and_touches_nothing(client, push, stranger):
    skill = push("echo mine; sleep 3", lang="bash")
    execution_id = client.start(skill)
    for method, path in (("GET", ""), ("GET", "/logs"), ("DELETE", "")):
        assert_error(stranger.request(method, f"/v1/executions/{execution_id}{path}"), 404, "not_found")
    assert stranger.request("GET", "/v1/executions").json()["executions"] == []
    assert stranger.skill_names() == set()
    assert_error(stranger.post_execution({"skill": skill}), 404, "not_found", f"skill not found: {skill}@latest")
    for method in ("GET", "DELETE"):
        assert_error(stranger.request(method, f"/v1/skills/{skill}/1.0.0"), 404, "not_found")
    assert client.wait_until_ended(execution_id)["status"] == "success"


def test_the_same_name_is_another_skill_for_another_tenant(client, push, stranger):
    skill = push("echo '\"mine\"' >$SANDBOX_OUTPUT", lang="bash")
    stranger.push(skill_zip(skill, "echo '\"theirs\"' >$SANDBOX_OUTPUT", lang="bash", description="theirs"))
    assert client.request("GET", f"/v1/skills/{skill}/latest").json()["description"] != "theirs"
    assert client.run(skill)["output"] == "mine"
    assert stranger.request("DELETE", f"/v1/skills/{skill}/1.0.0").status_code == 204
    assert client.run(skill)["output"] == "mine"


def test_one_tenants_idempotency_key_means_nothing_to_another(client, push, stranger):
    skill = push("echo 1 >$SANDBOX_OUTPUT", lang="bash")
    stranger.push(skill_zip(skill, "true", lang="bash"))
    headers = {"Idempotency-Key": unique("key")}
    mine = client.post_execution({"skill": skill}, headers=headers).json()["execution_id"]
    theirs = stranger.post_execution({"skill": skill, "async": True}, headers=headers).json()["execution_id"]
    assert mine != theirs


def test_scopes(client, push, make_key, tenant):
    skill = push("true", lang="bash")
    runner, pusher = make_key(tenant, "run"), make_key(tenant, "push")
    assert runner.run(skill)["status"] == "success"
    assert_error(runner.upload(skill_zip(skill, "true", lang="bash")), 403, "forbidden", "push")
    assert_error(runner.request("DELETE", f"/v1/skills/{skill}/1.0.0"), 403, "forbidden", "push")
    assert_error(pusher.post_execution({"skill": skill}), 403, "forbidden", "run")
    assert pusher.request("GET", f"/v1/skills/{skill}/latest").status_code == 200
    for key in (runner, pusher):
        assert_error(key.request("GET", "/v1/keys"), 403, "forbidden", "admin")
        assert_error(key.request("POST", "/v1/keys", data="{}"), 403, "forbidden", "admin")


def test_keys_are_made_listed_and_revoked(make_key, tenant):
    admin = make_key(tenant, "admin")
    name = unique("rest")
    answer = admin.request("POST", "/v1/keys", data=json.dumps({"name": name, "tenant": tenant, "scopes": ["run"]}))
    assert answer.status_code == 201, answer.text
    made = answer.json()
    assert made["key"].startswith("sk-") and len(made["key"]) == 51
    assert (made["name"], made["tenant"], made["scopes"]) == (name, tenant, ["run"])
    time_of(made["created_at"])

    key = Client(admin.base_url, made["key"])
    wait_for(lambda: key.request("GET", "/v1/executions").status_code == 200, "the new key works")
    listed = [k for k in admin.request("GET", "/v1/keys").json() if k["id"] == made["id"]]
    assert len(listed) == 1 and "key" not in listed[0]
    assert made["key"] not in admin.request("GET", "/v1/keys").text
    wait_for(lambda: [k for k in admin.request("GET", "/v1/keys").json() if k["id"] == made["id"]][0]["last_used_at"],
             "its use is noted")

    assert admin.request("DELETE", f"/v1/keys/{made['id']}").status_code == 204
    wait_for(lambda: key.request("GET", "/v1/executions").status_code == 401, "the revoked key is refused")
    assert_error(key.request("GET", "/v1/executions"), 401, "unauthorized", "invalid or revoked API key")
    assert_error(admin.request("DELETE", f"/v1/keys/{made['id']}"), 404, "not_found")


@pytest.mark.parametrize("body, word", [
    ("", "empty"), ("[]", "object"), ('{"tenant":"x"}', "'name' is required"), ('{"name":"x"}', "'tenant' is required"),
    ('{"name":5,"tenant":"x"}', "'name' must be a string"),
    ('{"name":"x","tenant":"TENANT","scopes":["king"]}', "king"), ('{"name":"x","tenant":"TENANT","scopes":[]}', "scopes"),
])
def test_bad_requests_for_keys(make_key, tenant, body, word):
    admin = make_key(tenant, "admin")
    assert_error(admin.request("POST", "/v1/keys", data=body.replace("TENANT", tenant)), 400, "bad_request", word)
