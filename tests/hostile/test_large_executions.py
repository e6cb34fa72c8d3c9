"""Attack: Executions with inputs of 1 MiB, made with kubectl, as many as somebody likes; they were whole in both programs until
they ended. Must hold: there is a bound for the data of all, who asks for one gets it whole, and others run all the same."""

from api_server import ApiServer, GROUP, KEYS_NAMESPACE
from controller import Controller
from memory import ASAN_OPTIONS, cached, settled
from waiting import unique, wait_for

MANY = 24
SIZE = 5 << 18
MIB = 1 << 20


# Bytes that the programs may take for these; whole they are 30 MiB. The API server keeps 16 MiB of data, the controller 8 MiB of a
# namespace's inputs; the rest is what is under way, and what the allocator holds back.
BOUNDS = (25 * MIB, 17 * MIB)


def within(grown):
    return all(taken < bound for taken, bound in zip(grown, BOUNDS))


def large(skill):
    return {"apiVersion": "skillbox.dev/v1alpha1", "kind": "Execution", "metadata": {"name": unique("large")},
            "spec": {"skillRef": {"name": skill}, "input": {"text": "x" * SIZE}}}


def test_inputs_of_many_executions_have_a_bound(plane, kube, make_client, tmp_path):
    server = ApiServer(plane, tmp_path, ASAN_OPTIONS=ASAN_OPTIONS).start()
    # As many as may wait for a place: none of these gets a sandbox on this control plane.
    controller = Controller(plane, KEYS_NAMESPACE, server.signing_key, server.url, ASAN_OPTIONS=ASAN_OPTIONS,
                            SKILLBOX_MAX_CONCURRENT_EXECS="1").start()
    programs = (server, controller)
    try:
        client = make_client(server)
        skill = client.push()
        before = [settled(program) for program in programs]
        path = kube.path(client.namespace, "executions")
        made = [kube.call("POST", path, large(skill)).json() for _ in range(MANY)]

        count = len(kube.call("GET", f"{GROUP}/executions").json()["items"])  # with those that earlier tests left

        def all_are_seen():
            return all(cached(url, "executions") >= count for url in (server.health_url, f"http://127.0.0.1:{controller.port}"))

        wait_for(all_are_seen, "both have seen all")
        grown = [settled(program) - start for program, start in zip(programs, before)]
        assert within(grown), f"API server, controller: {grown}"
        for execution in (made[0], made[-1]):
            record = client.get(f"/v1/executions/{execution['metadata']['uid']}").json()
            assert record["status"] == "pending" and len(record["input"]["text"]) == SIZE

        for program in programs:
            program.stop()
        server.start()
        controller.start()
        wait_for(all_are_seen, "both have listed them")
        again = [settled(program) - start for program, start in zip(programs, before)]
        assert within(again), f"API server, controller, started again: {again}"
        client.run({"skill": skill, "input": {"n": 1}})
    finally:
        kube.call("DELETE", kube.path(client.namespace, "executions"))
        for program in programs:
            if program.process.poll() is None:
                program.stop()
