"""API server and controller with a PostgreSQL: keys, history, idempotency, audit, and what happens while it is away."""

import concurrent.futures
import json
import os
import re
import time
import uuid

import requests

from api_server import ApiServer, Client, KEYS_NAMESPACE
from contract_checks import assert_error, assert_keys_stay_with_their_tenant
from waiting import unique, wait_for

ODD = ('{"n":1234567890123456789012345678901234567890.10,"a":1,"a":2,"s":"\\u0000\\ud83d\\ude00 \\/","e":-0.0e+10,"big":"'
       + "x" * 200000 + '"}')


def rows(postgres, database, sql):
    return [line.split("|") for line in postgres.rows(sql, database)]


def finish(client, execution_id, reason="Succeeded", **status):
    """The sandbox's part, beside a controller that may write in the same moment: until it stands."""
    def done():
        client.kube.finish(client.namespace, execution_id, reason, **status)
        now = client.kube.execution(client.namespace, execution_id)["status"]["conditions"][0]
        return now["status"] != "Unknown"

    wait_for(done, "the end is recorded")


def is_gone(client, execution_id):
    path = client.kube.path(client.namespace, "executions", execution_id)
    return client.kube.call("GET", path, ok=False).status_code == 404


def outlive(client, execution_id):
    """Its time is over: the controller deletes it."""
    path = client.kube.path(client.namespace, "executions", execution_id)
    client.kube.call("DELETE", path)
    wait_for(lambda: is_gone(client, execution_id), "it is gone")


def archived(postgres, database, execution_id):
    return rows(postgres, database, f"SELECT status FROM sandbox.executions WHERE id = '{execution_id}'")


def without_url(record):
    return {key: value for key, value in record.items() if key != "files_url"}


# ---- health


def test_ready_names_the_check(server):
    assert requests.get(server.url + "/ready", timeout=5).text == (
        '{"status":"ready","checks":{"kubernetes":"ok","storage":"ok","postgres":"ok"}}')


# ---- keys


def test_a_new_key_is_a_row_and_no_secret(server, client, kube, postgres, database):
    assert re.fullmatch(r"sk-[0-9a-f]{48}", client.key)
    ((key_id, name, scopes, revoked),) = rows(
        postgres, database, f"SELECT id, name, scopes, revoked_at IS NULL FROM sandbox.api_keys WHERE tenant_id = '{client.tenant}'")
    assert (name, scopes, revoked) == ("test", "run,push", "t") and uuid.UUID(key_id)
    secrets = kube.call("GET", f"/api/v1/namespaces/{KEYS_NAMESPACE}/secrets").text
    assert client.tenant not in secrets
    assert client.key not in json.dumps(rows(postgres, database, "SELECT * FROM sandbox.api_keys"))
    assert client.get("/v1/skills").status_code == 200
    wait_for(lambda: rows(postgres, database, f"SELECT last_used_at > now() - interval '1 minute' FROM sandbox.api_keys WHERE id = '{key_id}'") == [["t"]],
             "its use is noted")


def test_it_works_at_once(server, client):
    text = server.key("create", "--name", "fresh", "--tenant", client.tenant).stdout.strip()
    assert client.get("/v1/skills", headers={"Authorization": f"Bearer {text}"}).status_code == 200


def test_keys_in_secrets_go_on_working(server, client):
    without = {key: value for key, value in server.environment.items() if key != "SKILLBOX_DB_DSN"}
    database, server.environment = server.environment, without
    try:
        text = server.key("create", "--name", "secret", "--tenant", client.tenant).stdout.strip()
    finally:
        server.environment = database
    wait_for(lambda: client.get("/v1/skills", headers={"Authorization": f"Bearer {text}"}).status_code == 200, "the Secret's key works")
    listed = server.key("list").stdout
    assert sum(client.tenant in line for line in listed.splitlines()) == 2, listed


