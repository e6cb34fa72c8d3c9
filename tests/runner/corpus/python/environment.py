import ctypes
import os
import subprocess

print(list(os.environ.items()))
print(list(os.environb.items()))
print(type(os.environ), os.environ._data is __import__("posix").environ)
libc = ctypes.CDLL(None)
libc.getenv.restype = ctypes.c_char_p
for name in ("SANDBOX_INPUT", "HOME", "EMPTY", "UMLAUT", "PYTHONPATH", "SKILLBOX_CHANNEL", "SKILLBOX_PRELOAD"):
    print(name, libc.getenv(name.encode()), os.getenv(name))
print(subprocess.run(["env"], capture_output=True).stdout)
