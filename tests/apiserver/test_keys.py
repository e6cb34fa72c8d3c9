"""API keys: from the shell and by REST."""

import hashlib
import re
from base64 import b64decode

import pytest

from api_server import Client, KEYS_NAMESPACE
from contract_checks import assert_error
from waiting import unique, wait_for


def secrets_of(kube, tenant):
    items = kube.call("GET", f"/api/v1/namespaces/{KEYS_NAMESPACE}/secrets?labelSelector=skillbox.dev/component=api-key").json()["items"]
    read = [{key: b64decode(value).decode() for key, value in item["data"].items()} | {"_": item} for item in items]
    return [item for item in read if item["tenant"] == tenant]


def test_create_prints_the_key_alone_and_stores_its_hash(server, client, kube):
    assert re.fullmatch(r"sk-[0-9a-f]{48}", client.key)
    (secret,) = secrets_of(kube, client.tenant)
    assert secret["hash"] == hashlib.sha256(client.key.encode()).hexdigest()
    assert (secret["name"], secret["scopes"]) == ("test", "run,push") and secret["created_at"].endswith("Z")
    assert secret["_"]["type"] == "skillbox.dev/api-key"
    assert secret["_"]["metadata"]["name"] == "skillbox-key-" + secret["hash"][:16]


def test_any_text_can_be_imported_again_and_again(server, client, kube):
    text = unique("my own key: ") + " \u00e9"
    for _ in range(2):
        assert server.key("create", "--name", "own", "--tenant", client.tenant, "--import", text).stdout == text + "\n"
    wait_for(lambda: client.get("/v1/skills", headers={"Authorization": f"Bearer {text}".encode()}).status_code == 200, "the key works")
    done = server.key("create", "--name", "own", "--tenant", client.tenant, "--scopes", "admin", "--import", text, check=False)
    assert done.returncode == 1 and done.stdout == "" and "exists already" in done.stderr


def test_a_key_is_imported_from_standard_input(server, client):
    text = unique("mine") + "\u00e9"
    assert server.key("create", "--name", "own", "--tenant", client.tenant, "--import", "-", stdin=f" {text}\n").stdout == text + "\n"
    wait_for(lambda: client.get("/v1/skills", headers={"Authorization": f"Bearer {text}".encode()}).status_code == 200, "the key works")
    for bad, words in (("", "empty"), (" \n", "empty"), ("x" * 4096, "more than 4095 bytes")):
        done = server.key("create", "--name", "own", "--tenant", client.tenant, "--import", "-", stdin=bad, check=False)
        assert done.returncode == 1 and done.stdout == "" and words in done.stderr


def test_a_tenant_needs_a_namespace(server):
    done = server.key("create", "--name", "x", "--tenant", "nobody", check=False)
    assert done.returncode == 1 and done.stdout == ""
    assert 'tenant "nobody" has no namespace' in done.stderr
    assert "kubectl label namespace skillbox-nobody skillbox.dev/tenant=nobody" in done.stderr


@pytest.mark.parametrize("arguments, word", [
    (["create", "--name", "x"], "--tenant"), (["create", "--tenant", "x"], "--name"), (["create", "--nonsense"], "--nonsense"),
    (["create", "--name", "x", "--tenant", "x", "y"], "y"), ([], "key"), (["delete"], "delete"), (["revoke"], "revoke")])
def test_wrong_usage_is_64(server, arguments, word):
    done = server.key(*arguments, check=False)
    assert done.returncode == 64 and word in done.stderr and "usage:" in done.stderr and done.stdout == ""


@pytest.mark.parametrize("option, value, word", [("--tenant", "A_B", "lower-case"), ("--scopes", "run,fly", '"fly"'), ("--name", "", "name")])
def test_bad_values(server, option, value, word):
    arguments = {"--name": "x", "--tenant": "x", "--scopes": "run", option: value}
    done = server.key("create", *(text for pair in arguments.items() for text in pair), check=False)
    assert done.returncode == 1 and word in done.stderr and done.stdout == ""


@pytest.mark.parametrize("scopes", [["run"], ["push"], ["admin"], ["run", "push", "admin", "operator"]])
def test_whoami_says_whose_key_it_is(server, client, kube, scopes):
    """Any scope will do, and no part of the key is in the answer."""
    name = unique("who \u00e9")
    key = server.key("create", "--name", name, "--tenant", client.tenant, "--scopes", ",".join(scopes)).stdout.strip()
    headers = {"Authorization": f"Bearer {key}"}
    wait_for(lambda: client.get("/v1/whoami", headers=headers).status_code == 200, "the key works")
    answer = client.get("/v1/whoami", headers=headers)
    (secret,) = [one for one in secrets_of(kube, client.tenant) if one["name"] == name]
    found = answer.json()
    assert found == {"tenant": client.tenant, "namespace": client.namespace, "version": found["version"],
                     "key": {"id": secret["hash"][:16], "name": name, "scopes": scopes, "created_at": found["key"]["created_at"]}}
    assert found["key"]["created_at"][:19] == secret["created_at"][:19]
    assert key not in answer.text and secret["hash"] not in answer.text
    assert server.process.poll() is None and client.request("HEAD", "/v1/whoami", headers=headers).text == ""


