code = compile("def f():\n    raise KeyError('x')\nf()\n", "<made up>", "exec")
exec(code, {"__name__": "inside"})
