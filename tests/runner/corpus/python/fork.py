import os
import sys

print("before", flush=True)
pid = os.fork()
if pid == 0:
    print("child", os.getppid() != 1, flush=True)
    sys.exit(4)
print("parent", os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
