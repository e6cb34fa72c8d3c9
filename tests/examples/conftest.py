import json

import pytest

from script_runner import EXAMPLES, main_of, run_script


@pytest.fixture
def run(tmp_path):
    """run(path of a script, input)"""
    return lambda path, request: run_script(path, json.dumps(request), tmp_path)


@pytest.fixture
def skill(run):
    """skill(name, input)"""
    return lambda name, request: run(main_of(EXAMPLES / "skills" / name), request)
