#!/usr/bin/env python3
"""finish.py FOLDER: makes the packages that pip put into FOLDER ready for sandboxes. Run by the image's own Python, at its build.

Nothing can be written beside them later, and a sandbox is used once, so what is made here is made for all runs: bytecode, without
which an import of pandas takes five times as long, and matplotlib's list of fonts. The packages' own tests go: a quarter of
the size."""

import compileall
import os
import pathlib
import py_compile
import shutil
import subprocess
import sys
import tempfile

# matplotlib knows one place for its list of fonts, a cache folder that it can write to. This one has it look beside its fonts, too.
LOOKUP = "            fm = json_load(fm_path)\n"
LOOKUP_TOO = "            fm = json_load(fm_path if fm_path.exists() else Path(mpl.get_data_path(), fm_path.name))\n"


def drop_tests(folder):
    for path in sorted(folder.rglob("tests")):
        if path.is_dir():
            shutil.rmtree(path)


def list_fonts(folder):
    module = folder / "matplotlib" / "font_manager.py"
    if not module.exists():
        return
    text = module.read_text()
    if text.count(LOOKUP) != 1:
        sys.exit(f"{module} doesn't look for its list of fonts as it used to: adapt LOOKUP in {__file__}")
    with tempfile.TemporaryDirectory() as cache:
        subprocess.run([sys.executable, "-c", "import matplotlib.font_manager"], check=True,
                       env=os.environ | {"MPLCONFIGDIR": cache, "PYTHONPATH": str(folder)})
        (found,) = pathlib.Path(cache).glob("fontlist-*.json")
        shutil.copyfile(found, module.parent / "mpl-data" / found.name)
    module.write_text(text.replace(LOOKUP, LOOKUP_TOO))


def compile_all(folder):
    """By hash and unchecked, so that the files' times don't matter and aren't asked for."""
    if not compileall.compile_dir(folder, quiet=1, force=True, invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH):
        sys.exit("some files have no bytecode")


if __name__ == "__main__":
    packages = pathlib.Path(sys.argv[1])
    drop_tests(packages)
    list_fonts(packages)
    compile_all(packages)
