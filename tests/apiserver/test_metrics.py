"""GET /metrics of the API server: the format, that what happens is counted, and what must never be in it."""

import pathlib
import re
import time

import pytest
import requests

from api_server import ApiServer, skill_zip
from metrics_text import Metrics, read_metrics, settled_metrics
from waiting import unique, wait_for


@pytest.fixture
def counted(server):
    """A function: how much a series has grown since the test began."""
    before = settled_metrics(server.health_url)

    def grown(name, **labels):
        return settled_metrics(server.health_url).get(name, **labels) - before.get(name, **labels)

    return grown


GOOD = """# HELP a_total A.
# TYPE a_total counter
a_total{x="1\\"2"} 3
# HELP h H.
# TYPE h histogram
h_bucket{le="1"} 1
h_bucket{le="+Inf"} 2
h_sum 5
h_count 2
"""


@pytest.mark.parametrize("good, bad", [
    ("h_count 2\n", "h_count 2"), ("a_total{", "b_total{"), ("counter", "gauge"), ("counter", "summary"), ('"1\\"2"', '"1"2"'), ('"} 3', '",} 3'), ("} 3", "} three"),
    ("} 3", "} -3"), ('le="1"} 1', 'le="1"} 3'), ("h_count 2", "h_count 3"), ("h_sum 5\n", ""), ("# HELP h H.", "# HELP a_total H."),
    ("# TYPE h ", "# TYPE i "), ('le="1"} 1\n', 'le="1"} 1\nh_bucket{le="1"} 1\n'), ("h_count 2\n", "h_count 2\n\n")])
def test_the_reader_is_strict(good, bad):
    assert Metrics(GOOD).value("a_total", x='1"2') == 3
    assert good in GOOD
    with pytest.raises((AssertionError, ValueError, KeyError)):
        Metrics(GOOD.replace(good, bad, 1))


def test_it_is_the_text_format_and_needs_no_key(server):
    metrics = read_metrics(server.health_url)
    assert metrics.value("skillbox_build_info", component="apiserver", version=version()) == 1
    assert 10e6 < metrics.value("process_resident_memory_bytes") < 10e9
    assert metrics.value("process_cpu_seconds_total") > 0
    assert 5 < metrics.value("process_open_fds") < metrics.value("process_max_fds")
    assert time.time() - 3600 < metrics.value("process_start_time_seconds") <= time.time() + 1
    head = requests.head(server.health_url + "/metrics", timeout=5)
    assert (head.status_code, head.text) == (200, "")


def test_the_port_for_clients_has_none(server):
    answer = requests.get(server.url + "/metrics", timeout=5)
    assert (answer.status_code, answer.json()["error"]) == (404, "not_found") and "SKILLBOX_HEALTH_PORT" in answer.json()["message"]


def test_the_port_for_probes_has_nothing_else(server, client):
    for path in ("/health", "/ready"):
        assert requests.get(server.health_url + path, timeout=5).text == requests.get(server.url + path, timeout=5).text
    for path in ("/v1/skills", "/openapi.json", "/blobs/skills/x"):
        answer = requests.get(server.health_url + path, headers={"Authorization": f"Bearer {client.key}"}, timeout=5)
        assert answer.status_code == 404, path


def version():
    root = pathlib.Path(__file__).resolve().parents[2]
    return re.search(r"VERSION (\d+\.\d+\.\d+)", (root / "CMakeLists.txt").read_text())[1]


def test_requests_are_counted_by_route_template(server, client, counted):
    client.get("/v1/skills")
    client.get("/v1/skills")
    client.get("/v1/skills/nothing/1.0.0")
    client.get("/v1/skills", auth=False)
    client.request("PURGE", "/v1/nowhere/at/all")
    requests.head(server.url + "/health", timeout=5)
    route = "/v1/skills"
    assert counted("skillbox_http_requests_total", route=route, method="GET", code="200") == 2
    assert counted("skillbox_http_requests_total", route=route, method="GET", code="401") == 1
    assert counted("skillbox_http_requests_total", route="/v1/skills/:name/:version", method="GET", code="404") == 1
    assert counted("skillbox_http_requests_total", route="other", method="other", code="404") == 1
    assert counted("skillbox_http_requests_total", route="/health", method="HEAD", code="200") == 1
    assert counted("skillbox_http_request_seconds_count", route=route, method="GET") == 3
    assert counted("skillbox_http_errors_total", error="not_found") == 2
    assert counted("skillbox_http_errors_total", error="unauthorized") == 1
    assert counted("skillbox_api_key_lookups_total", result="secret") >= 3
    client.get("/v1/skills", headers={"Authorization": "Bearer sk-wrong"})
    assert counted("skillbox_api_key_lookups_total", result="unknown") == 1


