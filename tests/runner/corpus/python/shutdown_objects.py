import sys
import weakref


class Loud:
    def __init__(self, name):
        self.name = name

    def __del__(self):
        print("del", self.name, sys is None, __name__)


a = Loud("global")
b = Loud("cycle")
b.self = b
sys.loud = Loud("on sys")
reference = weakref.ref(a, lambda r: print("weakref callback"))
weakref.finalize(a, print, "finalize")


def generator():
    try:
        yield 1
    finally:
        print("generator closed")


g = generator()
next(g)
