import sys


def hook(kind, value, trace):
    print("hook", kind, value, trace.tb_frame.f_code.co_filename, trace.tb_lineno, trace.tb_next)


sys.excepthook = hook
1 / 0
