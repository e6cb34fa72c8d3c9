import os
import sys

sys.stdout.write("written")
os._exit(7)
