import os
import sys

if "AGAIN" not in os.environ:
    print("first", flush=True)
    os.environ["AGAIN"] = "1"
    os.execv(sys.executable, sys.orig_argv)
print("second", sys.argv, sys.path[0], sys.orig_argv)
