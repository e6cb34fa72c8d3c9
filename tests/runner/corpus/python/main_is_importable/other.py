import __main__

seen = sorted(name for name in vars(__main__) if not name.startswith("__"))
