import sys

seen = []
sys.settrace(lambda frame, event, argument: seen.append((frame.f_code.co_name, event)))


def f():
    return 1


f()
sys.settrace(None)
sys.setprofile(lambda frame, event, argument: seen.append((frame.f_code.co_name, event)))
f()
sys.setprofile(None)
print(seen)
