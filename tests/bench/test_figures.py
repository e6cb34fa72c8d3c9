"""What `make bench` makes of what it measured; no cluster."""

import xml.etree.ElementTree

import pytest

import bench
import costs
import hotspots
import loads
import plots
import report
import wire


def test_percentiles_are_values_that_were_measured():
    values = list(range(100, 0, -1))
    assert [report.percentile(values, p) for p in (50, 90, 99, 100)] == [50, 90, 99, 100]
    assert report.percentile([7.5], 99) == 7.5
    assert report.percentile([1, 2], 50) == 1
    assert report.percentile([], 50) is None


METRICS = """\
# HELP apiserver_request_total Counter
apiserver_request_total{code="201",component="apiserver",dry_run="",group="skillbox.dev",resource="executions",scope="resource",subresource="",verb="POST",version="v1alpha1"} 40
apiserver_request_total{code="200",component="apiserver",dry_run="",group="skillbox.dev",resource="executions",scope="resource",subresource="status",verb="PATCH",version="v1alpha1"} 41
apiserver_request_total{code="409",component="apiserver",dry_run="",group="",resource="pods",scope="resource",subresource="",verb="POST",version="v1"} 3
apiserver_request_total{code="200",component="apiserver",dry_run="",group="",resource="pods",scope="resource",subresource="",verb="LIST",version="v1"} 9
apiserver_request_total{code="200",component="apiserver",dry_run="All",group="",resource="pods",scope="resource",subresource="",verb="POST",version="v1"} 5
apiserver_request_duration_seconds_count{verb="POST"} 77
"""


def test_writes_are_those_that_were_done():
    before = {"POST skillbox.dev/executions": 30.0, "PATCH skillbox.dev/executions/status": 41.0}
    after = costs.parse_writes(METRICS)
    assert after == {"POST skillbox.dev/executions": 40.0, "PATCH skillbox.dev/executions/status": 41.0}
    assert costs.difference(before, after) == {"POST skillbox.dev/executions": 10.0}


def test_what_the_idle_cluster_costs_is_taken_off():
    programs = ("skillbox-apiserver", "skillbox-controller")
    idle = {"seconds": 10, "cpu_s": dict.fromkeys(programs, 0.1), "node_cpu_s": 2.0, "writes": {}}
    busy = {"seconds": 20, "cpu_s": dict.fromkeys(programs, 0.7), "node_cpu_s": 14.0,
            "writes": {"POST skillbox.dev/executions": 10.0, "POST pods": 10.0, "PATCH skillbox.dev/executions/status": 12.0}}
    cost = costs.shares(idle, busy, 10)
    assert cost["cpu_s"]["skillbox-apiserver"] == pytest.approx(0.05)
    assert cost["node_cpu_s"] == pytest.approx(1.0)
    assert cost["share"] == pytest.approx(0.1)
    assert cost["skillbox_writes"] == pytest.approx(2.2)


def test_arrivals_are_the_same_for_the_same_seed_and_as_many_as_the_rate_says():
    times = loads.schedule(3.0, 1000, 5)
    assert times == loads.schedule(3.0, 1000, 5) != loads.schedule(3.0, 1000, 6)
    assert times == sorted(times) and 0 < times[0] and times[-1] < 1000
    assert 2800 < len(times) < 3200


def test_a_window_has_what_was_due_in_it():
    found = loads.windows([(0.5, 10), (9.9, 30), (10.0, 50)], 20)
    assert [(w["from_s"], w["n"], w["p50_ms"], w["p99_ms"]) for w in found] == [(0, 2, 10, 30), (10, 1, 50, 50)]


class Contestant:
    repeat = 2

    def __init__(self, name, every=1):
        self.name, self.every, self.runs = name, every, 0

    def once(self):
        self.runs += 1
        return float(self.runs)


class Quiet:
    def wait(self):
        pass


def test_rounds_take_turns_and_leave_the_first_one_out():
    often, seldom = Contestant("often"), Contestant("seldom", 3)
    took = loads.rounds([often, seldom], 6, 1000, Quiet(), lambda text: None)
    assert len(took["often"]) == 12 and min(took["often"]) == 3
    assert len(took["seldom"]) == 4


def test_rounds_end_when_their_time_is_over_but_not_before_the_third():
    contestant = Contestant("one")
    assert len(loads.rounds([contestant], 100, 0, Quiet(), lambda text: None)["one"]) == 6


def results(**medians):
    return [report.summary(name, [value] * 9 + [2 * value]) for name, value in medians.items()]


def test_gvisor_is_compared_by_the_bare_process_of_its_own_phase():
    """A machine that was twice as slow in the second phase must not make gVisor look slow."""
    data = {"results": results(warm=8, bare=16, warm_gvisor=20, bare_gvisor=32)}
    found = report.ratios(data)
    assert found["warm_over_bare"] == 0.5
    assert found["warm_p99_over_p50"] == 2
    assert found["gvisor_warm_over_warm"] == pytest.approx(1.25)
    assert found["job_over_warm"] is None and found["throughput_over_pod_churn"] is None


