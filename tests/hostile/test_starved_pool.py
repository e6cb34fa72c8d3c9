"""Four tenants, each of which may have a quarter of them, fill all places to start with sandboxes that never start (an image that takes
long, nodes that are full). Every other tenant still starts one at once: an Execution, a pool, and an Execution that waits for a pool; and when places become free they are
shared among the tenants. Here nothing ever starts, since there are no nodes."""

import pytest

from controller import Controller, clear, signing_key_in
from waiting import unique, wait_for

API = "skillbox.dev/v1alpha1"
LIMIT = 8
SHARE = LIMIT // 4  # of a tenant while others run something


@pytest.fixture(scope="module")
def controller(plane, kube, tmp_path_factory):
    home = unique("home")
    kube.namespace(home)
    key = signing_key_in(tmp_path_factory.mktemp("controller"))
    clear(kube)  # what other tests have left would count
    controller = Controller(plane, home, key, "http://127.0.0.1:1", SKILLBOX_MAX_STARTING_SANDBOXES=str(LIMIT)).start()
    yield controller
    controller.stop()


@pytest.fixture
def tenant(kube):
    made = []

    def make(prefix):
        name = unique(prefix)
        kube.namespace(name, name)
        kube.call("POST", f"/api/v1/namespaces/{name}/serviceaccounts", {"metadata": {"name": "default"}})
        kube.apply_skill(name, "s", lang="bash", image="bash:5")
        made.append(name)
        return name

    yield make
    clear(kube, *made)


def create(kube, namespace, resource, spec):
    kind = {"executions": "Execution", "sandboxpools": "SandboxPool"}[resource]
    return kube.call("POST", kube.path(namespace, resource),
                     {"apiVersion": API, "kind": kind, "metadata": {"name": unique("x")}, "spec": spec}).json()


def run(kube, namespace):
    return create(kube, namespace, "executions", {"skillRef": {"name": "s"}})


def pods(kube, namespace, prefix=""):
    return [pod["metadata"]["name"] for pod in kube.call("GET", f"/api/v1/namespaces/{namespace}/pods").json()["items"]
            if pod["metadata"]["name"].startswith(prefix)]


def flood(kube, tenant):
    evil = [tenant("evil") for _ in range(4)]
    for _ in range(LIMIT):
        for name in evil:
            run(kube, name)
    wait_for(lambda: sum(len(pods(kube, name)) for name in evil) == LIMIT, "all places are taken")
    return evil


def test_every_tenant_starts_one(controller, kube, tenant):
    evil = flood(kube, tenant)
    pool, both, plain = tenant("pool"), tenant("both"), tenant("plain")
    create(kube, pool, "sandboxpools", {"replicas": 3, "image": "bash:5", "lang": "bash"})
    create(kube, both, "sandboxpools", {"replicas": 2, "image": "bash:5", "lang": "bash"})
    for _ in range(2):
        run(kube, both)
        run(kube, plain)
    wait_for(lambda: len(pods(kube, pool)) == 1, "the pool has its first", timeout=10)
    wait_for(lambda: len(pods(kube, both)) >= 1, "who waits for a pool has one on its way", timeout=10)
    wait_for(lambda: len(pods(kube, plain)) == 1, "who needs no pool has one", timeout=10)
    # No more than one each, and what is over the limit is just that.
    assert len(pods(kube, pool)) == 1 and len(pods(kube, plain)) == 1 and sum(len(pods(kube, name)) for name in evil) == LIMIT


def test_nobody_waits_for_a_pool_that_may_make_none(controller, kube, tenant):
    """The tenant's start is taken by another pool of its own: the Execution gets a Pod of its own."""
    flood(kube, tenant)
    name = tenant("two-pools")
    create(kube, name, "sandboxpools", {"replicas": 1, "image": "python:3.12-slim"})
    wait_for(lambda: len(pods(kube, name, "sbp-")) == 1, "the first pool has its Pod")
    create(kube, name, "sandboxpools", {"replicas": 1, "image": "bash:5", "lang": "bash"})
    execution = run(kube, name)
    wait_for(lambda: pods(kube, name, "skx-") == [f"skx-{execution['metadata']['uid']}-0"], "it has a Pod", timeout=10)
    assert len(pods(kube, name, "sbp-")) == 1


def test_places_are_shared(controller, kube, tenant):
    """When places become free the tenants with the fewest come first, pools included, and not whoever looks first."""
    evil = flood(kube, tenant)
    other, pool = tenant("other"), tenant("pool")
    create(kube, pool, "sandboxpools", {"replicas": 10, "image": "bash:5", "lang": "bash"})
    for _ in range(10):
        run(kube, other)
    wait_for(lambda: [len(pods(kube, name)) for name in (other, pool)] == [1, 1], "each has one at least")
    # The flood goes with all that it holds: its places are the others'.
    for name in evil:
        kube.call("DELETE", kube.path(name, "executions"))
        kube.call("DELETE", f"/api/v1/namespaces/{name}/pods?gracePeriodSeconds=0")
    wait_for(lambda: len(pods(kube, other)) >= SHARE and len(pods(kube, pool)) >= SHARE,
             lambda: f"each has its share: {pods(kube, other)} {pods(kube, pool)}", timeout=10)


def test_one_alone_leaves_room(controller, kube, tenant):
    """Others start as many as they could without it, and not one each."""
    evil, other = tenant("evil"), tenant("other")
    for _ in range(3 * LIMIT):
        run(kube, evil)
    wait_for(lambda: len(pods(kube, evil)) >= SHARE, "it has what it may")
    for _ in range(LIMIT):
        run(kube, other)
    wait_for(lambda: len(pods(kube, other)) == SHARE, "the other has its share", timeout=10)
    assert len(pods(kube, evil)) <= LIMIT // 2