def test_import_may_be_repeated(server, client):
    text = unique("my own key: ") + " \u00e9"
    for _ in range(2):
        assert server.key("create", "--name", "own", "--tenant", client.tenant, "--import", text).stdout == text + "\n"
    done = server.key("create", "--name", "own", "--tenant", client.tenant, "--scopes", "admin", "--import", text, check=False)
    assert done.returncode == 1 and "exists already" in done.stderr and done.stdout == ""
    key_id = re.search(r"key revoke (\S+)", done.stderr)[1]
    server.key("revoke", key_id)
    done = server.key("create", "--name", "own", "--tenant", client.tenant, "--import", text, check=False)
    assert done.returncode == 1 and "was revoked" in done.stderr
    done = server.key("revoke", str(uuid.uuid4()), check=False)
    assert done.returncode == 1 and "no such key" in done.stderr


def test_revoked_within_five_seconds_on_every_replica(server, client, plane, postgres, database, tmp_path):
    second = ApiServer(plane, tmp_path, SKILLBOX_DB_DSN=postgres.dsn(database)).start()
    try:
        clients = [client, Client(second, client.key, client.tenant, client.namespace, client.kube)]
        assert all(c.get("/v1/skills").status_code == 200 for c in clients)
        ((key_id,),) = rows(postgres, database, f"SELECT id FROM sandbox.api_keys WHERE tenant_id = '{client.tenant}'")
        server.key("revoke", key_id)
        began = time.monotonic()
        for c in clients:
            # It is used all the time, so that what is remembered is never left to age in peace.
            wait_for(lambda: c.get("/v1/skills").status_code == 401, "revoked", 6)
        assert time.monotonic() - began < 5
        assert_error(client.get("/v1/skills"), 401, "unauthorized", "invalid or revoked API key")
    finally:
        second.stop()


def test_keys_by_rest(server, make_client):
    admin = make_client(server, "admin")
    answer = admin.request("POST", "/v1/keys", json={"name": "two \u00e9", "tenant": admin.tenant, "scopes": ["run"]})
    assert answer.status_code == 201, answer.text
    made = answer.json()
    other = {"Authorization": f"Bearer {made['key']}"}
    assert admin.get("/v1/executions", headers=other).status_code == 200

    def listed():
        return {key["id"]: key for key in admin.get("/v1/keys").json()}[made["id"]]

    assert listed()["name"] == "two \u00e9" and "key" not in listed()
    wait_for(lambda: listed()["last_used_at"], "its use is noted, behind the answer")
    assert admin.request("DELETE", f"/v1/keys/{made['id']}").status_code == 204
    assert admin.get("/v1/executions", headers=other).status_code == 401, "this replica knows at once"
    assert made["id"] not in {key["id"] for key in admin.get("/v1/keys").json()}
    assert_error(admin.request("DELETE", f"/v1/keys/{uuid.uuid4()}"), 404, "not_found", "key not found")
    assert_error(admin.request("DELETE", "/v1/keys/nonsense"), 404, "not_found", "key not found")


def test_unknown_keys_and_uploads(server, client):
    """The body waits until the key was looked up: refusals reach a client that is sending, and what is allowed is read whole."""
    for data in (b"x" * 3_000_000, (b"y" * 100_000 for _ in range(30))):
        answer = requests.post(server.url + "/v1/skills", data=data, timeout=30,
                               headers={"Authorization": f"Bearer sk-{uuid.uuid4().hex}", "Content-Type": "application/zip"})
        assert_error(answer, 401, "unauthorized", "invalid or revoked API key")
    text = server.key("create", "--name", "fresh", "--tenant", client.tenant).stdout.strip()
    fresh = Client(server, text, client.tenant, client.namespace, client.kube)
    fresh.push(files={"data.bin": "z" * 500_000})
    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        text = server.key("create", "--name", "many", "--tenant", client.tenant).stdout.strip()
        many = Client(server, text, client.tenant, client.namespace, client.kube)
        assert {answer.status_code for answer in pool.map(lambda _: many.get("/v1/skills"), range(64))} == {200}


# ---- history


