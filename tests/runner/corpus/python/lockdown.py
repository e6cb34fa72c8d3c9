import ctypes
import os
import socket
import subprocess


def attempt(what):
    try:
        return what()
    except OSError as error:
        return error


libc = ctypes.CDLL(None, use_errno=True)
print(attempt(lambda: socket.socket(socket.AF_INET)), attempt(lambda: os.kill(1, 9)))
print(libc.unshare(0x10000000), os.strerror(ctypes.get_errno()), libc.ptrace(0, 0, 0, 0), os.strerror(ctypes.get_errno()))
with open("/tmp/tool", "w") as file:
    file.write("#!/bin/sh\necho ran\n")
os.chmod("/tmp/tool", 0o755)
print(attempt(lambda: subprocess.run(["/tmp/tool"])))
print(attempt(lambda: open("/proc/1/environ").read()), attempt(lambda: os.readlink("/proc/1/fd/0")))
