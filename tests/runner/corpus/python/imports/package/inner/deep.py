from ... import package as up_two  # noqa: F401


def where():
    return __name__
