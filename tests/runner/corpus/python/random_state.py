import random
import secrets

random.seed(7)
print([random.random() for _ in range(3)], len(secrets.token_hex()), isinstance(hash("x"), int), hash(1.5))
import sys

print(sys.flags.hash_randomization, random.SystemRandom().random() < 1)
