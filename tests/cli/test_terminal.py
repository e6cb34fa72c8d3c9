"""On a terminal: colours, progress, a key that is asked for. Elsewhere: none of it."""

import fcntl
import os
import pty
import select
import struct
import subprocess
import termios

import pytest

from cli_command import PROGRAM, Command
from vector_server import KEY, VectorServer

ID = "0b8f4c7e-6a1d-4a5e-9c3b-2f7d8e9a1b2c"
RUN = {"request": {"method": "POST", "path": "/v1/executions"},
       "answer": {"status": 200, "json": {"execution_id": ID, "status": "success", "error": None}, "fault": {"delay": 0.9}}}


@pytest.fixture(scope="module")
def server():
    with VectorServer() as server:
        yield server


def on_terminal(command, *words, answers=b"", **environment):
    """(exit code, what the terminal showed); answers are typed when something was shown."""
    parent, child = pty.openpty()
    process = subprocess.Popen([PROGRAM, *words], stdin=child, stdout=child, stderr=child, cwd=command.home, start_new_session=True,
                               env={**command.environment, "TERM": "xterm", **environment})
    os.close(child)
    shown = b""
    while True:
        ready, _, _ = select.select([parent], [], [], 60)
        assert ready, shown
        try:
            piece = os.read(parent, 4096)
        except OSError:
            piece = b""
        if not piece:
            break
        shown += piece
        if answers:
            os.write(parent, answers)
            answers = b""
    os.close(parent)
    return process.wait(60), shown.decode()


def test_progress_of_what_takes_long(server, tmp_path):
    command = Command(tmp_path, SKILLBOX_SERVER_URL=server.url, SKILLBOX_API_KEY=KEY)
    server.play({"exchanges": [RUN]})
    code, shown = on_terminal(command, "run", "greet")
    assert code == 0 and "\r\x1b[Krunning greet … 0 s" in shown
    assert shown.index("running greet") < shown.index("\r\x1b[K{")  # it is taken away before the result


@pytest.mark.parametrize("environment", [{"NO_COLOR": "1"}, {"TERM": "dumb"}])
def test_no_progress_where_it_isnt_wanted(server, tmp_path, environment):
    command = Command(tmp_path, SKILLBOX_SERVER_URL=server.url, SKILLBOX_API_KEY=KEY)
    server.play({"exchanges": [RUN]})
    _, shown = on_terminal(command, "run", "greet", **environment)
    assert shown.startswith("{") and "\x1b" not in shown


def test_push_shows_how_far_it_is(server, tmp_path):
    command = Command(tmp_path, SKILLBOX_SERVER_URL=server.url, SKILLBOX_API_KEY=KEY)
    (tmp_path / "greet").mkdir()
    (tmp_path / "greet" / "SKILL.md").write_text("---\nname: greet\ndescription: x\n---\n")
    push = {"request": {"method": "POST", "path": "/v1/skills", "zip": True},
            "answer": {"status": 201, "json": {"name": "greet", "version": "1.0.0"}, "fault": {"delay": 0.9}}}
    server.play({"exchanges": [push]})
    _, shown = on_terminal(command, "push", "greet")
    assert "pushing greet [########################] 100%" in shown and shown.endswith('Pushed skill "greet" successfully\r\n')
    server.play({"exchanges": [push]})
    done = command.run("push", "greet", code=0)
    assert (done.out, done.err) == ('Pushed skill "greet" successfully\n', "")


def test_colours(command):
    command.good("init", "greet")
    assert "  \x1b[32mPASS\x1b[0m  SKILL.md" in on_terminal(command, "lint", "greet")[1]
    assert "\x1b" not in on_terminal(command, "lint", "greet", NO_COLOR="1")[1]
    assert "\x1b" not in command.good("lint", "greet")


def test_a_key_is_asked_for_and_not_shown(server, tmp_path):
    command = Command(tmp_path)
    server.play({"exchanges": [{"request": {"method": "GET", "path": "/v1/executions?limit=1"},
                                "answer": {"status": 200, "json": {"executions": []}}}]})
    code, shown = on_terminal(command, "login", "-s", server.url, answers=KEY.encode() + b"\n")
    assert code == 0 and f"API key for {server.url}: " in shown and KEY not in shown and "Logged in" in shown


def test_the_terminal_is_as_before_after_ctrl_c_at_the_question(server, tmp_path):
    parent, child = pty.openpty()
    before = termios.tcgetattr(child)
    process = subprocess.Popen([PROGRAM, "login", "-s", server.url], stdin=child, stdout=child, stderr=child,
                               env={**Command(tmp_path).environment, "TERM": "xterm"}, preexec_fn=lambda: (os.setsid(), fcntl.ioctl(0, termios.TIOCSCTTY, 0)))
    shown = b""
    while not shown.endswith(b": "):
        ready, _, _ = select.select([parent], [], [], 60)
        assert ready, shown
        shown += os.read(parent, 4096)
    assert not termios.tcgetattr(child)[3] & termios.ECHO
    os.write(parent, b"sk-half\x03")
    assert process.wait(60) == 130
    assert termios.tcgetattr(child) == before
    os.close(child)
    os.close(parent)


def test_a_long_description_is_cut_to_the_line(server, tmp_path):
    command = Command(tmp_path, SKILLBOX_SERVER_URL=server.url, SKILLBOX_API_KEY=KEY)
    skill = {"name": "greet", "version": "1.0.0", "description": "long " * 100}
    listed = {"request": {"method": "GET", "path": "/v1/skills"}, "answer": {"status": 200, "json": [skill]}}
    server.play({"exchanges": [listed, listed]})
    parent, child = pty.openpty()
    fcntl.ioctl(child, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 60, 0, 0))
    subprocess.run([PROGRAM, "skill", "list"], stdout=child, env=command.environment, check=True, timeout=60)
    lines = os.read(parent, 65536).decode().splitlines()
    os.close(child)
    os.close(parent)
    assert max(map(len, lines)) == 60 and lines[1].endswith("…")
    assert "long " * 99 in command.good("skill", "list")
