import sys

for name in ("sitecustomize", "usercustomize"):
    try:
        module = __import__(name)
        print(name, module, module.__file__, module.__spec__)
    except ImportError as error:
        print(type(error), error, error.name)
import site

print(site.ENABLE_USER_SITE, site.USER_SITE, site.USER_BASE, site.getsitepackages(), site.PREFIXES, sys.path)