def test_the_record_outlives_its_resource(server, controller, client, postgres, database):
    skill = client.push()
    answer = client.post(f'{{"skill":"{skill}","async":true,"input":{ODD}}}')
    execution_id = answer.json()["execution_id"]
    finish(client, execution_id, output=ODD, logs="line \u00e9\n", logsTruncated=True, files=["a.txt", "b/c.txt"],
           filesRef={"digest": "sha256:" + "b" * 64, "size": 3},
           isolation=[{"name": "seccomp", "active": True}, {"name": "landlock", "active": False, "detail": "no such call"}])
    wait_for(lambda: archived(postgres, database, execution_id) == [["success"]], "it is archived")
    live = client.get(f"/v1/executions/{execution_id}")
    outlive(client, execution_id)
    record = wait_for(lambda: (answer := client.get(f"/v1/executions/{execution_id}")).status_code == 200 and answer, "it is in the history")
    assert re.sub(r'"files_url":"[^"]*"', "", record.text) == re.sub(r'"files_url":"[^"]*"', "", live.text)
    assert f'"output":{ODD}' in record.text and f'"input":{ODD}}}' in record.text
    assert [layer["active"] for layer in record.json()["isolation"]] == [True, False]
    assert "/" + "b" * 64 + "/files.tar.gz?" in record.json()["files_url"]
    assert client.get(f"/v1/executions/{execution_id}/logs").content.decode() == "line \u00e9\n"
    assert client.request("DELETE", f"/v1/executions/{execution_id}").status_code == 200, "it has ended already"
    assert_error(client.get(f"/v1/executions/{uuid.uuid4()}"), 404, "not_found", "execution not found")


def test_it_is_nobody_elses(server, controller, client, make_client, postgres, database):
    execution_id = client.start(client.push())
    finish(client, execution_id)
    wait_for(lambda: archived(postgres, database, execution_id), "it is archived")
    outlive(client, execution_id)
    other = make_client(server)
    assert_error(other.get(f"/v1/executions/{execution_id}"), 404, "not_found")
    assert other.get("/v1/executions").json() == {"executions": []}


def test_large_texts_stay_in_the_blob_store(server, controller, client, postgres, database):
    text = '"' + "l" * (1 << 20) + '"'
    execution_id = client.post(f'{{"skill":"{client.push()}","async":true,"input":{text}}}').json()["execution_id"]
    finish(client, execution_id, outputRef=client.put_blob("executions", text.encode()), logsRef=client.put_blob("executions", b"log" * 50000))
    wait_for(lambda: archived(postgres, database, execution_id), "it is archived")
    outlive(client, execution_id)
    record = wait_for(lambda: (answer := client.get(f"/v1/executions/{execution_id}")).status_code == 200 and answer, "it is in the history")
    assert f'"output":{text}' in record.text and f'"input":{text}}}' in record.text
    assert client.get(f"/v1/executions/{execution_id}/logs").text == "log" * 50000


def test_failures_and_what_people_apply(server, controller, client, postgres, database):
    name = unique("by-hand")
    skill = client.push()
    made = client.kube.call("POST", client.kube.path(client.namespace, "executions"), {
        "apiVersion": "skillbox.dev/v1alpha1", "kind": "Execution", "metadata": {"name": name},
        "spec": {"skillRef": {"name": skill}, "input": {"x": 1}}}).json()
    finish(client, name, "Failed", exitCode=3, error="container exited with code 3: boom", errorCode="exit_nonzero")
    uid = made["metadata"]["uid"]
    wait_for(lambda: archived(postgres, database, uid) == [["failed"]], "it is archived under its UID")
    live = client.get(f"/v1/executions/{uid}").text
    outlive(client, name)
    assert wait_for(lambda: (answer := client.get(f"/v1/executions/{uid}")).status_code == 200 and answer, "history").text == live


def test_nothing_is_deleted_before_it_is_archived(server, controller, client, postgres, database):
    skill = client.push()
    name = str(uuid.uuid4())
    client.kube.call("POST", client.kube.path(client.namespace, "executions"), {
        "apiVersion": "skillbox.dev/v1alpha1", "kind": "Execution", "metadata": {"name": name},
        "spec": {"skillRef": {"name": skill}, "ttlSecondsAfterFinished": 0}})
    client.kube.finish(client.namespace, name, output='"kept"')
    wait_for(lambda: is_gone(client, name), "its time is over", 30)
    assert archived(postgres, database, name) == [["success"]]
    assert client.get(f"/v1/executions/{name}").json()["output"] == "kept"


