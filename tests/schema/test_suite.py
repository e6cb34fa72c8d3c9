"""The official suite of JSON Schema: every test of the three dialects but those of vocabularies, which aren't supported."""

import pytest
import schema_suite as suite

# How many tests the suite has: that none is lost on the way here.
COUNTS = {"draft2020-12": 1252, "draft2019-09": 1222, "draft7": 913}


@pytest.fixture(scope="module")
def texts():
    return suite.files()


@pytest.mark.parametrize("draft", suite.DIALECTS)
def test_official_suite(texts, draft):
    groups = suite.groups(texts, draft)
    lines = [{"documents": suite.documents(texts, draft)}]
    lines += [{"schema": group["schema"], "values": [test["data"] for test in group["tests"]]} for _, group in groups]
    answers = suite.verdicts(lines, draft)
    assert len(answers) == len(groups)
    wrong, count = [], 0
    for (file, group), answer in zip(groups, answers):
        if "error" in answer:
            wrong.append(f"{file}: {group['description']}: {answer['error']}")
            continue
        for test, problems in zip(group["tests"], answer["problems"], strict=True):
            count += 1
            if test["valid"] == bool(problems):
                wrong.append(f"{file}: {group['description']}: {test['description']}: {problems}")
    print(f"{draft}: {count} tests")
    assert wrong == []
    assert count == COUNTS[draft]
