import sys
import __main__

for name, value in list(globals().items()):
    print(name, "=", value if name != "__loader__" else (type(value), value.name, value.path))
print(sys.modules["__main__"] is __main__, __main__.__dict__ is globals(), __main__)
x: int = 3
print(__annotations__ if sys.version_info < (3, 14) else __main__.__annotations__, dir())
