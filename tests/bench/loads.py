"""Measurements with many requests: rounds, callers at once, throughput, arrivals on a schedule."""

import concurrent.futures
import json
import queue
import random
import threading
import time

import contenders
from cluster import Failure
from contenders import Answers
from report import percentile


def rounds(contestants, count, seconds, quiet, say):
    """Every contestant in turn, `count` times over, in an order drawn anew each round, so that a drift of the machine and what a
    run leaves behind hit all of them (`repeat` times a round; the slowest only in every third), or fewer times when the seconds
    are over. name → [ms]."""
    took = {c.name: [] for c in contestants}
    turn = random.Random(1)
    begin = time.monotonic()
    for number in range(count + 1):
        order = [c for c in contestants if number % c.every == 0 for _ in range(c.repeat)]
        turn.shuffle(order)
        for contestant in order:
            quiet.wait()
            ms = contestant.once()
            if number:  # the first round warms up
                took[contestant.name].append(ms)
            elif isinstance(contestant, contenders.Skillbox):
                contestant.answers.bodies.clear()
        late = number >= 3 and time.monotonic() - begin > seconds
        if number and (number % 5 == 0 or number == count or late):
            say(f"round {number} of {count}: " + ", ".join(f"{n} {percentile(v, 50):.1f}" for n, v in took.items() if v) + " ms (medians)")
        if late:
            break
    quiet.wait()
    return took


class Callers:
    """Connections for many callers, opened before they are needed."""

    def __init__(self, cluster, count):
        self.free = queue.LifoQueue()
        for _ in range(count):
            connection = cluster.rest.connect()
            connection.open()
            self.free.put(connection)

    def once(self, raw, answers, due=None):
        """One request; with `due`, the time since then, whenever it was really sent."""
        connection = self.free.get()
        try:
            begin = time.perf_counter() if due is None else due
            _, status, body = connection.exchange(raw)
            took = time.perf_counter() - begin
        finally:
            self.free.put(connection)
        answers.add(took, status, body)
        return took * 1000

    def close(self):
        while not self.free.empty():
            self.free.get().close()


def at_once(cluster, level, times, skill, quiet, warm=True):
    """`level` callers send at the same moment, `times` over, each time with the pool full."""
    answers, took = Answers(warm), []
    raw = cluster.rest.execution(skill)
    for _ in range(times):
        quiet.wait()
        callers = Callers(cluster, level)
        barrier = threading.Barrier(level)

        def call():
            barrier.wait()
            return callers.once(raw, answers)
        with concurrent.futures.ThreadPoolExecutor(level) as pool:
            took += [f.result() for f in [pool.submit(call) for _ in range(level)]]
        callers.close()
    return took, answers


def closed_loop(cluster, callers_count, total, skill, done, warm=True):
    """`callers_count` callers, each sending its next request when the last was answered, `total` in all. The time runs until done()
    returns, so that each execution pays for its sandbox. Returns (executions a second, [ms], answers)."""
    answers = Answers(warm)
    raw = cluster.rest.execution(skill)
    callers = Callers(cluster, callers_count)
    start = time.perf_counter()
    with concurrent.futures.ThreadPoolExecutor(callers_count) as pool:
        took = [f.result() for f in [pool.submit(callers.once, raw, answers) for _ in range(total)]]
    done()
    rate = total / (time.perf_counter() - start)
    callers.close()
    return rate, took, answers


def pod_churn(cluster, total, in_flight=8):
    """Hardened Pods with the same volumes, created, seen Ready, deleted and gone, `in_flight` at a time: Pods a second."""
    numbers = iter(range(total))
    lock = threading.Lock()

    def work():
        kube = cluster.kube.connect()
        while True:
            with lock:
                number = next(numbers, None)
            if number is None:
                return
            name = f"churn-{time.monotonic_ns()}-{number}"
            path = contenders.PODS
            field = f"{path}?fieldSelector=metadata.name={name}"
            made = cluster.kube.send("POST", path, contenders.pod(name, ["sleep", "600"]), connection=kube)
            watch = cluster.kube.watch(field, made["metadata"]["resourceVersion"])
            deleted = False
            while (line := watch.next(120)):
                event = json.loads(line)
                if event["type"] == "DELETED":
                    break
                if not deleted and contenders.condition(event["object"], "Ready"):
                    deleted = True
                    cluster.kube.send("DELETE", f"{path}/{name}", {"gracePeriodSeconds": 0}, connection=kube)
            watch.close()
            if line is None:
                raise Failure(f"Pod {name} was not gone within 120 s")
    start = time.perf_counter()
    with concurrent.futures.ThreadPoolExecutor(in_flight) as pool:
        for future in [pool.submit(work) for _ in range(in_flight)]:
            future.result()
    return total / (time.perf_counter() - start)


def schedule(rate, seconds, seed):
    """Poisson arrivals, in seconds from the start: fixed before the first request, whatever the answers do."""
    chance, at, times = random.Random(seed), 0.0, []
    while (at := at + chance.expovariate(rate)) < seconds:
        times.append(at)
    return times


def open_loop(cluster, rate, seconds, seed, skill, warm=True):
    """Requests at the times of the schedule. Each latency counts from the time it was due. Returns ([(due, ms)], answers)."""
    due = schedule(rate, seconds, seed)
    answers, took = Answers(warm), [None] * len(due)
    raw = cluster.rest.execution(skill)
    callers = Callers(cluster, 64)
    with concurrent.futures.ThreadPoolExecutor(64) as pool:
        futures = []
        start = time.perf_counter() + 0.1

        def call(index):
            took[index] = (due[index], callers.once(raw, answers, start + due[index]))
        for index, at in enumerate(due):
            time.sleep(max(0.0, start + at - time.perf_counter()))
            futures.append(pool.submit(call, index))
        for future in futures:
            future.result()
    callers.close()
    return took, answers


def windows(samples, seconds, width=10):
    """[{from_s, n, p50_ms, p99_ms}] for each `width` seconds."""
    found = []
    for begin in range(0, seconds, width):
        values = [ms for due, ms in samples if begin <= due < begin + width]
        found.append({"from_s": begin, "n": len(values), "p50_ms": percentile(values, 50), "p99_ms": percentile(values, 99)})
    return found


def sizes(cluster, times, quiet):
    """5 MB input, 1 MB output, 50 MB of files (and their download): name → [ms], and the answers."""
    text = json.dumps({"text": "x" * 5_000_000})
    requests = {"input_5mb": cluster.rest.execution("bench-input", text), "output_1mb": cluster.rest.execution("bench-output"),
                "files_50mb": cluster.rest.execution("bench-files")}
    took = {name: [] for name in (*requests, "files_50mb_download")}
    answers = {name: Answers(True) for name in requests}
    connection = cluster.rest.connect()
    for _ in range(times):
        for name, raw in requests.items():
            quiet.wait()
            seconds, status, body = connection.exchange(raw)
            answers[name].add(seconds, status, body)
            took[name].append(seconds * 1000)
            if name == "files_50mb":
                seconds, _ = cluster.rest.download(json.loads(body)["files_url"])
                took["files_50mb_download"].append(seconds * 1000)
    connection.close()
    return took, answers
