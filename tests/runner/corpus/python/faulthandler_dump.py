import faulthandler
import sys


def inner():
    faulthandler.dump_traceback(sys.stdout)


inner()
