print("before")
print("\udcff")
