"""The tools of these tests, without a cluster: a wrong tool would make every other result worthless."""

import io
import zipfile

import pytest

from skillbox_client import load_environment, minified, raw_member, raw_members, skill_zip
from waiting import wait_for


def test_minified_keeps_every_byte_of_tokens():
    text = '{ "a b" : [1.10 , 1e400,\n\t-0], "q\\" :": "x  y" }'
    assert minified(text) == '{"a b":[1.10,1e400,-0],"q\\" :":"x  y"}'


def test_raw_members_keep_digits_order_and_duplicates():
    text = '{"n":1234567890123456789012345678901234567890, "d":1,"d":{"x" : 1e400},"s":"\\u00e9"}'
    assert raw_members(text) == [("n", "1234567890123456789012345678901234567890"), ("d", "1"),
                                 ("d", '{"x" : 1e400}'), ("s", '"\\u00e9"')]
    assert raw_member(text, "s") == '"\\u00e9"'
    assert raw_member(text, "absent") is None
    with pytest.raises(AssertionError, match="2 times"):
        raw_member(text, "d")
    assert raw_members("{}") == []


def test_skill_zip_holds_the_manifest_and_the_script():
    data = skill_zip("x", "print(1)", resources={"memory": "64Mi"}, files={"scripts/a.txt": b"\0"})
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert archive.namelist() == ["SKILL.md", "main.py", "scripts/a.txt"]
        assert archive.read("SKILL.md").decode() == (
            "---\nname: x\nlang: python\nresources:\n  memory: 64Mi\ndescription: made by an end-to-end test\n---\n\n"
            "Nothing to know.\n")


def test_wait_for_returns_the_value_and_names_what_did_not_come():
    values = iter([None, 0, "there"])
    assert wait_for(lambda: next(values), "a value") == "there"
    with pytest.raises(AssertionError, match="not within 0 s: a miracle"):
        wait_for(lambda: None, "a miracle", timeout=0)


def test_environment_file_is_read_by_a_shell(tmp_path):
    file = tmp_path / "env"
    file.write_text('export SKILLBOX_SERVER_URL="http://x:1"\nSKILLBOX_API_KEY=k\nKUBECONFIG=/k\nPATH="/added:$PATH"\n')
    environment = load_environment(file)
    assert environment["SKILLBOX_SERVER_URL"] == "http://x:1"
    assert environment["PATH"].startswith("/added:/")


def test_environment_file_that_lacks_something_is_an_error_that_says_what_to_do(tmp_path, monkeypatch):
    with pytest.raises(RuntimeError, match="make up"):
        load_environment(tmp_path / "env")
    (tmp_path / "env").write_text("SKILLBOX_SERVER_URL=http://x\n")
    monkeypatch.delenv("SKILLBOX_API_KEY", raising=False)
    with pytest.raises(RuntimeError, match="does not set SKILLBOX_API_KEY"):
        load_environment(tmp_path / "env")
