for i in range(20000):
    print(f"{i:06d}", "x" * 60)
