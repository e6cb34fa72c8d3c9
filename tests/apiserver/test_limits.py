"""Requests of a tenant a second, and wrong keys from one address: 429 rate_limited with Retry-After."""

import concurrent.futures
import time

import pytest
import requests

from api_server import ApiServer
from contract_checks import assert_error
from metrics_text import read_metrics, settled_metrics
from waiting import wait_for

RATE, WRONG = 40, 5


@pytest.fixture(scope="module")
def limited(plane, kube, tmp_path_factory):
    server = ApiServer(plane, tmp_path_factory.mktemp("limited"), SKILLBOX_RATE_LIMIT=str(RATE),
                       SKILLBOX_WRONG_KEY_LIMIT=str(WRONG)).start()
    yield server
    server.stop()


def until_refused(call, most=2000):
    """Calls at once until one is refused; how many passed, and the refusal."""
    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        for start in range(0, most, 64):
            answers = list(pool.map(lambda _: call(), range(64)))
            refused = [answer for answer in answers if answer.status_code == 429]
            if refused:
                return start + 64 - len(refused), refused[0]
    raise AssertionError(f"{most} calls passed")


def assert_refused(answer, *words):
    assert_error(answer, 429, "rate_limited", *words)
    assert answer.headers["Retry-After"] == "1"


def test_a_tenant_that_sends_too_much_is_told_so(limited, make_client):
    client, other = make_client(limited), make_client(limited)
    began = time.monotonic()
    passed, refused = until_refused(lambda: client.get("/v1/skills"))
    assert_refused(refused, client.tenant, f"more than {RATE} requests a second", "SKILLBOX_RATE_LIMIT")
    # twice the rate at once, and the rate for as long as it took
    assert passed <= 2 * RATE + RATE * (time.monotonic() - began) + 1
    assert other.get("/v1/skills").status_code == 200
    metrics = settled_metrics(limited.health_url)
    assert metrics.value("skillbox_requests_refused_total", reason="tenant_rate") >= 1
    assert metrics.value("skillbox_http_errors_total", error="rate_limited") >= 1
    wait_for(lambda: client.get("/v1/skills").status_code == 200, "its second is over")


def test_every_route_with_a_key_counts(limited, make_client):
    client = make_client(limited)
    for call in (lambda: client.post({"skill": "x"}), lambda: client.upload(b"x" * 300000), lambda: client.request("POST", "/mcp")):
        assert_refused(until_refused(call)[1], client.tenant)
        wait_for(lambda: client.get("/v1/skills").status_code == 200, "its second is over")


def test_probes_and_scrapes_are_never_refused(limited, make_client):
    client = make_client(limited)
    until_refused(lambda: client.get("/v1/skills"))
    until_refused(lambda: wrong(limited))
    for path in ("/health", "/ready", "/metrics", "/openapi.json"):
        url = limited.health_url if path == "/metrics" else limited.url
        answers = [requests.get(url + path, timeout=5).status_code for _ in range(3 * RATE)]
        assert set(answers) == {200}, path


def wrong(server, key="sk-" + "0" * 48):
    return requests.get(server.url + "/v1/skills", headers={"Authorization": f"Bearer {key}"}, timeout=10)


def test_keys_can_not_be_guessed_at_speed(limited, make_client):
    client = make_client(limited)  # its key was right from this address
    began = time.monotonic()
    passed, refused = until_refused(lambda: wrong(limited))
    assert_refused(refused, f"more than {WRONG} requests a second", "SKILLBOX_WRONG_KEY_LIMIT")
    assert passed <= 2 * WRONG + WRONG * (time.monotonic() - began) + 17  # those at once ask before the first is wrong
    assert read_metrics(limited.health_url).value("skillbox_requests_refused_total", reason="wrong_keys") >= 1
    assert client.get("/v1/skills").status_code == 200
    wait_for(lambda: wrong(limited).status_code == 401, "its second is over")


def known_keys(server):
    return read_metrics(server.health_url).value("skillbox_informer_objects", resource="secrets")


def test_wrong_keys_lock_nobody_out(limited, make_client):
    """Behind a NodePort or an Ingress all have one address: keys that were not seen lately were refused with the wrong ones."""
    client = make_client(limited)
    before = known_keys(limited)
    fresh = limited.key("create", "--name", "fresh", "--tenant", client.tenant, "--scopes", "run,push").stdout.strip()
    wait_for(lambda: known_keys(limited) == before + 1, "it is known")
    until_refused(lambda: wrong(limited))
    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda i: wrong(limited, fresh if i == 60 else "sk-guess"), range(64)))
    assert answers.pop(60).status_code == 200
    assert 429 in {answer.status_code for answer in answers}


def test_no_key_and_no_scheme_are_no_guesses(limited):
    wait_for(lambda: wrong(limited).status_code == 401, "nobody guesses")
    for _ in range(3 * WRONG):
        assert requests.get(limited.url + "/v1/skills", timeout=5).status_code == 401
        assert requests.get(limited.url + "/v1/skills", headers={"Authorization": "Basic x"}, timeout=5).status_code == 401


def test_zero_is_no_limit(plane, make_client, tmp_path):
    server = ApiServer(plane, tmp_path, SKILLBOX_RATE_LIMIT="0", SKILLBOX_WRONG_KEY_LIMIT="0").start()
    try:
        client = make_client(server)
        with concurrent.futures.ThreadPoolExecutor(16) as pool:
            assert {a.status_code for a in pool.map(lambda _: client.get("/v1/skills"), range(300))} == {200}
            assert {a.status_code for a in pool.map(lambda _: wrong(server), range(300))} == {401}
    finally:
        server.stop()
