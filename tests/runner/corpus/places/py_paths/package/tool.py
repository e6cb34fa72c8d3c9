import sys
print("tool", __file__, __name__, sys.argv)
