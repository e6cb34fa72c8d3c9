import locale
import os
import sys
import time

print(os.environ["LC_ALL"], locale.setlocale(locale.LC_ALL), sys.stdout.encoding, sys.getfilesystemencoding(), time.tzname)
