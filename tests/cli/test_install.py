"""`make install` puts things where systems look for them."""

import os
import subprocess

import pytest

from cli_command import ROOT

FILES = {"bin/skillbox", "share/man/man1/skillbox.1", "share/bash-completion/completions/skillbox", "share/zsh/site-functions/_skillbox",
         "share/fish/vendor_completions.d/skillbox.fish"}


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    root = tmp_path_factory.mktemp("root")
    environment = {**os.environ, "CMAKE_C_COMPILER_LAUNCHER": "ccache", "CCACHE_BASEDIR": str(ROOT), "CCACHE_NOHASHDIR": "1",
                   "CCACHE_DIR": os.environ.get("CCACHE_DIR", os.path.expanduser("~/.cache/skillbox-dev/ccache"))}
    done = subprocess.run(["make", "install", f"DESTDIR={root}", "PREFIX=/opt/x"], cwd=ROOT, capture_output=True, text=True, check=False,
                          env=environment, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    return root / "opt" / "x"


def test_files(installed):
    found = {path.relative_to(installed).as_posix() for path in installed.rglob("*") if path.is_file()}
    assert found - {"libexec/skillbox/skillbox-runner"} == FILES
    assert "skillbox.1" not in subprocess.run(["git", "status", "--short"], cwd=ROOT, capture_output=True, text=True, check=True).stdout


def test_it_runs_and_links_four_libraries(installed):
    program = installed / "bin" / "skillbox"
    assert subprocess.run([program, "--version"], capture_output=True, text=True, check=True).stdout.startswith("skillbox ")
    needed = [line.split("[")[1].partition(".so")[0] for line in
              subprocess.run(["readelf", "-d", program], capture_output=True, text=True, check=True).stdout.splitlines() if "(NEEDED)" in line]
    assert {"libcurl", "libarchive", "libyaml-0", "libpcre2-8"} <= set(needed)
    # For runs on this machine: digests, and a skill's files packed (libarchive brings liblz4 anyway).
    assert set(needed) - {"libcurl", "libarchive", "libyaml-0", "libpcre2-8", "libc", "libcrypto", "liblz4"} == set()


def test_pages_are_of_this_program(installed):
    page = (installed / "share/man/man1/skillbox.1").read_text()
    assert page.startswith(".TH SKILLBOX 1 ") and ".SS skillbox skill push" in page
    assert "__complete" in (installed / "share/zsh/site-functions/_skillbox").read_text()
