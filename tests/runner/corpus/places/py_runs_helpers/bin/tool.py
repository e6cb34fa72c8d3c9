#!/usr/bin/env python3
import os, sys
print("tool.py", os.path.realpath(__file__), sys.argv[1:], sys.path[0])
