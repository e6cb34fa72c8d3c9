import warnings

import library

warnings.warn("from main", DeprecationWarning)
warnings.warn("from main, user", UserWarning)
library.old()
for _ in range(3):
    warnings.warn("only once a place", RuntimeWarning)
open("/etc/passwd")
