def run():
    raise LookupError(f"in {__name__} of {__package__}")