def test_parts_that_are_measured_again_take_the_place_of_the_old_ones():
    old = {"command": "a", "load_before": [1], "results": results(warm=10, bare=16), "throughput": {"pods_per_s": 2}, "date": "1"}
    new = {"command": "b", "load_before": [9], "results": results(warm=8, job=400), "throughput": {}, "date": "2"}
    joined = bench.join(old, new)
    assert {r["name"]: r["p50_ms"] for r in joined["results"]} == {"bare": 16, "warm": 8, "job": 400}
    assert joined["ratios"]["warm_over_bare"] == 0.5 and joined["ratios"]["job_over_warm"] == 50
    assert (joined["command"], joined["throughput"], joined["load_before"]) == ("a; b", {"pods_per_s": 2}, [1])


def test_a_target_is_kept_or_missed():
    assert report.is_met("warm_over_bare", 0.6) and not report.is_met("warm_over_bare", 0.61)
    assert report.is_met("job_over_warm", 40) and not report.is_met("job_over_warm", 39)


def test_plots_are_well_formed():
    phases = {"phases": {"queue_ms": 0.1, "sandbox_ms": 0.2, "start_ms": 1.0, "run_ms": 9.0, "collect_ms": 0.1, "rest_ms": 2.0}}
    data = {"results": [report.summary("warm", [12.0, 14.0], **phases), *results(bare=16, job=3000, at_once_1=12, at_once_50=90)],
            "arrivals": [{"share": 0.5, "windows": [{"from_s": 0, "n": 3, "p50_ms": 9.0, "p99_ms": 40.0}]}],
            "memory_mib": {"steps": [{"finished": n, "skillbox-apiserver": {"rss": 17 + n / 100}, "skillbox-controller": {"rss": 18}}
                                     for n in (0, 1000)]}}
    found = plots.plots(data)
    assert set(found) == {"latency.svg", "phases-warm.svg", "concurrency.svg", "arrivals.svg", "memory.svg"}
    for svg in found.values():
        assert xml.etree.ElementTree.fromstring(svg).tag.endswith("svg")
        assert "nan" not in svg


@pytest.mark.parametrize("high", [0.5, 1.0, 7.3, 9.99, 10.0, 60.0, 950.0, 10000.0])
def test_marks_of_an_axis_reach_over_its_highest_value(high):
    marks = plots.steps(high)
    assert marks[0] == 0 and marks[-1] >= high and 3 <= len(marks) <= 9


class Script(wire.Connection):
    """A connection that gives the bytes of an answer in the given pieces."""

    def __init__(self, *pieces):
        super().__init__("nowhere", 1)
        self.pieces = list(pieces)

    def more(self):
        if not self.pieces:
            raise wire.Closed("no more")
        return self.pieces.pop(0)


@pytest.mark.parametrize("size", [1, 2, 3, 7, 1000])
def test_answers_are_read_whole_however_they_arrive(size):
    data = (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"
            b"HTTP/1.1 201 Created\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2;x=y\r\nde\r\n0\r\n\r\n"
            b"HTTP/1.1 204 No Content\r\n\r\n")
    connection = Script(*(data[i:i + size] for i in range(0, len(data), size)))
    seen = []
    for _ in range(3):
        status, head = connection.head()
        seen.append((status, connection.body(head)))
    assert seen == [(200, b"hello"), (201, b"abcde"), (204, b"")]
    with pytest.raises(wire.Closed):
        connection.head()


def test_websocket_frames_are_whole_or_awaited():
    for size, head in ((5, bytes([0x82, 5])), (300, bytes([0x82, 126, 1, 44])), (70000, bytes([0x82, 127]) + (70000).to_bytes(8, "big"))):
        frame = head + b"x" * size
        assert wire.parse_frame(frame + b"more") == (2, b"x" * size, b"more")
        assert all(wire.parse_frame(frame[:cut]) is None for cut in (0, 1, len(head) - 1, len(head), len(frame) - 1))


PERF = """\
        python3   539   99.000000:      55ba7f2f7b91 before (/usr/bin/python3.13)
 skillbox-contro  1704  100.001000:      55ba7f2f7b91 plan_execution (/usr/local/bin/skillbox-controller)
        runner    77  100.002000:  ffffffff816048f6 __handle_mm_fault ([kernel.kallsyms])
        runner    77  100.004000:      55ba7f763cd1 [unknown] (/skillbox/runner)
        swapper     0  100.500000:  ffffffff816048f6 between ([kernel.kallsyms])
        my process     3  200.002000:  ffffffff816048f6 a b ([kernel.kallsyms])
        python3   539  300.000000:      55ba7f2f7b91 after (/usr/bin/python3.13)
"""


def test_only_samples_within_executions_count():
    found = list(hotspots.inside([(100.0, 100.010), (200.0, 200.010)], PERF))
    assert [(round(at), span, comm, symbol) for at, span, comm, symbol, _ in found] == [
        (1, 0, "skillbox-contro", "plan_execution"), (2, 0, "runner", "__handle_mm_fault"), (4, 0, "runner", "[unknown]"),
        (2, 1, "my process", "a b")]
