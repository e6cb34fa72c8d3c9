import sys

import other

if __name__ == "__main__":
    print(other.seen, sys.modules["__main__"].__file__, "main" in sys.modules)
    import main

    print(main.__name__, main.__spec__.name, "main" in sys.modules)
