import sys

for i in range(100):
    print("line", i, file=sys.stderr)
sys.stderr.write("without end")
