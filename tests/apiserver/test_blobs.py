"""The embedded store by signed URLs."""

import hashlib
import time

import pytest
import requests

from contract_checks import assert_error
from waiting import unique

DATA = b"\x1f\x8bnot really gzip" * 1000
DIGEST = hashlib.sha256(DATA).hexdigest()


def get(client, path, **options):
    return requests.get(client.server.url + path, timeout=10, stream=True, **options)


def test_put_get_delete(client):
    assert_error(get(client, client.blob_path("executions", DIGEST, "GET")), 404, "not_found")
    client.put_blob("executions", DATA)
    client.put_blob("executions", DATA)
    answer = get(client, client.blob_path("executions", DIGEST, "GET", "files.tar.gz"))
    assert answer.raw.read() == DATA
    assert answer.headers["Content-Type"] == "application/gzip" and "Content-Encoding" not in answer.headers
    assert answer.headers["Content-Length"] == str(len(DATA))
    assert answer.headers["Content-Disposition"] == 'attachment; filename="files.tar.gz"'
    head = requests.head(client.server.url + client.blob_path("executions", DIGEST, "GET"), timeout=10)
    assert head.status_code == 200 and head.headers["Content-Length"] == str(len(DATA))
    answer = requests.delete(client.server.url + client.blob_path("executions", DIGEST, "DELETE"), timeout=10)
    assert answer.status_code == 204
    assert_error(get(client, client.blob_path("executions", DIGEST, "GET")), 404, "not_found")


def test_what_is_stored_has_its_digest(client):
    path = client.blob_path("executions", DIGEST, "PUT")
    assert_error(requests.put(client.server.url + path, data=DATA + b"x", timeout=10), 400, "bad_request", "digest")
    assert_error(get(client, client.blob_path("executions", DIGEST, "GET")), 404, "not_found")


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
def test_signatures_count(client, method):
    client.put_blob("executions", DATA)
    good = client.blob_path("executions", DIGEST, method)
    other = client.blob_path("executions", DIGEST, "PUT" if method == "GET" else "GET")
    path, query = good.split("?")
    broken = [path, path + "?", good[:-1] + ("0" if good[-1] != "0" else "1"), path + "?" + other.split("?")[1],
              good.replace("/executions/", "/skills/"), good.replace(client.tenant, "else"), good.replace("expires=", "expires=9"),
              client.blob_path("executions", DIGEST, method, expires=int(time.time()) - 1), path + "/name.txt?" + query,
              path + "?" + query.replace("method=", "methods="), good + "&expires=99999999999", good + f"&method={method}",
              path + "?signature=x&" + query]
    for bad in broken:
        answer = requests.request(method, client.server.url + bad, data=DATA if method == "PUT" else None, timeout=10)
        assert_error(answer, 403, "forbidden")
    assert_error(requests.request(method, client.server.url + path.replace(DIGEST, "xyz") + "?" + query, timeout=10), 404, "not_found")
    assert get(client, client.blob_path("executions", DIGEST, "GET")).raw.read() == DATA


def test_no_key_is_needed_and_none_helps(client):
    client.put_blob("executions", DATA)
    path = client.blob_path("executions", DIGEST, "GET")
    assert get(client, path, headers={"Authorization": "Bearer nonsense", "X-Tenant-ID": "else"}).status_code == 200
    assert_error(client.get(path.split("?")[0]), 403, "forbidden")


def test_the_files_url_of_a_result(client):
    ref = client.put_blob("executions", DATA)
    body = client.run({"skill": client.push()}, files=["a"], filesRef=ref).json()
    answer = get(client, body["files_url"].removeprefix("http://public.example:8080"))
    assert answer.raw.read() == DATA
    fresh = client.get(f"/v1/executions/{body['execution_id']}").json()["files_url"]
    expires = int(fresh.split("expires=")[1].split("&")[0])
    assert 3590 <= expires - time.time() <= 3601


def test_a_long_download(client):
    data = unique("x").encode() * (4 << 20)
    client.put_blob("executions", data)
    answer = get(client, client.blob_path("executions", hashlib.sha256(data).hexdigest(), "GET"))
    assert hashlib.sha256(answer.raw.read()).digest() == hashlib.sha256(data).digest()
