import code
import sys

sys.stderr = sys.stdout  # else the prompt and the line's end come over two pipes, in any order
code.interact(banner="hello", local={"x": 1})
print("after")