def test_lists_show_both_in_pages(server, controller, client, postgres, database):
    skill, made = client.push(), []
    for i in range(9):
        made.append(client.start(skill))
        if i % 3 < 2:
            finish(client, made[-1])
            wait_for(lambda: archived(postgres, database, made[-1]), "it is archived")
        if i % 3 == 0:
            outlive(client, made[-1])
        time.sleep(0.002)  # times of their own, to the millisecond
    wait_for(lambda: all(is_gone(client, made[i]) for i in (0, 3, 6)), "those are gone")
    whole = wait_for(lambda: (page := client.get("/v1/executions").json()) and len(page["executions"]) == 9 and page, "all are listed")
    assert [e["execution_id"] for e in whole["executions"]] == made[::-1] and "next" not in whole
    for limit in (1, 2, 4, 8):
        seen, cursor = [], ""
        while cursor is not None:
            page = client.get(f"/v1/executions?limit={limit}&cursor={cursor}").json()
            seen += [e["execution_id"] for e in page["executions"]]
            cursor = page.get("next")
        assert seen == made[::-1], f"pages of {limit}"
    ended = client.get("/v1/executions?status=success").json()["executions"]
    assert [e["execution_id"] for e in ended] == [made[i] for i in (7, 6, 4, 3, 1, 0)]
    assert client.get("/v1/executions?skill=other").json() == {"executions": []}


# ---- idempotency


def test_idempotency_beyond_the_resource(server, controller, client, postgres, database):
    skill, key = client.push(), unique("key")
    body = {"skill": skill, "async": True, "input": {"a": 1}}
    first = client.post(body, {"Idempotency-Key": key})
    assert first.status_code == 202
    execution_id = first.json()["execution_id"]
    assert "ttlSecondsAfterFinished" not in client.kube.execution(client.namespace, execution_id)["spec"]
    assert client.post(body, {"Idempotency-Key": key}).json()["execution_id"] == execution_id
    assert_error(client.post({**body, "input": {"a": 2}}, {"Idempotency-Key": key}), 409, "conflict", execution_id)
    assert client.post(body, {"Idempotency-Key": key + "2"}).json()["execution_id"] != execution_id
    finish(client, execution_id, output="7")
    wait_for(lambda: archived(postgres, database, execution_id), "it is archived")
    outlive(client, execution_id)
    again = wait_for(lambda: (answer := client.post(body, {"Idempotency-Key": key})).json().get("output") == 7 and answer, "the history answers")
    assert again.json()["execution_id"] == execution_id
    assert is_gone(client, execution_id), "it was not run again"
    ((stored,),) = rows(postgres, database, f"SELECT key_hash FROM sandbox.idempotency WHERE execution_id = '{execution_id}'")
    assert key not in stored


def test_one_execution_for_many_at_once(server, client):
    skill, key = client.push(), unique("key")
    with concurrent.futures.ThreadPoolExecutor(12) as pool:
        answers = list(pool.map(lambda _: client.post({"skill": skill, "async": True}, {"Idempotency-Key": key}), range(24)))
    assert {answer.status_code for answer in answers} == {202}, {answer.text for answer in answers}
    assert len({answer.json()["execution_id"] for answer in answers}) == 1
    assert len(client.kube.executions(client.namespace)) == 1


def test_a_claim_without_an_execution_is_taken_up(server, client, postgres, database):
    """As when the server died between the two."""
    skill, key = client.push(), unique("key")
    body = {"skill": skill, "async": True}
    first = client.post(body, {"Idempotency-Key": key}).json()["execution_id"]
    outlive(client, first)
    assert client.post(body, {"Idempotency-Key": key}).json()["execution_id"] == first
    assert not is_gone(client, first)


