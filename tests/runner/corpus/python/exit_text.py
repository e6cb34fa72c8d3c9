import sys

sys.exit("went wrong: ä")
