"""A jail by realpath, as file tools have it, and the usual ways to write files."""
import os, pathlib, shutil, tempfile, zipfile, tarfile, sqlite3, gzip
root = pathlib.Path(os.environ["SANDBOX_FILES_DIR"])
def safe(name):
    target = (root / name).resolve()
    if not str(target).startswith("/sandbox/out/files/"):
        raise SystemExit(f"path escapes the output folder: {target}")
    return target
safe("report.txt").write_text("report")
safe("deep/er").mkdir(parents=True)
safe("deep/er/x.txt").write_text("x")
with tempfile.NamedTemporaryFile("w", delete=False) as file:
    file.write("moved")
print(os.path.dirname(file.name))
shutil.move(file.name, safe("moved.txt"))
with tempfile.TemporaryDirectory() as folder:
    pathlib.Path(folder, "a").write_text("a")
    with zipfile.ZipFile(safe("made.zip"), "w") as made:
        made.write(os.path.join(folder, "a"), "a")
    shutil.copytree(folder, safe("tree"))
try:
    os.rename("/sandbox/out/files/moved.txt", "/tmp/over")
    print("renamed across")
except OSError as problem:
    print(problem.strerror)
os.rename(safe("moved.txt"), safe("deep/moved.txt"))
os.link(safe("deep/moved.txt"), safe("linked.txt"))
os.symlink("linked.txt", safe("symlinked.txt").parent / "soft.txt")
print(os.readlink(root / "soft.txt"), (root / "soft.txt").resolve(), os.stat(safe("linked.txt")).st_nlink)
sqlite3.connect(safe("db.sqlite")).executescript("create table t(x); insert into t values (1);")
pathlib.Path("/sandbox/out/output.json.tmp").write_text('{"done": true}')
os.replace("/sandbox/out/output.json.tmp", "/sandbox/out/output.json")
os.chmod(safe("report.txt"), 0o600)
os.utime(safe("report.txt"), (1e9, 1e9))
print(oct(os.stat(safe("report.txt")).st_mode), os.stat(safe("report.txt")).st_mtime)
safe("db.sqlite").unlink(); safe("made.zip").unlink()
print(sorted(str(p.relative_to(root)) for p in root.rglob("*")))
