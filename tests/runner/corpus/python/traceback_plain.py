def outer(values):
    return [inner(value) for value in values]


def inner(value):
    return {"a": 1}["b"] + value


print("before")
outer([1, 2])
