import __main__

NAME = __name__


def main_name():
    return __main__.__file__
