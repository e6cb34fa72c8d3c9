def first():
    try:
        int("x")
    except ValueError as error:
        raise RuntimeError("second") from error


try:
    first()
except RuntimeError:
    undefined_name
