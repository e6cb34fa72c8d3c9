"""What generated requests may do to the cluster: a few small runs, skills and keys of their own, and nothing to anybody else's."""

import io
import re
import zipfile

from hypothesis import strategies

PREFIX = "openapi-fuzz-"
MAX_RUNS = 8
MAX_KEYS = 5
UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
KEY_ID = re.compile(f"[0-9a-f]{{16}}|{UUID.pattern}")
UNKNOWN_ID = "00000000-0000-4000-8000-000000000000"


def archive(name, version, **extra):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as file:
        file.writestr(zipfile.ZipInfo("SKILL.md"), f"---\nname: {name}\nversion: {version}\ndescription: by a test\n---\nText.\n")
        file.writestr(zipfile.ZipInfo("main.sh"), "true\n")
        for path, text in extra.items():
            file.writestr(zipfile.ZipInfo(path), text)
    return out.getvalue()


def archives():
    """Zip archives: good ones, broken ones, and bytes that are none."""
    good = [archive(PREFIX + letter, version) for letter in "ab" for version in ("1.0.0", "2.0.0-rc.1")]
    bad = [archive("..", "x"), archive(PREFIX + "a", "1.0.0", **{"../out": "x"}), good[0][:-30], good[0] + b"more", b"", b"PK\x05\x06" + bytes(18)]
    return strategies.sampled_from(good + bad) | strategies.binary(max_size=200)


def operation_of(case):
    return f"{case.method.upper()} {case.path}"


class Traffic:
    """before(case) bends a request where it must be, after(case, response) keeps count."""

    def __init__(self, skill):
        self.skill = skill
        self.runs = 0
        self.keys = []  # ids of those that were made here
        self.executions = []  # ids, the same
        self.turns = {}  # how often each kind of decision was taken

    def turn(self, what, every):
        """True once in so many times."""
        self.turns[what] = self.turns.get(what, -1) + 1
        return self.turns[what] % every == 0

    def before(self, case):
        tenant = (case.headers or {}).get("X-Tenant-ID")
        if tenant is not None and not self.turn("strange tenant", 4):
            case.headers["X-Tenant-ID"] = "default"  # or no request gets any further
        bend = {
            "POST /v1/executions": self.bend_run,
            "GET /v1/executions/{id}": self.bend_reading,
            "GET /v1/executions/{id}/logs": self.bend_reading,
            "GET /v1/executions/{id}/files/{path}": self.bend_file,
            "DELETE /v1/executions/{id}": self.bend_cancellation,
            "GET /v1/skills/{name}/{version}": self.bend_skill,
            "DELETE /v1/skills/{name}/{version}": self.bend_deletion,
            "POST /v1/keys": self.bend_key,
            "DELETE /v1/keys/{id}": self.bend_revocation,
        }.get(operation_of(case))
        if bend:
            bend(case)

    def bend_run(self, case):
        if not isinstance(case.body, dict):
            return
        if self.runs < MAX_RUNS and self.turn("run", 5):
            case.body = {**case.body, "skill": self.skill, "version": "", "async": self.turn("async", 3)}
            if not self.turn("repeated", 3):
                case.headers.pop("Idempotency-Key", None)  # the same few come again and again
        elif isinstance(case.body.get("skill"), str):
            case.body = {**case.body, "skill": PREFIX + "none"}

    def bend_reading(self, case):
        if self.executions and self.turn("known execution", 2):
            case.path_parameters["id"] = self.executions[self.turns["known execution"] % len(self.executions)]

    def bend_file(self, case):
        self.bend_reading(case)
        if self.turn("known file", 2):
            case.path_parameters["path"] = "x"

    def bend_cancellation(self, case):
        if self.executions and self.turn("cancel", 5):
            case.path_parameters["id"] = self.executions[-1]
        elif UUID.fullmatch(str(case.path_parameters.get("id"))) and case.path_parameters["id"] not in self.executions:
            case.path_parameters["id"] = UNKNOWN_ID

    def bend_skill(self, case):
        if self.turn("known skill", 3):
            case.path_parameters = {"name": self.skill, "version": "latest"}

    def bend_deletion(self, case):
        if not str(case.path_parameters.get("name")).startswith(PREFIX):
            case.path_parameters["name"] = PREFIX + "none"

    def bend_key(self, case):
        if isinstance(case.body, dict) and isinstance(case.body.get("tenant"), str):
            may = len(self.keys) < MAX_KEYS and self.turn("key", 3)
            case.body = {**case.body, "tenant": "default" if may else "no-such-tenant"}

    def bend_revocation(self, case):
        if KEY_ID.fullmatch(str(case.path_parameters.get("id"))) and case.path_parameters["id"] not in self.keys:
            case.path_parameters["id"] = "0" * 16

    def after(self, case, response):
        operation = operation_of(case)
        if operation == "POST /v1/executions" and response.status_code in (200, 202):
            self.runs += 1
            self.executions.append(response.json()["execution_id"])
        if operation == "POST /v1/keys" and response.status_code == 201:
            self.keys.append(response.json()["id"])

    def tidy(self, client):
        for key in self.keys:
            client.request("DELETE", f"/v1/keys/{key}")
        for skill in client.request("GET", "/v1/skills").json():
            if skill["name"].startswith(PREFIX):
                client.request("DELETE", f"/v1/skills/{skill['name']}/{skill['version']}")
