import ctypes
import faulthandler

print(faulthandler.is_enabled(), flush=True)
faulthandler.enable()
ctypes.string_at(0)
