"""Tenants for tests: a namespace with all that the chart gives one, and keys."""

import contextlib
import subprocess

from skillbox_client import Client, Kubectl, ROOT, component_pods
from waiting import unique, wait_for

CHART = ROOT / "charts" / "skillbox"


def make_namespace(kubectl, name, values=()):
    """A tenant of that name in a namespace of that name, by the templates that the release uses; values: more --set for these."""
    home = component_pods(kubectl, "apiserver")[0]["metadata"]
    values = [f"tenants[0].name={name}", f"tenants[0].namespace={name}", *values]
    objects = subprocess.run(
        ["helm", "template", home["labels"]["app.kubernetes.io/instance"], CHART, "--namespace", home["namespace"],
         "--show-only", "templates/tenants.yaml", "--show-only", "templates/quotas.yaml", *(f"--set={value}" for value in values)],
        check=True, capture_output=True, text=True, env=kubectl.environment, timeout=60).stdout
    Kubectl(kubectl.environment).run("create", "-f", "-", stdin=objects)


def make_key(kubectl, base_url, tenant, scopes):
    """As an administrator makes one, from a shell; a Client with that key."""
    pod = component_pods(kubectl, "apiserver")[0]["metadata"]
    output = Kubectl(kubectl.environment).text(
        "exec", "-n", pod["namespace"], pod["name"], "--", "skillbox-apiserver", "key", "create", "--name", unique("tests"),
        "--tenant", tenant, "--scopes", scopes)
    client = Client(base_url, output.strip().splitlines()[-1].strip())

    def is_known():
        answer = client.request("GET", "/v1/nothing")
        return answer.status_code != 401 and "has no namespace" not in answer.text

    wait_for(is_known, "the new key and its tenant are known")
    return client


@contextlib.contextmanager
def new_tenant(kubectl, base_url, prefix, scopes, values=()):
    """A client of a tenant that nobody else has; .tenant is its name, and that of its namespace."""
    name = unique(prefix)
    make_namespace(kubectl, name, values)
    try:
        client = make_key(kubectl, base_url, name, scopes)
        client.tenant = name
        yield client
    finally:
        kubectl.run("delete", "namespace", name, "--wait=false")
