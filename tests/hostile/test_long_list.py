"""A tenant with many finished executions asks for one of them again and again: each list was a walk through all of them, on the
only thread. A page costs what is in it; how many executions were looked at is counted."""

from concurrent.futures import ThreadPoolExecutor

from metrics_text import metric_of

COUNT = 120


def looked_at(server):
    return metric_of(server, "skillbox_executions_looked_at_total")


def test_a_page_costs_what_is_in_it(server, client):
    skill = client.push()
    with ThreadPoolExecutor(8) as pool:
        bodies = [{"apiVersion": "skillbox.dev/v1alpha1", "kind": "Execution", "metadata": {"name": f"run-{i}"},
                   "spec": {"skillRef": {"name": skill}}} for i in range(COUNT)]
        list(pool.map(lambda body: client.kube.call("POST", client.kube.path(client.namespace, "executions"), body), bodies))
    everything, cursor = [], ""
    while len(everything) < COUNT:  # until the watch has shown the last
        before = looked_at(server)
        page = client.get(f"/v1/executions?limit=50{cursor}").json()
        assert looked_at(server) - before <= 51
        everything += page["executions"]
        cursor = f"&cursor={page['next']}" if "next" in page else ""
        if not cursor and len(everything) < COUNT:
            everything = []
    assert [e["created_at"] for e in everything] == sorted((e["created_at"] for e in everything), reverse=True)
    assert len({e["execution_id"] for e in everything}) == COUNT
    before = looked_at(server)
    for _ in range(20):
        assert client.get("/v1/executions?limit=1").json()["executions"][0] == everything[0]
    assert looked_at(server) - before == 20 * 2
    before = looked_at(server)
    assert client.get("/v1/executions?limit=1&status=failed").json() == {"executions": []}
    assert looked_at(server) - before == COUNT  # a filter looks at all, in pieces
