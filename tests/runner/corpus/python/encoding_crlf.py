def f():
    text = """two
lines"""
    return repr(text)


print(f())
raise ValueError("CRLF")
