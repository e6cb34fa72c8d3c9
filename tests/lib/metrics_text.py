"""A strict reader of Prometheus' text exposition format 0.0.4: what a scraper may trip over is an error here."""

import math
import re

import requests

from waiting import wait_for

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
NAME = r"[a-zA-Z_:][a-zA-Z0-9_:]*"
LABEL = r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\[\\"n])*)"'
SAMPLE = re.compile(rf"({NAME})(?:\{{({LABEL}(?:,{LABEL})*)\}})? ([^ ]+)")
SUFFIXES = {"histogram": ("_bucket", "_sum", "_count")}


class Metrics:
    """types: name → type; value(name, **labels); every sample in samples: (name, frozen labels) → number."""

    def __init__(self, text):
        assert text.endswith("\n"), "the last line has no end"
        self.types, self.samples = {}, {}
        family, helped = None, None
        for line in text[:-1].split("\n"):
            if line.startswith("# HELP "):
                helped = line.split(" ", 3)[2]
                assert helped not in self.types, f"{helped} comes twice"
                assert len(line.split(" ", 3)) == 4, line
            elif line.startswith("# TYPE "):
                _, _, family, kind = line.split(" ")
                assert family == helped and re.fullmatch(NAME, family), line
                assert kind in ("counter", "gauge", "histogram"), line
                assert (kind == "counter") == family.endswith("_total"), line
                self.types[family] = kind
            else:
                self._sample(family, line)
        for name, kind in self.types.items():
            if kind == "histogram":
                self._check_histogram(name)

    def _sample(self, family, line):
        found = SAMPLE.fullmatch(line)
        assert found, f"no sample: {line!r}"
        name, labels, value = found[1], found[2] or "", found[found.re.groups]
        expected = [family + suffix for suffix in SUFFIXES.get(self.types[family], ("",))]
        assert name in expected, f"{name} below the head of {family}"
        pairs = [(key, re.sub(r"\\(.)", lambda m: {"n": "\n"}.get(m[1], m[1]), text)) for key, text in re.findall(LABEL, labels)]
        assert len(dict(pairs)) == len(pairs), line
        key = (name, frozenset(pairs))
        assert key not in self.samples, f"twice: {line}"
        self.samples[key] = number = float(value)
        assert self.types[family] == "gauge" or number >= 0, line

    def _check_histogram(self, name):
        series = {}
        for (sample, labels), value in self.samples.items():
            if sample == name + "_bucket":
                labels = dict(labels)
                bound = float(labels.pop("le"))
                series.setdefault(frozenset(labels.items()), []).append((bound, value))
        for labels, buckets in series.items():
            buckets.sort()
            counts = [count for _, count in buckets]
            assert counts == sorted(counts), f"{name}{dict(labels)}: a larger bucket has less"
            assert buckets[-1] == (math.inf, self.samples[name + "_count", labels])
            assert (name + "_sum", labels) in self.samples

    def value(self, name, **labels):
        return self.samples[name, frozenset(labels.items())]

    def get(self, name, **labels):
        """0 if it was never counted."""
        return self.samples.get((name, frozenset(labels.items())), 0)

    def labels(self, name):
        """The labels of every series of a name."""
        return [dict(labels) for sample, labels in self.samples if sample == name]


def read_metrics(url):
    answer = requests.get(url + "/metrics", timeout=10)
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, CONTENT_TYPE), answer.text
    return Metrics(answer.text)


def settled_metrics(url, in_flight=0):
    """An API server's when no more than in_flight requests are: one is counted once its answer has left, a moment after the caller has it."""
    def settled():
        metrics = read_metrics(url)
        return metrics.value("skillbox_http_requests_in_flight") == in_flight and metrics

    return wait_for(settled, f"{in_flight} requests in flight")


def metric_of(server, name, **labels):
    """One value of an API server (ApiServer)."""
    return read_metrics(server.health_url).value(name, **labels)
