import warnings


def old():
    warnings.warn("from the library", DeprecationWarning)
    warnings.warn("of its caller", DeprecationWarning, stacklevel=2)
