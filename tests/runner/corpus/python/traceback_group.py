def fail(text):
    raise ValueError(text)


errors = []
for text in ("a", "b"):
    try:
        fail(text)
    except ValueError as error:
        error.add_note("a note\nof two lines")
        errors.append(error)
raise ExceptionGroup("several", errors)
