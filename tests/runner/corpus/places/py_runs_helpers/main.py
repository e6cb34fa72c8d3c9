"""Programs of the archive: by path, by name, by shebang, through a shell, from another directory."""
import os, subprocess
def run(*command, **options):
    print(command, subprocess.run(command, capture_output=True, text=True, **options).stdout.strip())
here = os.path.dirname(os.path.abspath(__file__))
run(here + "/bin/tool.sh", "a b")
run("./bin/tool.sh", cwd=here)
run("tool.py", env={**os.environ, "PATH": here + "/bin:" + os.environ["PATH"]})
run("sh", "-c", "scripts/bin/tool.sh | tr a-z A-Z")
run("bash", "scripts/bin/tool.sh")
print(os.access(here + "/bin/tool.sh", os.X_OK), os.access(here + "/plain.sh", os.X_OK))
try:
    run(here + "/plain.sh")
except PermissionError as problem:
    print("plain:", problem.strerror)
os.execv(here + "/bin/tool.py", ["tool.py", "last"])