def test_synchronous_calls_share_the_result(server, client):
    skill, key = client.push(), unique("key")
    with client.waiting({"skill": skill}, {"Idempotency-Key": key}) as (name, answers):
        with concurrent.futures.ThreadPoolExecutor(1) as pool:
            second = pool.submit(client.post, {"skill": skill}, {"Idempotency-Key": key})
            finish(client, name, output="3")
            assert second.result(30).json()["execution_id"] == name
    assert answers[0].json()["execution_id"] == name and answers[0].json()["output"] == 3


# ---- audit


def test_audit(server, make_client, postgres, database):
    admin = make_client(server, "admin")
    skill = admin.push()
    request_id = unique("request")
    execution_id = admin.post({"skill": skill, "async": True}, {"X-Request-ID": request_id}).json()["execution_id"]
    admin.request("DELETE", f"/v1/executions/{execution_id}")
    key_id = admin.request("POST", "/v1/keys", json={"name": "x", "tenant": admin.tenant, "scopes": ["run"]}).json()["id"]
    admin.request("DELETE", f"/v1/keys/{key_id}")
    assert admin.request("DELETE", f"/v1/skills/{skill}/1.0.0").status_code == 204
    admin.get("/v1/skills")
    assert_error(admin.post({"skill": "nonsense"}), 404, "not_found")
    expected = [["skill.push", f"{skill}@1.0.0"], ["execution.create", execution_id], ["execution.cancel", execution_id],
                ["key.create", key_id], ["key.revoke", key_id], ["skill.delete", f"{skill}@1.0.0"]]
    wait_for(lambda: rows(postgres, database, f"SELECT action, object FROM sandbox.audit WHERE tenant_id = '{admin.tenant}' ORDER BY at, id") == expected,
             "everything is noted")
    ((own,),) = rows(postgres, database, f"SELECT id FROM sandbox.api_keys WHERE tenant_id = '{admin.tenant}' AND name = 'test'")
    assert rows(postgres, database, f"SELECT DISTINCT key_id FROM sandbox.audit WHERE tenant_id = '{admin.tenant}'") == [[own]]
    assert rows(postgres, database, f"SELECT action FROM sandbox.audit WHERE request_id = '{request_id}'") == [["execution.create"]]


def test_keys_stay_with_their_tenant(server, make_client, postgres, database):
    ours, operator, made, revoked = assert_keys_stay_with_their_tenant(server, make_client)
    def noted():
        return rows(postgres, database, f"SELECT action, object FROM sandbox.audit WHERE tenant_id = '{operator.tenant}' ORDER BY at, id")
    wait_for(lambda: len(noted()) == 3, lambda: f"what the operator did is noted: {noted()}")
    assert noted()[0] == ["key.create", f"{ours.tenant}/{made}"]
    assert noted()[1][0] == "key.revoke" and noted()[1][1].endswith(f"/{revoked}")
    assert noted()[2][0] == "key.create" and "/" not in noted()[2][1], "of its own tenant"


# ---- the database away; last, since it is everybody's


