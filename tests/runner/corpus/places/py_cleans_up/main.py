"""Empties what it may, twice."""
import os, pathlib, shutil
pathlib.Path("/sandbox/out/output.json").write_text('"kept"')
pathlib.Path("/sandbox/out/files/f.txt").write_text("kept")
pathlib.Path("/tmp/work").mkdir(); pathlib.Path("/tmp/work/x").write_text("x"); pathlib.Path("/tmp/.hidden").write_text("x")
pathlib.Path("/dev/shm/x").write_text("x")
for _ in range(2):
    for folder in ("/tmp", "/dev/shm"):
        for name in os.listdir(folder):
            path = os.path.join(folder, name)
            shutil.rmtree(path) if os.path.isdir(path) else os.unlink(path)
print(os.listdir("/tmp"), os.listdir("/dev/shm"), sorted(os.listdir("/sandbox/out")))
