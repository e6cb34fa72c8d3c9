import subprocess
import sys

source = "import os, sys; print(sys.argv, sys.path, sys.flags, sorted(sys.modules), list(os.environ.items()))"
print(subprocess.run([sys.executable, "-c", source, "arg"], capture_output=True, text=True))
print(subprocess.run("echo $HOME; exit 3", shell=True, capture_output=True, text=True))
print(subprocess.run([sys.executable, __file__ + ".missing"], capture_output=True, text=True))