def test_names_ids_and_keys_are_not_in_it(server, client):
    skill = client.push()
    answer = client.start(skill)
    client.get(f"/v1/executions/{answer}")
    client.get(f"/v1/strange/{skill}", headers={"X-Request-ID": "an-id-of-mine"})
    text = requests.get(server.health_url + "/metrics", timeout=5).text
    for secret in (client.key, client.key[3:20], client.tenant, client.namespace, skill, answer, "an-id-of-mine"):
        assert secret not in text, secret
    assert not re.search(r"[0-9a-f]{8}-[0-9a-f]{4}-", text)


def test_what_clients_send_makes_no_series(server, client):
    client.get("/v1/nowhere")  # the one for all that are unknown
    before = len(settled_metrics(server.health_url).samples)
    for i in range(50):
        client.request(f"M{i}", f"/v1/nowhere{i}")
        client.get(f"/v1/nowhere/{i}")
        client.get(f"/v1/skills/{unique('x')}/1.0.0")
    # the new ones: two statuses of other methods, one template
    assert len(settled_metrics(server.health_url).samples) - before < 70


def test_uploads_storage_and_kubernetes(client, counted):
    data = skill_zip(unique("skill"), files={"data.bin": "x" * 100000})
    assert client.upload(data).status_code == 201
    assert counted("skillbox_http_request_body_bytes_total", route="/v1/skills") == len(data)
    assert counted("skillbox_storage_operations_total", operation="put", result="ok") == 1
    # the watch, which ends the push, may be faster than the answer to the create
    wait_for(lambda: counted("skillbox_kubernetes_requests_total", method="POST", resource="skills", code="201") == 1, "the create is answered")
    assert counted("skillbox_kubernetes_request_seconds_count", method="POST") >= 1
    missing = client.blob_path("executions", "0" * 64, "GET", filename="files.tar.gz")
    assert client.get(missing, auth=False).status_code == 404
    assert counted("skillbox_storage_operations_total", operation="get", result="not_found") == 1
    assert counted("skillbox_storage_operations_total", operation="get", result="error") == 0


def test_executions_and_those_who_wait(server, client, counted):
    skill = client.push()
    client.start(skill)
    assert counted("skillbox_executions_created_total", mode="async") == 1
    assert read_metrics(server.health_url).value("skillbox_waiting_requests", topic="execution") == 0
    with client.waiting({"skill": skill}) as (name, _):
        metrics = settled_metrics(server.health_url, in_flight=1)  # the one that waits
        assert metrics.value("skillbox_waiting_requests", topic="execution") == 1
        client.kube.finish(client.namespace, name)
    assert settled_metrics(server.health_url).value("skillbox_waiting_requests", topic="execution") == 0
    assert counted("skillbox_executions_created_total", mode="sync") == 1


def test_a_full_tenant_is_a_refusal(plane, make_client, tmp_path):
    server = ApiServer(plane, tmp_path, SKILLBOX_MAX_CONCURRENT_EXECS="1").start()
    try:
        client = make_client(server)
        skill = client.push()
        client.start(skill)
        wait_for(lambda: client.post({"skill": skill, "async": True}).status_code == 429, "the limit is reached")
        metrics = settled_metrics(server.health_url)
        assert metrics.value("skillbox_requests_refused_total", reason="concurrency") == 1
        assert metrics.value("skillbox_http_errors_total", error="no_capacity") == 1
    finally:
        server.stop()


def test_caches_and_storage(server, client):
    metrics = read_metrics(server.health_url)
    resources = {labels["resource"] for labels in metrics.labels("skillbox_informer_up")}
    assert resources == {"executions", "skills", "namespaces", "secrets", "leases"}
    for resource in resources:
        assert metrics.value("skillbox_informer_up", resource=resource) == 1
    assert metrics.value("skillbox_informer_objects", resource="namespaces") >= 1
    assert metrics.value("skillbox_storage_up") == 1
    assert ("skillbox_database_up", frozenset()) not in metrics.samples  # there is none
    client.push()
    wait_for(lambda: read_metrics(server.health_url).value("skillbox_informer_objects", resource="skills")
             > metrics.value("skillbox_informer_objects", resource="skills"), "the skill is in the cache")


def test_lost_caches_are_shown(plane, kube, tmp_path):
    """Without a cluster behind it /ready is 503, but /metrics answers and says so."""
    kubeconfig = tmp_path / "nowhere"
    kubeconfig.write_text("""apiVersion: v1
kind: Config
clusters: [{name: c, cluster: {server: "http://127.0.0.1:1"}}]
contexts: [{name: c, context: {cluster: c, user: u}}]
users: [{name: u, user: {}}]
current-context: c
""")
    server = ApiServer(plane, tmp_path / "server", KUBECONFIG=str(kubeconfig)).start(ready=False)
    try:
        metrics = read_metrics(server.health_url)
        assert metrics.value("skillbox_informer_up", resource="executions") == 0
        wait_for(lambda: read_metrics(server.health_url).get("skillbox_kubernetes_requests_total", method="GET", resource="executions",
                                                      code="0") >= 1, "lost requests are counted", timeout=60)
    finally:
        server.stop()
