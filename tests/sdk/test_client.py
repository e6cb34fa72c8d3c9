"""What vectors can't say: arguments, proxies, TLS, threads, event loops, archives and folders of every kind."""

import asyncio
import contextlib
import gzip
import hashlib
import inspect
import io
import json
import multiprocessing
import os
import pathlib
import pickle
import random
import socket
import ssl
import stat
import subprocess
import tarfile
import threading
import time
import zipfile

import pytest

import skillbox
from skillbox import APIError, ArchiveError, AsyncClient, Client, RunResult, SkillFailed
from vector_runner import files_below
from vector_server import KEY, VectorServer, load_vectors

RUN = load_vectors()["executions: run with nothing but the skill"]
SKILLS = {"request": {"method": "GET", "path": "/v1/skills"}, "answer": {"status": 200, "json": []}}


@pytest.fixture
def server():
    with VectorServer() as server:
        yield server


@pytest.fixture(autouse=True)
def environment(monkeypatch):
    for name in ("SKILLBOX_SERVER_URL", "SKILLBOX_API_KEY", "http_proxy", "https_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY",
                 "NO_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(skillbox, "_BACKOFF_SECONDS", 0.01)


def ask(server, client, *exchanges):
    """list_skills against these exchanges."""
    server.play({"exchanges": list(exchanges or [SKILLS])})
    try:
        return client.list_skills()
    finally:
        assert server.verdict() == ""


# ---- how a client is made


def test_server_and_key_from_the_environment(server, monkeypatch):
    monkeypatch.setenv("SKILLBOX_SERVER_URL", server.url + "/")
    monkeypatch.setenv("SKILLBOX_API_KEY", f" {KEY}\n")
    assert ask(server, Client()) == []
    monkeypatch.setenv("SKILLBOX_API_KEY", "sk-other")
    assert ask(server, Client(server.url, KEY)) == []


def test_the_default_server():
    assert repr(Client()) == "Client('http://localhost:8080')" and repr(AsyncClient()) == "AsyncClient('http://localhost:8080')"


def test_a_client_like_another(server):
    """Of the other kind, with the same server, key, tenant, retries and TLS."""
    context = ssl.create_default_context()
    client = Client(server.url + "/below", KEY, tenant_id="t", timeout=5, max_retries=0, ssl_context=context)
    both = AsyncClient.like(client), Client.like(AsyncClient.like(client))
    assert [type(one) for one in both] == [AsyncClient, Client] and both[1]._transport is not client._transport
    exchange = {**SKILLS, "request": {"method": "GET", "path": "/below/v1/skills", "headers": {"X-Tenant-ID": "t"}}}
    failed = {**exchange, "answer": {"status": 503, "json": {"error": "unavailable", "message": "m", "request_id": "r"}}}
    for other in both:
        assert other._transport.context is context
        server.play({"exchanges": [exchange, failed]})
        call = (lambda: asyncio.run(other.list_skills())) if isinstance(other, AsyncClient) else other.list_skills
        assert call() == []
        with pytest.raises(skillbox.ServerError):
            call()
        assert server.verdict() == ""


def test_a_server_below_a_path(server):
    exchange = {**SKILLS, "request": {"method": "GET", "path": "/skillbox/v1/skills"}}
    assert ask(server, Client(server.url + "/skillbox/", KEY), exchange) == []


@pytest.mark.parametrize("url, words", [
    ("localhost:8080", "http://"), ("ftp://x", "http://"), ("http://", "a host"), ("http://x:99999", "not a URL"),
    ("http://u:secret@x", "api_key"), ("http://x?y=1", "query"), ("http://x/#y", "fragment"), ("http://x/a b", "blank"),
    ("http://[::1", "not a URL"), ("http://x/\u00e9", "ASCII")])
def test_a_wrong_url_says_why(url, words):
    with pytest.raises(ValueError, match="base_url") as caught:
        Client(url)
    assert words in str(caught.value) and "secret" not in str(caught.value)


@pytest.mark.parametrize("options", [{"api_key": "sk-a\r\nX: y"}, {"api_key": "sk-\u00e9"}, {"tenant_id": "a b"}, {"timeout": 0},
                                     {"timeout": -1}, {"timeout": "5"}, {"timeout": float("nan")}, {"max_retries": -1},
                                     {"max_retries": 1.5}, {"timeout": True}])
def test_wrong_options_say_which(options):
    with pytest.raises(ValueError) as caught:
        Client("http://x", **options)
    name, value = next(iter(options.items()))
    assert name in str(caught.value)
    assert not (name == "api_key" and value in str(caught.value)), "a key is never shown"


def test_a_key_is_never_shown(server):
    client = Client(server.url, KEY)
    server.play({"exchanges": []})
    with pytest.raises(APIError) as caught:
        client.list_skills()
    assert KEY not in repr(client) + str(client) + repr(caught.value) + str(caught.value)


@pytest.mark.parametrize("call", [
    lambda c: c.run(""), lambda c: c.run(None), lambda c: c.run("x", input={1, 2}), lambda c: c.run("x", input=float("nan")),
    lambda c: c.run("x", input=skillbox.RawJSON("{")), lambda c: c.run("x", timeout=0), lambda c: c.run("x", idempotency_key="a b"),
    lambda c: c.run("x", idempotency_key="k" * 129), lambda c: c.get_execution(""), lambda c: c.get_execution(".."),
    lambda c: c.get_execution(None), lambda c: c.get_skill("."), lambda c: c.delete_skill("x", ""), lambda c: c.cancel(".."),
    lambda c: c.run("x", run_timeout=-1), lambda c: list(c.iter_logs("")), lambda c: c.register_skill("/does/not/exist")])
def test_wrong_arguments_are_told_before_anything_is_sent(server, call):
    server.play({"exchanges": []})
    with pytest.raises((ValueError, TypeError, FileNotFoundError)) as caught:
        call(Client(server.url, KEY))
    assert str(caught.value) and server.connections == 0


# ---- errors


def test_errors_can_be_copied_and_pickled():
    error = skillbox.RateLimitError(429, "no_capacity", "later", request_id="r", retry_after=2.5)
    copy = pickle.loads(pickle.dumps(error))
    assert type(copy) is skillbox.RateLimitError and vars(copy) == vars(error) and str(copy) == str(error)
    assert str(error) == "later (429 no_capacity, request r)"
    assert APIError(404, "not_found", "none").message == "none", "positional, as the contract has it"
    failed = pickle.loads(pickle.dumps(SkillFailed(RunResult("id", "failed"))))
    assert failed.result == RunResult("id", "failed")


def test_raise_for_status():
    for status in ("success", "pending", "running"):
        result = RunResult("id", status)
        assert result.raise_for_status() is result
    for status in ("failed", "timeout", "cancelled"):
        with pytest.raises(SkillFailed) as caught:
            RunResult("id", status, error="why", error_code="exit_nonzero").raise_for_status()
        assert caught.value.result.status == status and str(caught.value) == "execution id: why (exit_nonzero)"


def test_an_error_of_a_run_has_the_key_to_ask_again_with(server):
    refusal = {**RUN["exchanges"][0], "answer": {"status": 500, "json": {"error": "internal_error", "message": "m", "request_id": "r"}}}
    server.play({"exchanges": [refusal]})
    with pytest.raises(skillbox.ServerError) as caught:
        Client(server.url, KEY).run("greet", idempotency_key="mine")
    assert caught.value.idempotency_key == "mine"


def test_one_key_for_all_attempts_and_another_for_the_next_call(server):
    seen = []
    compare = server.compare
    server.compare = lambda request, exchange: seen.append(request["headers"]["idempotency-key"]) or compare(request, exchange)
    cut = {**RUN["exchanges"][0], "answer": {**RUN["exchanges"][0]["answer"], "fault": {"cut_at": 0}}}
    server.play({"exchanges": [cut, cut, RUN["exchanges"][0], RUN["exchanges"][0]]})
    client = Client(server.url, KEY)
    client.run("greet")
    client.run("greet")
    assert len(seen) == 4 and seen[0] == seen[1] == seen[2] != seen[3] and all(len(key) >= 32 for key in seen)


def test_a_proxy_that_cuts_silent_calls(server, monkeypatch):
    """Each attempt would end like the first one; so what was begun is asked about instead."""
    monkeypatch.setattr(skillbox, "_LONG_SECONDS", 0.1)
    post, record = RUN["exchanges"][0], load_vectors()["executions: wait asks until it has ended"]["exchanges"]
    for fault in ({"answer": {**post["answer"], "fault": {"delay": 0.2, "cut_at": 0}}},
                  {"answer": {"status": 504, "text": "Gateway Time-out", "fault": {"delay": 0.2}}}):
        patient = {"request": {**post["request"], "headers": {**post["request"]["headers"], "Prefer": "respond-async"}},
                   "answer": load_vectors()["executions: submit"]["exchanges"][0]["answer"]}
        server.play({"exchanges": [{**post, **fault}, patient, *record]})
        assert Client(server.url, KEY).run("greet").output == {"ok": True}
        assert server.verdict() == "" and server.bodies[0] == server.bodies[1]


def test_nobody_is_there():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        client = Client(f"http://127.0.0.1:{taken.getsockname()[1]}", max_retries=1)
        with pytest.raises(skillbox.APIConnectionError, match="refused") as caught:
            client.health()
    assert not isinstance(caught.value, skillbox.APITimeoutError) and isinstance(caught.value.__cause__, ConnectionRefusedError)


def test_retry_after_is_a_number_or_a_date():
    assert skillbox._retry_after("3") == 3 and skillbox._retry_after(" 0.5 ") == 0.5
    assert skillbox._retry_after(None) is None and skillbox._retry_after("soon") is None and skillbox._retry_after("-1") is None
    date = time.strftime("%a, %d %b %Y %H:%M:%S GMT", time.gmtime(time.time() + 20))
    assert 15 < skillbox._retry_after(date) <= 20
    assert skillbox._retry_after("Mon, 01 Jan 2001 00:00:00 GMT") == 0


def test_pauses_grow_and_are_bounded():
    core = Client("http://x", max_retries=20)._core
    lost = skillbox.APIConnectionError("x")
    for failures in range(12):
        full = min(8, skillbox._BACKOFF_SECONDS * 2 ** failures)
        assert full / 2 <= core.pause(lost, failures, None) <= full
    assert core.pause(lost, 20, None) is None
    assert core.pause(lost, 3, time.monotonic() + 0.001) is None, "it would be too late"
    later = skillbox.RateLimitError(429, "x", "x", retry_after=3600)
    assert core.pause(later, 0, None) is None, "nobody waits for an hour without having said so"
    assert 3600 <= core.pause(later, 0, time.monotonic() + 9000) <= 3960


def test_a_server_that_drips_does_not_outlast_the_timeout():
    """Each byte comes in time, the answer doesn't."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        over = threading.Event()

        def drip():
            with contextlib.suppress(OSError):
                connection, _ = listener.accept()
                connection.recv(65536)
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
                while not over.wait(0.05):
                    connection.sendall(b"x")

        thread = threading.Thread(target=drip)
        thread.start()
        began = time.monotonic()
        with pytest.raises(skillbox.APITimeoutError):
            Client(f"http://127.0.0.1:{listener.getsockname()[1]}", timeout=0.4).list_skills()
        assert time.monotonic() - began < 2
        over.set()
        thread.join()


# ---- numbers


def test_numbers_of_any_length(server):
    text = '{"execution_id":"x","status":"success","output": {"n": ' + "9" * 5000 + ', "f":0.10} ,"error":null}'
    server.play({"exchanges": [{**RUN["exchanges"][0], "answer": {"status": 200, "text": text}}]})
    result = Client(server.url, KEY).run("greet")
    assert str(result.output["n"]) == "9" * 5000, "more digits than Python converts to an int"
    assert result.output_text == '{"n": ' + "9" * 5000 + ', "f":0.10}'


def test_pieces_of_json_text():
    rng = random.Random(3)

    def blank():
        return "".join(rng.choice(" \t\r\n") for _ in range(rng.randrange(3)))

    def value(depth):
        kind = rng.randrange(8 if depth else 5)
        if kind < 5:
            return rng.choice(["1.50", "-0", "true", "null", '"a\\"}],{\\\\"', '"\u00e9\\u0000"', "1e400", "12345678901234567890123"])
        items = [value(depth - 1) for _ in range(rng.randrange(4))]
        if kind == 5:
            return "[" + ",".join(blank() + item + blank() for item in items) + blank() + "]"
        return "{" + ",".join(f'{blank()}"k{i}"{blank()}:{blank()}{item}{blank()}' for i, item in enumerate(items)) + blank() + "}"

    for _ in range(500):
        items = [value(3) for _ in range(rng.randrange(5))]
        for text, keys in (("[" + ",".join(blank() + item + blank() for item in items) + blank() + "]", [""] * len(items)),
                           (blank() + "{" + ",".join(f'{blank()}"k\\u0041{i}"{blank()}:{blank()}{item}{blank()}'
                                                     for i, item in enumerate(items)) + blank() + "}" + blank(),
                            [f"kA{i}" for i in range(len(items))])):
            json.loads(text)
            assert list(skillbox._pieces(text)) == list(zip(keys, items))


def test_strings_of_any_kind(server):
    """Lone surrogates, which Python's strings may have, too."""
    server.play({"exchanges": [RUN["exchanges"][0]]})
    with pytest.raises(APIError, match="the body is"):
        Client(server.url, KEY).run("greet", input="\u00e9\U0001f600\x00\n")
    assert json.loads(server.bodies[0])["input"] == "\u00e9\U0001f600\x00\n"
    server.play({"exchanges": [RUN["exchanges"][0]]})
    with pytest.raises(APIError, match="the body is"):
        Client(server.url, KEY).run("greet", input="\ud800")
    assert server.bodies[0].decode() == '{"skill":"greet","input":"\\ud800"}'


# ---- connections


def test_many_threads_share_a_client(server):
    server.play({"exchanges": [SKILLS] * 400})
    client, problems = Client(server.url, KEY), []

    def work():
        try:
            for _ in range(25):
                assert client.list_skills() == []
        except BaseException as problem:
            problems.append(problem)

    threads = [threading.Thread(target=work) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert problems == [] and server.verdict() == ""
    assert len(client._transport.pool.idle) <= skillbox._IDLE_CONNECTIONS
    client.close()
    assert client._transport.pool.idle == []


def test_many_tasks_share_a_client(server):
    server.play({"exchanges": [SKILLS] * 200})

    async def main():
        async with AsyncClient(server.url, KEY) as client:
            assert await asyncio.gather(*(client.list_skills() for _ in range(100))) == [[]] * 100
            assert await asyncio.gather(*(client.list_skills() for _ in range(100))) == [[]] * 100
    asyncio.run(main())
    assert server.verdict() == "" and server.connections <= 200


def test_one_async_client_in_two_event_loops(server):
    server.play({"exchanges": [SKILLS] * 2})
    client = AsyncClient(server.url, KEY)
    for _ in range(2):
        assert asyncio.run(client.list_skills()) == []
    assert server.connections == 2
    asyncio.run(client.close())


def in_a_child(client, pipe):
    pipe.send((client.list_skills(), len(client._transport.pool.idle)))


def test_a_client_that_is_forked(server):
    """The child must not speak on its parent's connection."""
    server.play({"exchanges": [SKILLS] * 3})
    client = Client(server.url, KEY)
    client.list_skills()
    context = multiprocessing.get_context("fork")
    ours, theirs = context.Pipe()
    child = context.Process(target=in_a_child, args=(client, theirs))
    child.start()
    assert ours.recv() == ([], 1)
    child.join()
    assert client.list_skills() == [] and server.connections == 2


def test_a_cancelled_task_leaves_no_connection(server):
    slow = {**SKILLS, "answer": {"status": 200, "json": [], "fault": {"delay": 5}}}
    server.play({"exchanges": [slow, SKILLS]})

    async def main():
        async with AsyncClient(server.url, KEY) as client:
            task = asyncio.ensure_future(client.list_skills())
            while len(server.exchanges) == 2:
                await asyncio.sleep(0.01)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert client._transport.pool.idle == []
            assert await client.list_skills() == []
    asyncio.run(main())


@pytest.mark.parametrize("kind", ["sync", "async"])
def test_a_log_that_is_left_early_closes_its_connection(server, kind):
    text = "data: one\n\ndata: two\n\n"
    server.play({"exchanges": [{"request": {"method": "GET", "path": "/v1/executions/x/logs?follow=true"},
                                "answer": {"status": 200, "text": text, "headers": {"Content-Type": "text/event-stream"}}}]})

    async def main():
        async with AsyncClient(server.url, KEY) as client:
            lines = client.iter_logs("x")
            async for line in lines:
                assert line == "one"
                break
            await lines.aclose()
            return client._transport.pool.idle
    if kind == "async":
        assert asyncio.run(main()) == []
        return
    client = Client(server.url, KEY)
    lines = client.iter_logs("x")
    assert next(lines) == "one"
    lines.close()
    assert client._transport.pool.idle == []


def test_what_on_log_raises_reaches_the_caller(server):
    log = load_vectors()["logs: run with on_log"]
    for kind in ("sync", "async"):
        server.play({"exchanges": log["exchanges"][:2]})
        with pytest.raises(ZeroDivisionError):
            if kind == "sync":
                Client(server.url, KEY).run("greet", on_log=lambda line: 1 / 0)
            else:
                asyncio.run(AsyncClient(server.url, KEY).run("greet", on_log=lambda line: 1 / 0))


def test_on_log_may_be_a_coroutine_function(server):
    log, lines = load_vectors()["logs: run with on_log"], []
    server.play(log)

    async def on_log(line):
        await asyncio.sleep(0)
        lines.append(line)

    async def main():
        async with AsyncClient(server.url, KEY) as client:
            return await client.run("greet", on_log=on_log)
    assert asyncio.run(main()).status == "success" and lines == ["one", "two"]


# ---- TLS and proxies


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tls")
    key, cert = folder / "key", folder / "cert"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", key,
                    "-out", cert, "-days", "2", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"],
                   check=True, capture_output=True)
    return key, cert


@pytest.fixture
def tls_server(certificate):
    with VectorServer() as server:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate[1], certificate[0])
        server.server.socket = context.wrap_socket(server.server.socket, server_side=True)
        server.url = server.url.replace("http://127.0.0.1", "https://localhost")
        yield server


