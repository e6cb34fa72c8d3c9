import importlib
import os
import pkgutil
import sys

import helper
from package import value
from package.inner import deep

print(helper.__file__, helper.NAME, value, deep.where(), helper.main_name())
print([module.name for module in pkgutil.iter_modules([os.path.dirname(__file__)])])
print(importlib.reload(helper) is helper, importlib.util.find_spec("package.inner"))
try:
    importlib.util.find_spec("__main__")
except ValueError as error:
    print("ValueError", error)
print([name for name in sys.modules if "package" in name or name == "helper"])
try:
    import missing_module
except ModuleNotFoundError as error:
    print(error, error.name, error.path)
print(sorted(os.listdir(os.path.dirname(__file__))))
