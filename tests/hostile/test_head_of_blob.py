"""HEADs on a link of a large file, for which nobody needs a key: each read and hashed all of it. A digest is computed once, when the
file is written; the server's own time says how much work it had."""

import requests

from metrics_text import metric_of

SIZE = 48 << 20
HEADS = 40


def cpu_seconds(server):
    return metric_of(server, "process_cpu_seconds_total")


def test_a_head_costs_nothing(server, client):
    data = bytes(range(256)) * (SIZE // 256)
    digest = client.put_blob("executions", data)["digest"].removeprefix("sha256:")
    url = server.url + client.blob_path("executions", digest, "GET", "files.tar.gz")
    with requests.Session() as session:
        before = cpu_seconds(server)
        for _ in range(HEADS):
            answer = session.head(url, timeout=30)
            assert (answer.status_code, answer.headers["Content-Length"]) == (200, str(SIZE))
        used = cpu_seconds(server) - before
    # 40 times 48 MiB take a second and more to be read and hashed.
    assert used < 0.5, used
    assert requests.get(url, timeout=30).content == data
