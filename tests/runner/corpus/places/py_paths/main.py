"""Every way a Python script asks where it is."""
import inspect, json, os, pathlib, runpy, sys, traceback
import package.inner
print(__file__, os.path.realpath(__file__), os.path.abspath("."), os.getcwd(), sys.argv, sys.path[0])
print(pathlib.Path(__file__).resolve().parent, pathlib.Path("out/files").resolve(), pathlib.Path.cwd())
print(package.inner.__file__, package.inner.where(), inspect.getsourcefile(package.inner.where))
print(pathlib.Path(os.environ["SANDBOX_OUTPUT"]).resolve(), os.path.realpath(os.environ["SANDBOX_FILES_DIR"]))
print(os.path.realpath("/tmp"), os.path.realpath("/dev/shm"), os.path.realpath("/sandbox/input.json"))
for path in ("/sandbox", "/sandbox/scripts", "/sandbox/out", "/sandbox/out/files", "/tmp", "/dev/shm"):
    print(path, os.path.islink(path), os.path.isdir(path), os.path.samefile(path, os.path.realpath(path)))
print(sorted(os.listdir("/sandbox")), sorted(os.listdir("/sandbox/out")), os.listdir("/tmp"), os.listdir("/dev/shm"))
print(len({os.stat(p).st_dev for p in ("/sandbox/out", "/tmp", "/dev/shm")}))
try:
    package.inner.fail()
except ValueError:
    traceback.print_exc()
runpy.run_path("/sandbox/scripts/package/tool.py", run_name="__main__")
os.chdir("scripts/package")
print(os.getcwd(), os.path.realpath(".."), open("data.json").read().strip())
json.dump({"at": os.path.dirname(os.path.abspath(__file__))}, open(os.environ["SANDBOX_OUTPUT"], "w"))
