import sys

print(repr(sys.stdin.read()), repr(sys.stdin.readline()))
print(repr(input("ask:\n")))