def test_away_and_back(server, controller, client, postgres, database, kube):
    without = {key: value for key, value in server.environment.items() if key != "SKILLBOX_DB_DSN"}
    with_database, server.environment = server.environment, without
    try:
        text = server.key("create", "--name", "secret", "--tenant", client.tenant).stdout.strip()
    finally:
        server.environment = with_database
    by_secret = Client(server, text, client.tenant, client.namespace, kube)
    wait_for(lambda: by_secret.get("/v1/skills").status_code == 200, "the Secret's key works")
    skill = client.push()
    running = [client.start(skill) for _ in range(20)]
    postgres.kill()
    try:
        (answer,) = wait_for(lambda: (answer := requests.get(server.url + "/ready", timeout=5)).status_code == 503 and [answer], "not ready")
        assert_error(answer, 503, "not_ready", "postgres: the database can't be used")
        (answer,) = wait_for(lambda: (answer := client.get("/v1/skills")).status_code == 503 and [answer], "the key can't be checked")
        message = assert_error(answer, 503, "unavailable", "the API key could not be checked")
        assert "refused" not in message and "127.0.0.1" not in message
        # What needs no database goes on.
        assert requests.get(server.url + "/health", timeout=5).status_code == 200
        with by_secret.waiting({"skill": skill}) as (name, answers):
            kube.finish(client.namespace, name, output="1")
        assert answers[0].json()["output"] == 1
        for execution_id in running:
            finish(by_secret, execution_id, output='"during"')
        assert by_secret.get(f"/v1/executions/{running[0]}").json()["output"] == "during"
        assert_error(by_secret.get(f"/v1/executions/{uuid.uuid4()}"), 503, "unavailable")
        assert_error(by_secret.get("/v1/executions"), 503, "unavailable", "history", "PostgreSQL", "GET /ready", "by their id")
        wait_for(lambda: controller.logged("execution not archived, trying again"), "the controller tries")
        assert not is_gone(client, name)
    finally:
        postgres.start()
    wait_for(lambda: requests.get(server.url + "/ready", timeout=5).status_code == 200, "ready again")
    assert client.get("/v1/skills").status_code == 200
    listed = ", ".join(f"'{execution_id}'" for execution_id in [*running, name])
    wait_for(lambda: rows(postgres, database, f"SELECT count(*) FROM sandbox.executions WHERE id IN ({listed})") == [["21"]],
             "archiving catches up", 60)
    wait_for(lambda: rows(postgres, database, f"SELECT count(*) FROM sandbox.audit WHERE action = 'execution.create' AND object = '{name}'") == [["1"]],
             "so does the audit")


def test_a_new_controller_archives_what_it_finds(plane, server, controller, client, postgres, database):
    execution_id = client.start(client.push())
    finish(client, execution_id)
    wait_for(lambda: archived(postgres, database, execution_id), "it is archived")
    postgres.query(f"DELETE FROM sandbox.executions WHERE id = '{execution_id}'", database)  # as if it had never arrived
    controller.stop()
    controller.start()
    wait_for(lambda: archived(postgres, database, execution_id), "it is archived by the next one", 30)


# ---- blobs


def old_blob(client, data):
    """Its path, and its reference; it lies there for longer than the grace time."""
    ref = client.put_blob("executions", data)
    digest = ref["digest"].removeprefix("sha256:")
    path = client.server.data / "executions" / client.tenant / digest[:2] / digest[2:]
    os.utime(path, (time.time() - 25 * 3600,) * 2)
    return path, ref


def test_what_the_history_refers_to_stays(server, controller, client, plane, postgres, database, tmp_path):
    """The Execution is gone, its record is not; while the database is away, nothing is known, so nothing goes."""
    path, ref = old_blob(client, unique("named").encode() * 20000)
    execution_id = client.start(client.push())
    finish(client, execution_id, logs="the end", logsRef=ref)
    wait_for(lambda: archived(postgres, database, execution_id), "it is in the history")
    outlive(client, execution_id)
    orphan, _ = old_blob(client, unique("orphan").encode())
    sweeper = ApiServer(plane, tmp_path, SKILLBOX_DB_DSN=postgres.dsn(database), SKILLBOX_DATA_DIR=str(server.data),
                        SKILLBOX_BLOB_SWEEP_INTERVAL="100ms")
    postgres.stop()
    try:
        sweeper.start(ready=False)
        wait_for(lambda: len(sweeper.logged("the sweep of blobs waits")) > 20, "it waits")
        assert orphan.exists() and path.exists()
        postgres.start()
        wait_for(lambda: not orphan.exists(), "the orphan goes", 30)
        second, _ = old_blob(client, unique("orphan").encode())
        wait_for(lambda: not second.exists(), "the next one, too")
        assert path.exists()
        wait_for(lambda: requests.get(server.url + "/ready", timeout=5).status_code == 200, "the first server has its database back")
        assert client.get(f"/v1/executions/{execution_id}/logs").text == path.read_text()
        postgres.query(f"DELETE FROM sandbox.executions WHERE id = '{execution_id}'", database)
        wait_for(lambda: not path.exists(), "its record is gone")
    finally:
        if postgres.process is None:
            postgres.start()
        sweeper.stop()
