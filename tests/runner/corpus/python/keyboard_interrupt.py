def inner():
    raise KeyboardInterrupt("by hand")


inner()
