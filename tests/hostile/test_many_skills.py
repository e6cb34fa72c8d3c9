"""Attack: a push of 4 KiB makes a Skill of 0.77 MiB, since its texts compress well. Some hundred of them were more memory than both
programs may have, again at every start. Must hold: what a Skill takes of either program is small whatever its size, its texts are
there for who asks, and a tenant has a quota, which a burst of pushes can't exceed."""

import concurrent.futures
import io
import json
import random
import zipfile

import pytest
import requests

from api_server import ApiServer, KEYS_NAMESPACE, skill_zip
from controller import Controller
from memory import ASAN_OPTIONS, cached, settled
from waiting import unique, wait_for

MANY = 20
TEXT = 256 << 10  # of the instructions and of each schema, as much as the CRD takes
MIB = 1 << 20


def large_zip(name):
    schema = json.dumps({"title": "s" * (TEXT - 1024)})
    texts = {"SKILL.md": f"---\nname: {name}\nlang: bash\ndescription: large\n---\n" + "i" * (TEXT - 1024), "main.sh": "true",
             "references/input.schema.json": schema, "references/output.schema.json": schema}
    noise = random.Random(name).randbytes(3000)  # more than 200 bytes of one is no archive for us
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for path, text in texts.items():
            archive.writestr(path, text)
        archive.writestr("noise", noise)
    assert len(out.getvalue()) < 5000
    return out.getvalue()


@pytest.fixture
def small_server(plane, kube, tmp_path):
    """With room for few skills."""
    server = ApiServer(plane, tmp_path, SKILLBOX_MAX_SKILLS="5").start()
    yield server
    server.stop()


def test_many_large_skills_take_little_of_both_programs(plane, kube, make_client, tmp_path):
    server = ApiServer(plane, tmp_path, ASAN_OPTIONS=ASAN_OPTIONS).start()
    controller = Controller(plane, KEYS_NAMESPACE, server.signing_key, server.url, ASAN_OPTIONS=ASAN_OPTIONS).start()
    programs = (server, controller)
    try:
        client = make_client(server)
        names = [unique("large") for _ in range(MANY)]
        for name in names[:2]:  # what is taken once, not for each
            assert client.upload(large_zip(name)).status_code == 201
        before = [settled(program) for program in programs]
        for name in names[2:]:
            assert client.upload(large_zip(name)).status_code == 201
        wait_for(lambda: cached(f"http://127.0.0.1:{controller.port}", "skills") >= cached(server.health_url, "skills"),
                 "the controller has seen all")
        grown = [settled(program) - start for program, start in zip(programs, before)]
        assert max(grown) < 8 * MIB, f"API server, controller: {grown}"  # whole they are 14 MiB, and more with what lies around them

        detail = client.get(f"/v1/skills/{names[-1]}/latest").json()
        assert len(detail["instructions"]) == TEXT - 1024 and len(detail["input_schema"]["title"]) == TEXT - 1024
        assert len(client.get("/v1/skills").json()) == MANY

        for program in programs:  # the list, too, comes a few at a time
            program.stop()
        server.start()
        controller.start()
        wait_for(lambda: len(client.get("/v1/skills").json()) == MANY, "the server has listed them")
        again = [settled(program) - start for program, start in zip(programs, before)]
        assert max(again) < 8 * MIB, f"API server, controller, started again: {again}"
    finally:
        kube.call("DELETE", kube.path(client.namespace, "skills"))
        for program in programs:
            if program.process.poll() is None:
                program.stop()


def test_a_burst_of_pushes_is_let_in_as_far_as_the_quota_goes(small_server, make_client):
    client = make_client(small_server)
    names = [unique("burst") for _ in range(16)]
    with concurrent.futures.ThreadPoolExecutor(len(names)) as pool:
        answers = list(pool.map(lambda name: client.upload(skill_zip(name)), names))
    taken = [name for name, answer in zip(names, answers) if answer.status_code == 201]
    refused = [answer for answer in answers if answer.status_code != 201]
    assert len(taken) == 5
    for answer in refused:
        assert answer.status_code == 429 and int(answer.headers["Retry-After"]) > 0
        assert answer.json()["error"] == "no_capacity"
        assert "may keep 5 (SKILLBOX_MAX_SKILLS): delete versions" in answer.json()["message"]
    metrics = requests.get(small_server.health_url + "/metrics", timeout=10).text
    assert 'skillbox_limit_used_ratio{limit="skills"} 1' in metrics
    assert f'skillbox_requests_refused_total{{reason="skills"}} {len(refused)}' in metrics
    assert client.upload(skill_zip(taken[0])).status_code == 201  # the same again
    assert client.upload(skill_zip(taken[0], script="echo other")).status_code == 201  # other bytes of that version
    wait_for(lambda: len(client.get("/v1/skills").json()) == 5, "the older one is gone")
    assert client.request("DELETE", f"/v1/skills/{taken[0]}/1.0.0").status_code == 204
    assert client.upload(skill_zip(unique("burst"))).status_code == 201
    assert client.upload(skill_zip(unique("burst"))).status_code == 429


def test_skills_made_with_kubectl_count(small_server, make_client, kube):
    client = make_client(small_server)
    for _ in range(6):  # the cluster's own quota is for these
        kube.apply_skill(client.namespace, unique("applied"))
    wait_for(lambda: len(client.get("/v1/skills").json()) == 6, "the server sees them")
    answer = client.upload(skill_zip(unique("pushed")))
    assert answer.status_code == 429 and "has 6 versions of skills" in answer.json()["message"]
