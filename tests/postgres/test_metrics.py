"""GET /metrics of the controller, and what both programs tell about their database."""

import pytest
import requests

from metrics_text import read_metrics
from waiting import unique, wait_for


def url_of(controller):
    return f"http://127.0.0.1:{controller.port}"


@pytest.fixture
def metrics(controller):
    """A function: what the controller says now, once its caches are complete."""
    wait_for(lambda: requests.get(url_of(controller) + "/ready", timeout=5).status_code == 200, "the controller is ready")
    return lambda: read_metrics(url_of(controller))


def finish(client, execution_id):
    """The sandbox's part, beside a controller that may write in the same moment: until it stands."""
    def done():
        client.kube.finish(client.namespace, execution_id)
        return client.kube.execution(client.namespace, execution_id)["status"]["conditions"][0]["status"] == "True"

    wait_for(done, "the end is recorded")


def test_the_controller_speaks_the_text_format(metrics, controller):
    seen = metrics()
    assert [labels["component"] for labels in seen.labels("skillbox_build_info")] == ["controller"]
    assert seen.value("process_resident_memory_bytes") > 10e6
    for resource in ("namespaces", "skills", "executions", "pods", "sandboxpools"):
        assert seen.value("skillbox_informer_up", resource=resource) == 1
    assert {seen.value("skillbox_pool_sandboxes", state=state) for state in ("starting", "ready", "claimed")} == {0}
    assert seen.value("skillbox_database_up") == 1
    assert seen.value("skillbox_database_statements_total") >= 1
    assert seen.value("skillbox_kubernetes_requests_total", method="GET", resource="executions", code="200") >= 1
    assert requests.get(url_of(controller) + "/else", timeout=5).status_code == 404


def test_what_ends_is_counted(metrics, client, controller):
    """Cancelled before there is a sandbox, of which this cluster has none."""
    before = metrics()
    skill = client.push()
    execution_id = client.start(skill)
    path = client.kube.path(client.namespace, "executions", execution_id)

    def unfinished():
        return metrics().get("skillbox_tenant_executions_unfinished", tenant=client.tenant)

    wait_for(lambda: unfinished() == 1, "it is one that has not ended")
    client.kube.call("PATCH", path, {"spec": {"cancel": True}}, "application/merge-patch+json")

    def grown(name, **labels):
        return metrics().get(name, **labels) - before.get(name, **labels)

    wait_for(lambda: grown("skillbox_executions_ended_total", reason="cancelled") == 1, "its end is counted")
    wait_for(lambda: unfinished() == 0, "none is left")
    assert metrics().value("skillbox_tenant_executions_ended_total", tenant=client.tenant, status="cancelled") == 1
    assert grown("skillbox_execution_seconds_count", start="cold") == 1
    assert 0 < grown("skillbox_execution_seconds_sum", start="cold") < 60
    assert grown("skillbox_reconciles_total", queue="executions") >= 2
    assert grown("skillbox_kubernetes_requests_total", method="PATCH", resource="executions/status", code="200") >= 1
    text = requests.get(url_of(controller) + "/metrics", timeout=5).text
    for name in (skill, execution_id, client.namespace, client.key):
        assert name not in text, name


def test_a_database_that_is_away_shows(metrics, client, server, postgres):
    """Executions that end meanwhile are a backlog, which goes when the database is back."""
    assert metrics().value("skillbox_archive_backlog") == 0
    # While all else works: a key that the server knows, an execution that it can create.
    execution_id = client.start(client.push())
    errors = read_metrics(server.health_url).value("skillbox_database_errors_total")
    postgres.stop()
    try:
        finish(client, execution_id)
        wait_for(lambda: metrics().value("skillbox_database_up") == 0, "the controller misses it")
        wait_for(lambda: read_metrics(server.health_url).value("skillbox_database_up") == 0, "the API server misses it")
        wait_for(lambda: metrics().value("skillbox_archive_backlog") == 1, "it waits for the database")
        wait_for(lambda: read_metrics(server.health_url).value("skillbox_database_errors_total") > errors, "errors are counted")
    finally:
        postgres.start()
    wait_for(lambda: metrics().value("skillbox_archive_backlog") == 0, "it is archived", timeout=60)
    wait_for(lambda: metrics().value("skillbox_database_up") == read_metrics(server.health_url).value("skillbox_database_up") == 1, "it is back")


def test_the_cache_of_keys(client, server):
    before = read_metrics(server.health_url)
    for _ in range(3):
        client.get("/v1/skills")
        client.get("/v1/skills", headers={"Authorization": f"Bearer {unique('sk')}"})

    def grown(result):
        return read_metrics(server.health_url).value("skillbox_api_key_lookups_total", result=result) - before.value(
            "skillbox_api_key_lookups_total", result=result)

    assert grown("cache") >= 1 and grown("unknown") == 3
    assert grown("cache") + grown("database") == 3
    assert read_metrics(server.health_url).value("skillbox_api_keys_cached") >= 4
    assert read_metrics(server.health_url).value("skillbox_audit_backlog") >= 0
