"""How much memory a program has, of builds with sanitizers, too: these keep what was freed, unless they are told not to."""

import re
import time

import requests

ASAN_OPTIONS = "detect_leaks=0:quarantine_size_mb=1:thread_local_quarantine_size_kb=64:allocator_release_to_os_interval_ms=50"


def resident(program):
    """Bytes of the process that are in memory."""
    with open(f"/proc/{program.process.pid}/status") as status:
        return int(re.search(r"^VmRSS:\s+(\d+) kB$", status.read(), re.MULTILINE)[1]) << 10


def cached(url, resource):
    """How many objects of a resource the program at that address has in its cache."""
    metrics = requests.get(url + "/metrics", timeout=30).text
    found = re.search(rf'^skillbox_informer_objects{{resource="{resource}"}} (\d+)$', metrics, re.MULTILINE)
    return int(found[1]) if found else 0


def settled(program, quiet=0.4, timeout=10):
    """The same when it doesn't become less any more: what was freed goes back to the system in pieces."""
    lowest, since, end = resident(program), time.monotonic(), time.monotonic() + timeout
    while time.monotonic() - since < quiet and time.monotonic() < end:
        time.sleep(0.02)
        now = resident(program)
        if now < lowest - 4096:
            lowest, since = now, time.monotonic()
    return lowest
