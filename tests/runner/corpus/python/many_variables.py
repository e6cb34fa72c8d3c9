import os
import hashlib

print(len(os.environ), hashlib.sha256(repr(sorted(os.environ.items())).encode()).hexdigest())
