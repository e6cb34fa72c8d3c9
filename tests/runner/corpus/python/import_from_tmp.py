import importlib
import os
import sys

os.makedirs("/tmp/made", exist_ok=True)
with open("/tmp/made/fresh.py", "w") as file:
    file.write("value = __file__\n")
sys.path.insert(0, "/tmp/made")
importlib.invalidate_caches()
import fresh

print(fresh.value, os.listdir("/tmp/made"))
