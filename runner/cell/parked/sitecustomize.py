# Runs while Python starts, at the end of `site`, in an interpreter that the runner has parked (runner/cell/park.h). It waits
# here until the script is there; then Python itself goes on to run the script that its command line has named all along,
# and nothing of this file is left.
import os
import sys


def preload(names):
    for name in filter(None, names.split(",")):
        try:
            __import__(name)
        except BaseException as error:
            print(f"skillbox: preload {name}: {type(error).__name__}: {error}", file=sys.stderr)


def freeze():
    """Half of what a short script costs is the collector's look at all that was there before it, when it ends. Only where
    modules were preloaded: without them, the script shall find everything as a cold start has it."""
    known = "gc" in sys.modules
    import gc
    gc.collect()
    gc.freeze()
    if not known:
        del sys.modules["gc"]


def receive(channel, size):
    got = b""
    while len(got) < size:
        piece = os.read(channel, size - len(got))
        if not piece:
            raise EOFError("the runner is gone")
        got += piece
    return got


def wait(channel, names):
    os.set_inheritable(channel, False)
    if names:
        preload(names)
        freeze()
    os.write(channel, b"\0")
    size = int.from_bytes(receive(channel, 4), "big")
    entries = receive(channel, size).split(b"\0")[:-1]
    os.close(channel)
    os.environ.clear()
    for entry in entries:
        name, _, value = entry.partition(b"=")
        os.environb[name] = value
    packages = os.environ.get("PYTHONPATH")  # of the skill; where they were not known when Python started
    if packages and packages not in sys.path:
        sys.path.insert(0, packages)


channel = int(os.environ.pop("SKILLBOX_CHANNEL"))
names = os.environ.pop("SKILLBOX_PRELOAD")
del os.environ["PYTHONPATH"]
sys.path_importer_cache.pop(sys.path.pop(0), None)
del sys.modules[__name__]
try:
    import sitecustomize  # the image's own; that there is none is no error to `site`
finally:
    try:
        wait(channel, names)
    except BaseException as error:  # `site` would only print it, and the script would run without its environment
        print(f"skillbox: {type(error).__name__}: {error}", file=sys.stderr)
        os._exit(70)
