"""A key is revoked while the API server can't hear of it: its watch of Secrets is down (a rule that changed, a network that is
split, or somebody who sees to it). The revoked key went on working for as long as the watch was down. What is known of keys may be
SKILLBOX_KEY_MAX_AGE old; then nobody is let in on its word, with an answer that says why, and what comes back is the truth."""

import base64
import time

import pytest
import requests

from api_server import ApiServer, KEYS_NAMESPACE
from contract_checks import assert_error
from kube_proxy import CUT, KubeProxy
from metrics_text import Metrics
from waiting import wait_for

MAX_AGE_S = 2


@pytest.fixture(scope="module")
def proxy(plane, tmp_path_factory):
    proxy = KubeProxy(plane, tmp_path_factory.mktemp("proxy"))
    yield proxy
    proxy.stop()


@pytest.fixture(scope="module")
def server(proxy, plane, kube, tmp_path_factory):
    server = ApiServer(proxy, tmp_path_factory.mktemp("apiserver"), SKILLBOX_KEY_MAX_AGE=f"{MAX_AGE_S}s").start()
    yield server
    server.stop()


def cut_off(proxy, word):
    """No list and no watch of the resource arrives from now on."""
    proxy.rule = lambda method, path: CUT if method == "GET" and f"/{word}?" in path else None
    proxy.hang_up_watches()
    return time.monotonic()


def revoke(kube, client):
    name = f"/api/v1/namespaces/{KEYS_NAMESPACE}/secrets"
    (secret,) = [item for item in kube.call("GET", name).json()["items"] if "hash" in item.get("data", {})
                 and base64.b64decode(item["data"]["tenant"]).decode() == client.tenant]
    kube.call("DELETE", f"{name}/{secret['metadata']['name']}")



@pytest.mark.parametrize("word,what", [("secrets", "API keys"), ("namespaces", "namespaces")])
def test_what_gives_rights_is_not_believed_for_ever(proxy, server, kube, make_client, word, what):
    revoked, kept = make_client(server), make_client(server)
    since = cut_off(proxy, word)
    if word == "secrets":
        revoke(kube, revoked)
    else:
        kube.call("PATCH", f"/api/v1/namespaces/{revoked.namespace}", {"metadata": {"labels": {"skillbox.dev/tenant": None}}},
                  "application/merge-patch+json")
    assert kept.get("/v1/skills").status_code == 200, "a watch that is down for a moment stops nobody"
    refused = wait_for(lambda: [a for a in [revoked.get("/v1/skills")] if a.status_code != 200], "the revoked key is refused", 10)[0]
    assert MAX_AGE_S - 0.5 < time.monotonic() - since < MAX_AGE_S + 3
    text = assert_error(refused, 503, "unavailable", "SKILLBOX_KEY_MAX_AGE", f"the watch of {what}")
    assert int(refused.headers["Retry-After"]) > 0 and "try again" in text
    assert_error(kept.get("/v1/skills"), 503, "unavailable"), "nor can another key be checked"
    if word == "secrets":
        answer = kept.get("/v1/skills", headers={"Authorization": "Bearer sk-unknown"})
        assert_error(answer, 503, "unavailable"), "it may have been made since"
    assert_error(requests.get(server.url + "/ready", timeout=5), 503, "not_ready", f"{what} is not up")
    metrics = Metrics(requests.get(server.health_url + "/metrics", timeout=5).text)
    assert metrics.value("skillbox_informer_age_seconds", resource=word) > MAX_AGE_S
    assert requests.get(server.url + "/health", timeout=5).status_code == 200

    proxy.rule = lambda method, path: None
    wait_for(lambda: kept.get("/v1/skills").status_code == 200, "the key that was kept works again", 20)
    code = {"secrets": (401, "unauthorized"), "namespaces": (403, "forbidden")}[word]
    assert_error(revoked.get("/v1/skills"), *code)