def both(url, **options):
    """list_skills by both clients."""
    async def main():
        async with AsyncClient(url, KEY, **options) as client:
            return await client.list_skills()
    with Client(url, KEY, **options) as client:
        return client.list_skills(), asyncio.run(main())


def test_tls_is_checked(tls_server, certificate, monkeypatch):
    tls_server.play({"exchanges": [SKILLS] * 4})
    for kind in ("sync", "async"):
        with pytest.raises(skillbox.APIConnectionError, match="CERTIFICATE_VERIFY_FAILED"):
            if kind == "sync":
                Client(tls_server.url, KEY).list_skills()
            else:
                asyncio.run(AsyncClient(tls_server.url, KEY).list_skills())
    assert len(tls_server.bodies) == 0
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate[1]))
    assert both(tls_server.url) == ([], [])
    monkeypatch.delenv("SSL_CERT_FILE")
    assert both(tls_server.url, ssl_context=ssl.create_default_context(cafile=str(certificate[1]))) == ([], [])
    assert tls_server.verdict() == ""


class Proxy:
    """An HTTP proxy; asked: the first line and the headers of each request."""

    def __init__(self, refuse=False):
        self.listener, self.asked, self.refuse = socket.create_server(("127.0.0.1", 0)), [], refuse
        self.url = f"http://user:p%40ss@127.0.0.1:{self.listener.getsockname()[1]}"
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        with contextlib.suppress(OSError):
            while True:
                threading.Thread(target=self.serve, args=(self.listener.accept()[0],), daemon=True).start()

    def serve(self, client):
        head = b""
        while b"\r\n\r\n" not in head:
            head += client.recv(65536)
        self.asked.append(head.decode())
        first = head.split(b" ")
        if self.refuse:
            client.sendall(b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n")
            return client.close()
        place = first[1] if first[0] == b"CONNECT" else first[1].split(b"/")[2]
        host, port = place.decode().rsplit(":", 1)
        server = socket.create_connection((host, int(port)))
        if first[0] == b"CONNECT":
            client.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
        else:
            server.sendall(head.replace(b"http://" + place, b"", 1))
        threading.Thread(target=self.pump, args=(server, client), daemon=True).start()
        self.pump(client, server)

    @staticmethod
    def pump(source, target):
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                target.sendall(data)
            target.shutdown(socket.SHUT_WR)


@pytest.fixture
def proxy():
    proxy = Proxy()
    yield proxy
    proxy.listener.close()


AUTHORIZATION = "Proxy-Authorization: Basic dXNlcjpwQHNz"


def test_a_proxy_for_http(server, proxy, monkeypatch):
    monkeypatch.setenv("http_proxy", proxy.url)
    server.play({"exchanges": [SKILLS] * 2})
    assert both(server.url) == ([], []) and server.verdict() == ""
    assert len(proxy.asked) == 2
    for head in proxy.asked:
        assert head.startswith(f"GET {server.url}/v1/skills HTTP/1.1\r\n") and AUTHORIZATION in head and f"Host: {server.url[7:]}" in head
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    server.play({"exchanges": [SKILLS] * 2})
    assert both(server.url) == ([], []) and len(proxy.asked) == 2


def test_a_proxy_for_https(tls_server, proxy, certificate, monkeypatch):
    monkeypatch.setenv("https_proxy", proxy.url)
    tls_server.play({"exchanges": [SKILLS] * 2})
    context = ssl.create_default_context(cafile=str(certificate[1]))
    assert both(tls_server.url, ssl_context=context) == ([], []) and tls_server.verdict() == ""
    assert len(proxy.asked) == 2
    for head in proxy.asked:
        assert head.startswith(f"CONNECT {tls_server.url[8:]} HTTP/1.") and AUTHORIZATION in head and KEY not in head


def test_a_proxy_that_refuses(monkeypatch):
    refusing = Proxy(refuse=True)
    monkeypatch.setenv("https_proxy", refusing.url)
    for kind in ("sync", "async"):
        with pytest.raises(skillbox.APIConnectionError, match="407"):
            if kind == "sync":
                Client("https://nowhere.example", KEY, max_retries=0).list_skills()
            else:
                asyncio.run(AsyncClient("https://nowhere.example", KEY, max_retries=0).list_skills())
    refusing.listener.close()


# ---- a folder becomes a zip


def make_skill(folder):
    files = {"SKILL.md": "---\nname: x\n---\n", "main.sh": "true\n", "lib/a.txt": "a", "lib/B.txt": "b", ".git/config": "g",
             "lib/__pycache__/x.pyc": "p", ".DS_Store": "d", "lib/._x": "m", ".hidden": "h", "__MACOSX/x": "m"}
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    (folder / "main.sh").chmod(0o700)
    return folder


def packed(path):
    with skillbox._pack(path) as file:
        file.seek(0)
        return file.read()


def test_a_folder_is_packed_the_same_each_time(tmp_path):
    one, two = make_skill(tmp_path / "one"), make_skill(tmp_path / "two")
    os.utime(two / "main.sh", (1, 1))
    assert packed(one) == packed(two) == packed(str(one))
    with zipfile.ZipFile(io.BytesIO(packed(one))) as archive:
        assert archive.namelist() == [".hidden", "SKILL.md", "lib/B.txt", "lib/a.txt", "main.sh"]
        modes = {info.filename: stat.S_IMODE(info.external_attr >> 16) for info in archive.infolist()}
        assert modes["main.sh"] == 0o755 and modes["lib/a.txt"] == 0o644 and archive.read("lib/a.txt") == b"a"


def test_what_is_no_skill_is_told(tmp_path, monkeypatch):
    (tmp_path / "empty").mkdir()
    with pytest.raises(FileNotFoundError, match="SKILL.md"):
        packed(tmp_path / "empty")
    skill = make_skill(tmp_path / "skill")
    (skill / "link").symlink_to("/etc/passwd")
    with pytest.raises(ValueError, match="link is a symbolic link"):
        packed(skill)
    (skill / "link").unlink()
    os.mkfifo(skill / "pipe")
    with pytest.raises(ValueError, match="pipe is no regular file"):
        packed(skill)
    (skill / "pipe").unlink()
    monkeypatch.setattr(skillbox, "_PACK_FILES", 3)
    with pytest.raises(ValueError, match="3 files"):
        packed(skill)
    monkeypatch.setattr(skillbox, "_PACK_FILES", 30)
    monkeypatch.setattr(skillbox, "_PACK_BYTES", 10)
    with pytest.raises(ValueError, match="10 bytes"):
        packed(skill)


def test_a_zip_is_sent_as_it_is(server, tmp_path):
    data = os.urandom(300_000)
    (tmp_path / "x.zip").write_bytes(data)
    server.play({"exchanges": [{"request": {"method": "POST", "path": "/v1/skills"}, "answer": {"status": 201, "json": {
        "name": "x", "version": "1"}}}] * 2})
    assert Client(server.url, KEY).register_skill(tmp_path / "x.zip").name == "x"
    assert asyncio.run(AsyncClient(server.url, KEY).register_skill(str(tmp_path / "x.zip"))).name == "x"
    assert [hashlib.sha256(body).digest() for body in server.bodies] == [hashlib.sha256(data).digest()] * 2


@pytest.mark.parametrize("kind", ["sync", "async"])
def test_a_refusal_in_the_middle_of_an_upload(tmp_path, kind):
    """The server answers before it has read the body, and reads no more."""
    (tmp_path / "x.zip").write_bytes(bytes(30_000_000))
    text = b'{"error":"too_large","message":"at most 50 MiB","request_id":"r"}'
    with socket.create_server(("127.0.0.1", 0)) as listener:
        def refuse():
            connection, _ = listener.accept()
            connection.recv(1000)
            connection.sendall(b"HTTP/1.1 413 X\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%s" % (len(text), text))
            connection.shutdown(socket.SHUT_WR)
            while connection.recv(1 << 20):
                pass
            connection.close()

        thread = threading.Thread(target=refuse)
        thread.start()
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        with pytest.raises(skillbox.InvalidInputError, match="at most 50 MiB"):
            if kind == "sync":
                Client(url, KEY, max_retries=0).register_skill(tmp_path / "x.zip")
            else:
                asyncio.run(AsyncClient(url, KEY, max_retries=0).register_skill(tmp_path / "x.zip"))
        thread.join()


# ---- an archive becomes files


def unpack(data, folder, max_size=1 << 20, max_files=100):
    return skillbox._unpack(io.BytesIO(data), folder, max_size, max_files)


def tar_of(files, kind=tarfile.GNU_FORMAT, **fields):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz", format=kind) as archive:
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            for field, value in fields.items():
                setattr(info, field, value)
            archive.addfile(info, io.BytesIO(data))
    return out.getvalue()


@pytest.mark.parametrize("kind", [tarfile.GNU_FORMAT, tarfile.PAX_FORMAT, tarfile.USTAR_FORMAT])
def test_every_form_of_tar(tmp_path, kind):
    files = {"a": b"", "b" * 90 + "/" + "c" * 90: b"x" * 511, "d/\u00e9/e": b"y" * 512, "f": b"z" * 100_000}
    paths = unpack(tar_of(files, kind, mtime=1_700_000_000.5 if kind == tarfile.PAX_FORMAT else 1_700_000_000, mode=0o751), tmp_path)
    assert paths == [tmp_path / name for name in sorted(files)]
    assert {path.relative_to(tmp_path).as_posix(): path.read_bytes() for path in paths} == files
    assert all(int(path.stat().st_mtime) == 1_700_000_000 and path.stat().st_mode & 0o100 for path in paths)
    assert not any(path.name.startswith(".skillbox-") for path in tmp_path.iterdir())


def test_no_byte_that_is_changed_goes_unnoticed(tmp_path):
    """Damage anywhere is an error, and leaves nothing."""
    data = tar_of({"a.txt": b"hello" * 100, "sub/b.txt": b"there"})
    plain = gzip.decompress(data)
    rng = random.Random(5)
    for number in range(300):
        broken = bytearray(data)
        if number % 3 == 0:
            broken = broken[:rng.randrange(len(broken))]
        elif number % 3 == 1:
            broken[rng.randrange(10, len(broken))] ^= 1 << rng.randrange(8)
        else:  # what a checksum doesn't see, since it was made after
            changed = bytearray(plain)
            changed[rng.randrange(512)] = rng.randrange(256)
            broken = bytearray(gzip.compress(bytes(changed))) if bytes(changed) != plain else broken[:-1]
        folder = tmp_path / str(number)
        try:
            unpack(bytes(broken), folder)
        except ArchiveError:
            assert files_below(folder) == {} and list(folder.iterdir()) == []
        else:
            assert number % 3 == 2 and set(files_below(folder)) >= {"sub/b.txt"}, "only a checksum's blank may be another"


def test_bounds(tmp_path):
    files = {f"f{i}": b"x" * 100 for i in range(10)}
    assert len(unpack(tar_of(files), tmp_path / "a", 1000, 10)) == 10
    for limits, words in (((999, 10), "max_size"), ((1000, 9), "max_files")):
        with pytest.raises(ArchiveError, match=words):
            unpack(tar_of(files), tmp_path / "b", *limits)
    bomb = gzip.compress(gzip.decompress(tar_of({"a": b"x"})) + bytes(64 << 20), 9)
    with pytest.raises(ArchiveError, match="goes on"):
        unpack(bomb, tmp_path / "b")
    big = tarfile.TarInfo("big")
    for size, kind, words in ((1 << 50, tarfile.REGTYPE, "max_size"), (1 << 20, tarfile.GNUTYPE_LONGNAME, "too long"),
                              (1 << 20, tarfile.XHDTYPE, "too long")):
        big.size, big.type = size, kind
        for form in (tarfile.GNU_FORMAT, tarfile.PAX_FORMAT):
            with pytest.raises(ArchiveError, match=words):
                unpack(gzip.compress(big.tobuf(form)), tmp_path / "b")
    assert files_below(tmp_path / "b") == {}


def test_many_folders_are_bounded_too(tmp_path):
    info = tarfile.TarInfo("d")
    info.type = tarfile.DIRTYPE
    with pytest.raises(ArchiveError, match="max_files"):
        unpack(gzip.compress(info.tobuf() * 500 + bytes(1024)), tmp_path, 1000, 100)


@pytest.mark.parametrize("name", ["../x", "a/../../x", "/x", "//x", "a\\b", "..", ".", "", "a//b", "a/", "a\nb", "\x7f", "C:\\x"])
def test_names_that_are_refused(tmp_path, name):
    with pytest.raises(ArchiveError):
        unpack(tar_of({"good": b"x", name: b"x"}), tmp_path / "out")
    assert files_below(tmp_path) == {}


def test_names_of_the_extended_header_are_looked_at(tmp_path):
    """The header's own name is fine, the one that counts is not."""
    for headers in ({"path": "../x"}, {"path": "/x"}, {"GNU.sparse.major": "1"}, {"size": "-1"}, {"size": "9" * 18}):
        with pytest.raises(ArchiveError):
            unpack(tar_of({"good": b"x"}, tarfile.PAX_FORMAT, pax_headers=headers), tmp_path / "out")
    assert files_below(tmp_path) == {}


def test_what_is_in_the_folder_already(tmp_path):
    data, outside = tar_of({"a": b"new", "sub/b": b"new"}), tmp_path / "outside"
    outside.mkdir()

    def folder(name):
        (tmp_path / name).mkdir()
        return tmp_path / name

    old = folder("old")
    (old / "a").write_text("old")
    (old / "kept").write_text("kept")
    unpack(data, old)
    assert files_below(old) == {"a": "new", "sub/b": "new", "kept": "kept"}
    linked = folder("linked")
    (linked / "sub").symlink_to(outside)
    with pytest.raises(ArchiveError, match="symbolic link"):
        unpack(data, linked)
    assert list(outside.iterdir()) == [] and not (linked / "a").exists()
    link = folder("link")
    (outside / "secret").write_text("secret")
    (link / "a").symlink_to(outside / "secret")
    unpack(data, link)
    assert (outside / "secret").read_text() == "secret" and not (link / "a").is_symlink(), "the link itself was replaced"
    in_the_way = folder("way")
    (in_the_way / "a").mkdir()
    with pytest.raises(ArchiveError, match="is a folder where a file"):
        unpack(data, in_the_way)
    file = folder("file")
    (file / "sub").write_text("x")
    with pytest.raises(ArchiveError, match="is a file where a folder"):
        unpack(data, file)
    assert files_below(file) == {"sub": "x"}


# ---- signatures that others rely on


def test_signatures():
    """Names, order and defaults are a promise."""
    def parameters(function):
        return [str(one.replace(annotation=inspect.Parameter.empty)) for one in inspect.signature(function).parameters.values()][1:]

    assert parameters(Client.__init__)[:6] == ["base_url=None", "api_key=''", "tenant_id=''", "timeout=None", "max_retries=2",
                                               "ssl_context=None"]
    assert parameters(Client.run)[:7] == ["skill", "version=''", "input=None", "env=None", "timeout=None", "idempotency_key=None",
                                          "on_log=None"]
    assert parameters(Client.get_skill) == ["name", "version='latest'"] and parameters(Client.download_files)[:2] == ["result", "dir"]
    assert parameters(Client.list_executions) == ["skill=''", "status=''", "limit=50"]
    for kind in (Client, AsyncClient):
        assert isinstance(kind("http://localhost:8080", "sk-1", tenant_id="default"), kind)
    assert issubclass(skillbox.APITimeoutError, skillbox.APIConnectionError) and not issubclass(APIError, skillbox.APIConnectionError)
    assert pathlib.Path(skillbox.__file__).name == "skillbox.py"
