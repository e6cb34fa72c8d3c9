"""The example skills are valid by the open Agent Skills form's own checker, and say all that Skillbox wants to know."""

import pathlib

import pytest
import skills_ref
import skills_ref.parser

from script_runner import SKILLS, main_of

LANGS = {".py": "python", ".js": "node", ".sh": "bash"}


@pytest.mark.parametrize("skill", SKILLS, ids=lambda skill: skill.name)
def test_skill_is_valid_in_the_open_form(skill):
    assert skills_ref.validate(skill) == []
    manifest, instructions = skills_ref.parser.parse_frontmatter((skill / "SKILL.md").read_text(encoding="utf-8"))
    assert manifest["license"] == "MIT" and instructions
    metadata = manifest["metadata"]
    of_an_image = {"skillbox.image", "skillbox.resources.cpu", "skillbox.resources.memory"} if "skillbox.image" in metadata else set()
    assert set(metadata) == {"version", "skillbox.lang", "skillbox.timeout"} | of_an_image
    assert metadata["skillbox.lang"] == LANGS[main_of(skill).suffix]


def test_the_checker_checks(tmp_path):
    """It finds what it is for: keys of our plain form."""
    folder = pathlib.Path(tmp_path / "a-skill")
    folder.mkdir()
    (folder / "SKILL.md").write_text("---\nname: a-skill\nversion: 1.0.0\ndescription: x\n---\n")
    assert "version" in skills_ref.validate(folder)[0]
