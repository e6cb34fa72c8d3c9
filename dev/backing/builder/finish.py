#!/usr/bin/env python3
"""finish.py FOLDER: bytecode for the pip in FOLDER, beside which nothing can be written later."""

import compileall
import py_compile
import sys

compileall.compile_dir(sys.argv[1], quiet=1, invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH)
