"""What can't be written fails as a read-only place does: with an OSError that names the path."""
import os, pathlib
import helper
for path in ("/sandbox/x", "/sandbox/scripts/x", "/sandbox/scripts/main.py", "/sandbox/input.json", "/usr/x", "/etc/x", "/x"):
    try:
        open(path, "a").close()
        print(path, "written")
    except OSError as problem:
        print(path, problem.filename)
print(os.path.exists("/sandbox/scripts/__pycache__"), helper.VALUE, pathlib.Path("/sandbox/input.json").read_text())
