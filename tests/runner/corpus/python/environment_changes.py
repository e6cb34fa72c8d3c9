import os
import subprocess

os.environ["NEW"] = "1"
os.environ["HOME"] = "/nowhere"
del os.environ["LANG"]
os.environ.pop("SANDBOX_INPUT")
print(subprocess.run(["env"], capture_output=True).stdout)
os.environ.clear()
print(subprocess.run(["/usr/bin/env"], capture_output=True).stdout, dict(os.environ))
