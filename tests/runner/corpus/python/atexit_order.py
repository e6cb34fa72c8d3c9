import atexit
import sys

atexit.register(print, "first registered")


@atexit.register
def second():
    print("second registered", sys.is_finalizing())
    raise ValueError("in atexit")


atexit.register(lambda: print("third registered"))
print("body")
