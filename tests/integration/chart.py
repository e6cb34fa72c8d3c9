"""The Helm chart, for tests: as a person calls it."""

import subprocess

import yaml

from control_plane import ROOT, program
from weaker_pods import NAMESPACE

CHART = ROOT / "charts" / "skillbox"


def helm(*arguments, check=True):
    done = subprocess.run([program("helm"), *map(str, arguments)], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0 or not check, done.stderr
    return done


def template(*arguments, **options):
    return helm("template", "skillbox", CHART, "-n", NAMESPACE, "--kube-version", "1.36.0", *arguments, **options)


def rendered(*arguments):
    return [document for document in yaml.safe_load_all(template(*arguments).stdout) if document]
