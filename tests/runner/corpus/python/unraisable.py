class Bad:
    def __del__(self):
        raise ValueError("in __del__")


Bad()
print("goes on")
