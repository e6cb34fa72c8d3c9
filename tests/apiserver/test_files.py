"""One file of an execution, by its path."""

import concurrent.futures
import gzip
import io
import os
import tarfile

import pytest
import requests

from contract_checks import assert_error

FILES = {"a.txt": b"hello world\n", "big.bin": os.urandom(1 << 20), "empty": b"", "page.html": b"<script>alert(1)</script>",
         "plots/chart one.png": b"\x89PNG", "\u00e9/\u20ac #?%.csv": b"a,b\n"}
ALL = "a.txt", "big.bin", "empty", "page.html", "plots/chart one.png", "\u00e9/\u20ac #?%.csv"


def archive(files):
    out = io.BytesIO()
    with gzip.GzipFile(fileobj=out, mode="wb", mtime=0) as packed, tarfile.open(fileobj=packed, mode="w", format=tarfile.GNU_FORMAT) as tar:
        for name, data in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            tar.addfile(entry, io.BytesIO(data))
    return out.getvalue()


@pytest.fixture(scope="module")
def client(server, make_client):
    return make_client(server)


@pytest.fixture(scope="module")
def url(client):
    """Of the files of an execution that has made some."""
    body = client.run({"skill": client.push()}, files=list(ALL), filesRef=client.put_blob("executions", archive(FILES))).json()
    return f"/v1/executions/{body['execution_id']}/files/"


def quoted(name, safe="/"):
    return requests.utils.quote(name, safe=safe)


@pytest.mark.parametrize("name, content_type, disposition", [
    ("a.txt", "text/plain; charset=utf-8", 'inline; filename="a.txt"'),
    ("big.bin", "application/octet-stream", 'attachment; filename="big.bin"'),
    ("empty", "application/octet-stream", 'attachment; filename="empty"'),
    ("page.html", "text/html; charset=utf-8", 'attachment; filename="page.html"'),
    ("plots/chart one.png", "image/png", "inline; filename=\"chart_one.png\"; filename*=UTF-8''chart%20one.png"),
    ("\u00e9/\u20ac #?%.csv", "text/csv; charset=utf-8", "inline; filename=\"_______.csv\"; filename*=UTF-8''%E2%82%AC%20%23%3F%25.csv"),
])
def test_whole(client, url, name, content_type, disposition):
    for path in (quoted(name), quoted(name, safe="")):  # slashes as they are, and escaped
        answer = client.get(url + path)
        assert (answer.status_code, answer.content) == (200, FILES[name])
        assert answer.headers["Content-Type"] == content_type and answer.headers["Content-Disposition"] == disposition
        assert answer.headers["Content-Length"] == str(len(FILES[name])) and answer.headers["Accept-Ranges"] == "bytes"
        assert answer.headers["X-Content-Type-Options"] == "nosniff" and answer.headers["Cache-Control"] == "no-store"
        assert answer.headers["Content-Security-Policy"] == "default-src 'none'; sandbox"
    head = client.request("HEAD", url + quoted(name))
    same = "Content-Type", "Content-Length", "ETag", "Content-Disposition", "Accept-Ranges"
    assert head.content == b"" and [head.headers[one] for one in same] == [answer.headers[one] for one in same]


@pytest.mark.parametrize("wanted, first, last", [("bytes=0-0", 0, 0), ("bytes=70000-140000", 70000, 140000), ("bytes=1048575-", 1048575, 1048575),
                                                 ("bytes=-5", 1048571, 1048575), ("bytes=1000000-9999999", 1000000, 1048575)])
def test_a_part(client, url, wanted, first, last):
    answer = client.get(url + "big.bin", headers={"Range": wanted})
    assert (answer.status_code, answer.content) == (206, FILES["big.bin"][first:last + 1])
    assert answer.headers["Content-Range"] == f"bytes {first}-{last}/1048576"
    assert answer.headers["Content-Length"] == str(last + 1 - first)


@pytest.mark.parametrize("wanted", ["bytes=0-1,5-6", "lines=1-2", "bytes=x", ""])
def test_what_is_no_range_is_of_no_effect(client, url, wanted):
    answer = client.get(url + "a.txt", headers={"Range": wanted})
    assert (answer.status_code, answer.content) == (200, FILES["a.txt"]) and "Content-Range" not in answer.headers


@pytest.mark.parametrize("name, wanted", [("a.txt", "bytes=12-"), ("a.txt", "bytes=99-100"), ("empty", "bytes=0-"), ("a.txt", "bytes=-0")])
def test_a_part_behind_the_end(client, url, name, wanted):
    answer = client.get(url + name, headers={"Range": wanted})
    assert_error(answer, 416, "range_not_satisfiable")
    assert answer.headers["Content-Range"] == f"bytes */{len(FILES[name])}"


def test_what_the_client_has_already(client, url):
    tag = client.get(url + "a.txt").headers["ETag"]
    for wanted in (tag, f'"x", W/{tag}', "*"):
        answer = client.get(url + "a.txt", headers={"If-None-Match": wanted})
        assert (answer.status_code, answer.content, answer.headers["ETag"]) == (304, b"", tag)
    assert client.get(url + "a.txt", headers={"If-None-Match": '"other"'}).status_code == 200
    ranged = {"Range": "bytes=0-1"}
    assert client.get(url + "a.txt", headers={**ranged, "If-Range": tag}).status_code == 206
    assert client.get(url + "a.txt", headers={**ranged, "If-Range": '"other"'}).content == FILES["a.txt"]


@pytest.mark.parametrize("name", ["b.txt", "A.txt", "plots", "plots/", "%2e%2e/a.txt", "..%2fa.txt", "%2fetc%2fpasswd", "a.txt%2f", "a.txt%ff", "/a.txt"])
def test_any_other_name_is_404(client, url, name):
    message = assert_error(client.get(url + name), 404, "not_found")
    assert "has no file" in message or "no such path" in message


@pytest.mark.parametrize("name", ["a.txt%00", "a.txt%zz", "", "x" * 5000])
def test_what_is_no_name_is_404(client, url, name):
    assert_error(client.get(url + name), 404, "not_found")


def test_nothing_of_another_tenant(server, url, make_client):
    assert assert_error(make_client(server).get(url + "a.txt"), 404, "not_found").startswith("execution not found")


def test_an_execution_without_files(client):
    body = client.run({"skill": client.push()}).json()
    assert "has no file" in assert_error(client.get(f"/v1/executions/{body['execution_id']}/files/a.txt"), 404, "not_found")
    assert_error(client.get("/v1/executions/none/files/a.txt"), 404, "not_found")


def test_an_archive_that_is_gone_or_damaged(client):
    """It is our fault, and no word of libarchive's comes out."""
    for data in (None, b"no archive"):
        ref = client.put_blob("executions", data) if data else {"digest": "sha256:" + "0" * 64, "size": 3}
        body = client.run({"skill": client.push()}, files=["a.txt"], filesRef=ref).json()
        answer = client.get(f"/v1/executions/{body['execution_id']}/files/a.txt")
        assert assert_error(answer, 500, "internal_error").startswith("the file could not be read from storage;")


def test_many_at_once(client, url):
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda name: client.get(url + quoted(name)), [*ALL] * 4))
    assert [answer.content for answer in answers] == [FILES[name] for name in [*ALL] * 4]
