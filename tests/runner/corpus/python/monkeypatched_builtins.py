import builtins
import sys

builtins.extra = "everywhere"
print(extra)  # noqa: F821
real = builtins.__import__
builtins.__import__ = lambda name, *rest: (sys.stdout.write(f"import {name}\n"), real(name, *rest))[1]
import colorsys

print(colorsys.__name__)
