import os
import sys

sys.stdout.write("a\n")
os.write(1, b"b\n")
sys.stdout.buffer.write(b"c\n")
print("d", end="")
print("e", flush=True)
sys.stdout.writelines(["f\n", "g\n"])
print("no newline at the end", end="")