def test_whoami_without_a_key(client):
    assert assert_error(client.get("/v1/whoami", auth=False), 401, "unauthorized") == "missing Authorization header"
    assert_error(client.get("/v1/whoami", headers={"X-Tenant-ID": "other"}), 403, "forbidden")


def test_list_and_revoke(server, client, kube):
    (secret,) = secrets_of(kube, client.tenant)
    key_id = secret["hash"][:16]
    listed = server.key("list").stdout
    assert any(key_id in line and client.tenant in line and "run,push" in line for line in listed.splitlines())
    assert client.key not in listed and secret["hash"] not in listed
    server.key("revoke", key_id)
    wait_for(lambda: client.get("/v1/skills").status_code == 401, "the key is revoked")
    assert assert_error(client.get("/v1/skills"), 401, "unauthorized") == "invalid or revoked API key"
    assert server.key("revoke", key_id, check=False).returncode == 1


def test_a_deleted_secret_revokes(client, kube):
    (secret,) = secrets_of(kube, client.tenant)
    kube.call("DELETE", f"/api/v1/namespaces/{KEYS_NAMESPACE}/secrets/{secret['_']['metadata']['name']}")
    wait_for(lambda: client.get("/v1/skills").status_code == 401, "the key is revoked")


def test_keys_by_rest(server, make_client, client, kube):
    for scope in ("admin", "operator"):
        assert make_client(server, scope).get("/v1/skills").status_code == 200, f"{scope} includes the other scopes"
    admin = make_client(server, "operator")
    answer = admin.request("POST", "/v1/keys", json={"name": "made", "tenant": client.tenant, "scopes": ["run"]})
    assert answer.status_code == 201, answer.text
    made = answer.json()
    assert set(made) == {"id", "name", "tenant", "scopes", "created_at", "last_used_at", "key"}
    assert (made["name"], made["tenant"], made["scopes"], made["last_used_at"]) == ("made", client.tenant, ["run"], None)
    fresh = Client(server, made["key"], client.tenant, client.namespace, kube)
    assert fresh.get("/v1/skills").status_code == 200, "the new key works at once"

    def entry():
        answer = admin.get("/v1/keys")
        assert answer.status_code == 200 and made["key"] not in answer.text
        return [key for key in answer.json() if key["id"] == made["id"]]

    assert entry()[0] | {"key": made["key"], "last_used_at": None} == made
    wait_for(lambda: entry()[0]["last_used_at"], "its use is noted")

    def stored():
        (secret,) = [s for s in secrets_of(kube, client.tenant) if s["name"] == "made"]
        assert secret["hash"] == hashlib.sha256(made["key"].encode()).hexdigest()
        return secret["_"]["metadata"].get("annotations", {}).get("skillbox.dev/last-used-at")

    wait_for(stored, "its use is stored")

    assert admin.request("DELETE", f"/v1/keys/{made['id']}").status_code == 204
    assert fresh.get("/v1/skills").status_code == 401 and not entry(), "it is revoked at once"
    assert admin.request("DELETE", f"/v1/keys/{made['id']}").status_code == 404


def test_a_key_s_whole_life_at_full_speed(server, make_client):
    """What was answered holds for the next request: no moment in which a new key is unknown or a revoked one works."""
    admin = make_client(server, "admin")
    for _ in range(30):
        made = admin.request("POST", "/v1/keys", json={"name": "short-lived", "tenant": admin.tenant, "scopes": ["run"]}).json()
        fresh = Client(server, made["key"], admin.tenant, admin.namespace, None)
        assert fresh.get("/v1/skills").status_code == 200
        assert admin.request("DELETE", f"/v1/keys/{made['id']}").status_code == 204
        assert fresh.get("/v1/skills").status_code == 401


@pytest.mark.parametrize("body, word", [
    (b"", "empty"), (b"[]", "object"), (b'{"tenant":"t"}', "'name' is required"), (b'{"name":"n"}', "'tenant' is required"),
    (b'{"name":1,"tenant":"t"}', "'name' must be a string, not 1"), (b'{"name":"n","tenant":"t","scope":"run"}', "did you mean 'scopes'?"),
    (b'{"name":"n","name":"n","tenant":"t"}', "'name' is there twice"), (b'{"name":"n","tenant":"T"}', "lower-case"),
    (b'{"name":"n","tenant":"nobody"}', "no namespace"), (b'{"name":"n","tenant":"t","scopes":"run"}', "'scopes' must be a list"),
    (b'{"name":"n","tenant":"t","scopes":["fly"]}', '"fly"'), (b'{"name":"n","tenant":"t","scopes":[]}', "at least one")])
def test_bad_keys_by_rest(server, make_client, body, word):
    admin = make_client(server, "operator")
    assert_error(admin.request("POST", "/v1/keys", data=body), 400, "bad_request", word)
