"""What the runtime images bring for compiled modules: the policies of manylinux say which libraries of a system a wheel may use,
and which versions of their symbols (auditwheel has them, which made the wheels); native modules of npm are built the same way."""

import importlib.resources
import json
import re

import pytest

POLICIES = json.loads((importlib.resources.files("auditwheel") / "policy" / "manylinux-policy.json").read_text())
# On the lists, and in no image.
DISPLAY = "talks to a display, and a sandbox has no network to reach one, nor anybody who looks"
TOOLKIT = "is what toolkits for windows are made on; what draws into files brings its own libraries or none of these"
EXCEPTIONS = {
    "libX11.so.6": DISPLAY, "libXext.so.6": DISPLAY, "libXrender.so.1": DISPLAY, "libICE.so.6": DISPLAY, "libSM.so.6": DISPLAY,
    "libGL.so.1": "draws on a graphics card, which a sandbox has none of, and brings 100 MB with it",
    "libglib-2.0.so.0": TOOLKIT, "libgobject-2.0.so.0": TOOLKIT, "libgthread-2.0.so.0": TOOLKIT,
}
# Which libraries give the versions of a policy's symbols.
GIVEN_BY = {"GLIBC": ["libc.so.6", "libm.so.6", "libmvec.so.1"], "GLIBCXX": ["libstdc++.so.6"], "CXXABI": ["libstdc++.so.6"],
            "GCC": ["libgcc_s.so.1"], "LIBATOMIC": ["libatomic.so.1"], "ZLIB": ["libz.so.1"]}
FOLDERS = ["/lib/x86_64-linux-gnu", "/usr/lib/x86_64-linux-gnu"]

PYTHON = r"""
import ctypes, datetime, json, locale, os, re, ssl, sys, zoneinfo
libraries = {}
for name in json.load(open(os.environ["SANDBOX_INPUT_FILE"]))["libraries"]:
    try:
        ctypes.CDLL(name)
    except OSError:
        continue
    path = next(p for p in (f"{folder}/{name}" for folder in FOLDERS) if os.path.exists(p))
    libraries[name] = [v.decode() for v in set(re.findall(rb"\0([A-Z]+_[A-Z0-9_.]+)(?=\0)", open(path, "rb").read()))]
locale.setlocale(locale.LC_ALL, "")
vienna = datetime.datetime(2026, 7, 1, tzinfo=zoneinfo.ZoneInfo("Europe/Vienna"))
json.dump({"libraries": libraries, "glibc": os.confstr("CS_GNU_LIBC_VERSION").split()[1], "python": list(sys.version_info[:2]),
           "authorities": len(ssl.create_default_context().get_ca_certs()), "summer": vienna.isoformat(),
           "charset": locale.nl_langinfo(locale.CODESET)}, open(os.environ["SANDBOX_OUTPUT"], "w"))
""".replace("FOLDERS", repr(FOLDERS))

NODE = r"""
const fs = require("fs"), libraries = {};
for (const name of JSON.parse(fs.readFileSync(process.env.SANDBOX_INPUT_FILE)).libraries) {
  const path = FOLDERS.map(folder => folder + "/" + name).find(fs.existsSync);
  if (path) libraries[name] = [...new Set(fs.readFileSync(path, "latin1").match(/(?<=\0)[A-Z]+_[A-Z0-9_.]+(?=\0)/g))];
}
const vienna = new Date("2026-07-01T00:00:00+02:00").toLocaleString("sv", {timeZone: "Europe/Vienna", timeZoneName: "longOffset"});
fs.writeFileSync(process.env.SANDBOX_OUTPUT, JSON.stringify({libraries, glibc: process.report.getReport().header.glibcVersionRuntime,
  authorities: fs.readFileSync("/etc/ssl/certs/ca-certificates.crt", "utf8").split("BEGIN CERTIFICATE").length - 1,
  summer: vienna.replace(" ", "T").replace(" GMT", ""), charset: process.env.LANG.split(".")[1],
  zones: fs.existsSync("/usr/share/zoneinfo/Europe/Vienna")}));
""".replace("FOLDERS", repr(FOLDERS))


def numbers(version):
    return [int(part) for part in version.split(".")]


def policy_for(glibc):
    """The newest that a system with this glibc can keep."""
    fits = [policy for policy in POLICIES if policy["name"].startswith("manylinux_")
            and [int(part) for part in policy["name"].split("_")[1:]] <= numbers(glibc)]
    return max(fits, key=lambda policy: [int(part) for part in policy["name"].split("_")[1:]])


def assert_keeps_a_policy(seen):
    policy = policy_for(seen["glibc"])
    assert policy["name"] >= "manylinux_2_36", policy["name"]
    assert set(policy["lib_whitelist"]) - seen["libraries"].keys() == EXCEPTIONS.keys(), policy["name"]
    wanted = policy["symbol_versions"]["x86_64"]
    assert wanted.keys() == GIVEN_BY.keys()
    for family, libraries in GIVEN_BY.items():
        given = {version for library in libraries for version in seen["libraries"][library]}
        assert [v for v in wanted[family] if f"{family}_{v}" not in given] == [], f"{family}, {policy['name']}"


@pytest.fixture
def look(client, push):
    def look(script, lang, image):
        libraries = sorted({name for policy in POLICIES for name in policy["lib_whitelist"]})
        result = client.run(push(script, lang=lang, image=image), input={"libraries": libraries})
        assert result["status"] == "success", result
        return result["output"]

    return look


@pytest.fixture(scope="module")
def targets(kubectl):
    """{image: target}, as the programs are told."""
    text = next(value for found in kubectl.items("configmaps", "-A", "-l", "app.kubernetes.io/name=skillbox")
                for key, value in found["data"].items() if key == "SKILLBOX_PYTHON_IMAGES")
    return dict(entry.split("=") for entry in text.split(","))


@pytest.mark.parametrize("image", ["python:3.12-slim", "python:3.11-slim", "skillbox/python-data:1.0"])
def test_an_image_for_python(look, targets, image):
    seen = look(PYTHON, "python", image)
    assert_keeps_a_policy(seen)
    assert targets[image] == "cp{}{}-manylinux_{}_x86_64".format(*seen["python"], seen["glibc"].replace(".", "_"))
    assert seen["authorities"] > 50 and seen["summer"] == "2026-07-01T00:00:00+02:00" and seen["charset"] == "UTF-8"


@pytest.mark.parametrize("image", ["node:20-slim", "node:22-slim"])
def test_an_image_for_node(look, image):
    seen = look(NODE, "node", image)
    assert_keeps_a_policy(seen)
    assert seen["authorities"] > 50 and seen["summer"] == "2026-07-01T00:00:00+02:00" and seen["charset"] == "UTF-8"
    assert seen["zones"]


def test_policies_are_those_of_the_specification():
    """PEP 600: from manylinux_2_5 on, each by the glibc that it is for."""
    names = [policy["name"] for policy in POLICIES]
    assert len(names) > 10 and all(re.fullmatch(r"linux|manylinux_2_\d+", name) for name in names)
