import sys

for name in ("argv", "orig_argv", "path", "flags", "executable", "prefix", "base_prefix", "exec_prefix", "warnoptions", "_xoptions",
             "meta_path", "path_hooks", "dont_write_bytecode", "pycache_prefix", "float_repr_style", "platlibdir", "stdin", "stdout",
             "stderr", "last_value", "ps1", "tracebacklimit", "_framework", "thread_info", "implementation", "_base_executable",
             "byteorder", "maxunicode", "hexversion"):
    print(name, getattr(sys, name, "none"))
print(sorted(sys.modules))
print(list(sys.path_importer_cache))
print(sys.getrecursionlimit(), sys.getswitchinterval(), sys.getfilesystemencoding(), sys.getfilesystemencodeerrors(),
      sys.getdefaultencoding(), sys.getdlopenflags(), sys.gettrace(), sys.getprofile(), sys.is_finalizing())
print(sys.excepthook is sys.__excepthook__, sys.displayhook is sys.__displayhook__, sys.breakpointhook is sys.__breakpointhook__,
      sys.unraisablehook is sys.__unraisablehook__, sys.stdout is sys.__stdout__)
print(sys.get_asyncgen_hooks(), sys.get_coroutine_origin_tracking_depth(), sys.get_int_max_str_digits())
