#!/usr/bin/env python3
"""limits.py: how much memory the API server and the controller need at the contract's limits, on the cluster of `make up`.

    . .dev/env && tests/bench/limits.py [--calls N] [--tenant-keys KEY,KEY]

Runs, one after the other, with the highest resident memory (VmHWM, reset before each) of both processes behind each:

    idle          nothing
    concurrent    N synchronous calls at once (default 200), spread over the keys (a tenant takes SKILLBOX_MAX_CONCURRENT_EXECS)
    upload        a skill archive just under 50 MiB
    large skill   the same skill, run for the first time
    unpacked      a skill that unpacks to just under 200 MiB, pushed and run for the first time
    many at once  eight skills that each unpack to 24 MiB, pushed, then run for the first time all at once
    artifact      256 MiB of files that don't compress, made by a run and fetched from files_url

Needs `docker` to reach the node (DOCKER_HOST of .dev/env). Prints a Markdown table; exits 1 if a call failed or a process
went above 64 MiB. No timed test: it is for people, and for `docs/performance.md`.
"""
import argparse
import concurrent.futures
import io
import json
import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
import zipfile

NODE = os.environ.get("SKILLBOX_NODE", "skillbox-control-plane")
URL = os.environ["SKILLBOX_SERVER_URL"]
PROGRAMS = ("skillbox-apiserver", "skillbox-controller")
LIMIT_MIB = 64


def call(method, path, key, body=None, content_type="application/json", timeout=900):
    request = urllib.request.Request(URL + path, data=body, method=method,
                                     headers={"Authorization": f"Bearer {key}", "Content-Type": content_type})
    with urllib.request.urlopen(request, timeout=timeout) as answer:
        return json.load(answer)


def on_node(script):
    done = subprocess.run(["docker", "exec", NODE, "sh", "-c", script], capture_output=True, text=True, check=True)
    return done.stdout


def pids():
    found = {}
    for program in PROGRAMS:
        found[program] = [int(pid) for pid in on_node(f"pgrep -x {program[:15]} || true").split()]
        if not found[program]:
            sys.exit(f"{program} does not run on node {NODE}")
    return found


def reset_peaks():
    for program in pids().values():
        for pid in program:
            on_node(f"echo 5 > /proc/{pid}/clear_refs")


def peaks_mib():
    peaks = {}
    for program, numbers in pids().items():
        peaks[program] = max(int(on_node(f"awk '/VmHWM/ {{print $2}}' /proc/{pid}/status")) / 1024 for pid in numbers)
    return peaks


def skill_zip(name, script, extra=None, compression=zipfile.ZIP_STORED, **keys):
    lines = [f"name: {name}", "description: a benchmark", "lang: python", *(f"{k}: {v}" for k, v in keys.items())]
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", compression) as archive:
        archive.writestr("SKILL.md", "---\n" + "\n".join(lines) + "\n---\nFor measuring.\n")
        archive.writestr("main.py", script)
        for path, data in (extra or {}).items():
            archive.writestr(path, data)
    return out.getvalue()


def push(key, archive):
    return call("POST", "/v1/skills", key, archive, "application/zip")


def run(key, skill):
    result = call("POST", "/v1/executions", key, json.dumps({"skill": skill}).encode())
    if result["status"] != "success":
        raise RuntimeError(f"{skill}: {result['status']}: {result['error']}")
    return result


def measure_concurrent(keys, calls):
    for key in keys:
        push(key, skill_zip("bench-small", "print('hello')"))
    with concurrent.futures.ThreadPoolExecutor(calls) as pool:
        jobs = [pool.submit(run, keys[i % len(keys)], "bench-small") for i in range(calls)]
        for job in jobs:
            job.result()


def random_name(prefix):
    """No two runs of this program share a skill: what is measured is the first run."""
    return f"{prefix}-{os.urandom(4).hex()}"


LARGE = random_name("bench-large")


def measure_upload(keys, _):
    size = (50 << 20) - (64 << 10)
    push(keys[0], skill_zip(LARGE, "pass", {"data.bin": os.urandom(size)}, resources="{memory: 1Gi}"))


def measure_large(keys, _):
    run(keys[0], LARGE)


def packed(size):
    """So many bytes that deflate to about a fifth: far from what looks like a bomb."""
    block = os.urandom(size // 5)
    return b"".join(block[i:i + 1024] + bytes(4096) for i in range(0, len(block), 1024))


def measure_unpacked(keys, _):
    name = random_name("bench-unpacked")
    extra = {f"data/{i}.bin": packed((10 << 20) - (64 << 10)) for i in range(20)}
    push(keys[0], skill_zip(name, "pass", extra, zipfile.ZIP_DEFLATED, resources="{memory: 1Gi}"))
    run(keys[0], name)


def measure_many(keys, _):
    names = [random_name("bench-many") for _ in range(8)]
    for name in names:
        push(keys[0], skill_zip(name, "pass", {"data.bin": packed(24 << 20)}, zipfile.ZIP_DEFLATED))
    with concurrent.futures.ThreadPoolExecutor(len(names)) as pool:
        for job in [pool.submit(run, keys[0], name) for name in names]:
            job.result()


def measure_artifact(keys, _):
    script = """
import os
with open(os.path.join(os.environ["SANDBOX_FILES_DIR"], "data.bin"), "wb") as file:
    for _ in range(255):
        file.write(os.urandom(1 << 20))
"""
    push(keys[0], skill_zip("bench-artifact", script, timeout="5m", resources="{memory: 1Gi}"))
    url = run(keys[0], "bench-artifact")["files_url"]
    with urllib.request.urlopen(url, timeout=600) as answer:
        size = sum(len(block) for block in iter(lambda: answer.read(1 << 20), b""))
    if size < 255 << 20:
        raise RuntimeError(f"files.tar.gz has only {size} bytes")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--calls", type=int, default=200)
    parser.add_argument("--tenant-keys", default=os.environ.get("SKILLBOX_API_KEY", ""))
    options = parser.parse_args()
    keys = options.tenant_keys.split(",")
    steps = [("idle", lambda *_: None), (f"{options.calls} calls at once", measure_concurrent), ("50 MiB upload", measure_upload),
             ("50 MiB skill, first run", measure_large), ("200 MiB unpacked, push and first run", measure_unpacked),
             ("8 skills of 24 MiB at once", measure_many), ("256 MiB artifact", measure_artifact)]
    print(f"| {time.strftime('%Y-%m-%d')} | seconds | apiserver peak MiB | controller peak MiB |\n|---|---|---|---|", flush=True)
    failed = False
    for name, step in steps:
        reset_peaks()
        start = time.monotonic()
        try:
            step(keys, options.calls)
        except (RuntimeError, urllib.error.URLError, OSError) as problem:
            print(f"{name}: {problem}", file=sys.stderr)
            failed = True
        peaks = peaks_mib()
        failed |= max(peaks.values()) > LIMIT_MIB
        print(f"| {name} | {time.monotonic() - start:.1f} | {peaks[PROGRAMS[0]]:.1f} | {peaks[PROGRAMS[1]]:.1f} |", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
