import os

os.closerange(3, 4096)
print(os.pipe(), os.dup(1))
os.close(2)
raise ValueError("nobody hears this")
