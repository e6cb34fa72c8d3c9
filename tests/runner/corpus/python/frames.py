import inspect
import sys
import traceback

frame, depth = sys._getframe(), 0
while frame:
    print(frame.f_code, frame.f_lineno, frame.f_globals is globals())
    frame, depth = frame.f_back, depth + 1
print(depth, [(f.filename, f.lineno, f.function) for f in inspect.stack()], inspect.currentframe().f_back)
traceback.print_stack(file=sys.stdout)
