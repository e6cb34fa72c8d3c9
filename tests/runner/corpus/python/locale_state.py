import codecs
import locale
import sys
import time

print(locale.getlocale(), locale.setlocale(locale.LC_ALL), locale.getpreferredencoding(), locale.localeconv(), time.tzname,
      time.timezone, codecs.lookup("utf8"), sys.flags.utf8_mode)
print(time.strftime("%A %B %Z", time.gmtime(0)))
