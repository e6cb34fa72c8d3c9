"""Fixtures of the command line's tests."""

import pytest

from cli_command import Command


@pytest.fixture
def command(tmp_path):
    """Without a server and a key."""
    home = tmp_path / "home"
    home.mkdir()
    return Command(home)
