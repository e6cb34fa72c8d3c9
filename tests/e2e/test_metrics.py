"""/metrics of both programs on the cluster: a run is counted once, with its time and its parts."""

from metrics_text import Metrics
from skillbox_client import component_pods
from waiting import wait_for

PARTS = ("queue", "sandbox", "start", "run", "collect")


def metrics_of(kubectl, component):
    pod = component_pods(kubectl, component)[0]
    path = f"/api/v1/namespaces/{pod['metadata']['namespace']}/pods/{pod['metadata']['name']}:8081/proxy/metrics"
    return Metrics(kubectl.text("get", "--raw", path))


def controller_metrics(kubectl):
    return metrics_of(kubectl, "controller")


def test_runs_are_counted_with_their_time(client, kubectl, push, tenant):
    sleeper = push("sleep 1.5; exit $(cat $SANDBOX_INPUT_FILE)", lang="bash")
    before = controller_metrics(kubectl)
    results = [client.run(sleeper, input=code) for code in (0, 3)]
    assert [result["status"] for result in results] == ["success", "failed"]
    after = controller_metrics(kubectl)

    def grown(name, **labels):
        return after.get(name, **labels) - before.get(name, **labels)

    # Other tests' executions may end meanwhile: at least ours are there.
    assert grown("skillbox_executions_ended_total", reason="success") >= 1
    assert grown("skillbox_executions_ended_total", reason="exit_nonzero") >= 1
    starts = {"warm" if result["warm"] else "cold" for result in results}
    total = sum(result["timings"]["total"] for result in results) / 1000
    assert sum(grown("skillbox_execution_seconds_sum", start=start) for start in starts) >= total * 0.99
    for part in PARTS:
        assert grown("skillbox_execution_phase_seconds_sum", phase=part) >= sum(r["timings"][part] for r in results) / 1000 * 0.99
    assert grown("skillbox_tenant_run_seconds_total", tenant=tenant) >= 3
    assert grown("skillbox_tenant_executions_ended_total", tenant=tenant, status="failed") >= 1
    assert grown("skillbox_kubernetes_requests_total", method="PATCH", resource="executions/status", code="200") >= 2
    assert metrics_of(kubectl, "apiserver").value("skillbox_executions_created_total", mode="sync") >= 2


def test_a_sandbox_at_work_is_seen(client, kubectl, push, tenant):
    execution_id = client.start(push("sleep 60", lang="bash"))
    client.wait_until(execution_id, "running")
    seen = controller_metrics(kubectl)
    assert seen.value("skillbox_sandboxes", stage="ready") >= 1
    assert seen.value("skillbox_tenant_executions_unfinished", tenant=tenant) >= 1
    assert seen.value("skillbox_informer_objects", resource="pods") >= 1
    client.request("DELETE", f"/v1/executions/{execution_id}")
    client.wait_until_ended(execution_id)
    wait_for(lambda: controller_metrics(kubectl).get("skillbox_executions_ended_total", reason="cancelled") >= 1, "its end is counted")
