import inspect


class Point:
    """A point."""

    x = 1

    def norm(self):
        return abs(self.x)


def function(a, *, b=2) -> int:
    return a + b  # with a comment


print(inspect.getsource(Point), inspect.getsource(function), inspect.getsourcefile(function), inspect.getmodule(Point))
print(inspect.signature(function), inspect.getdoc(Point), inspect.getsourcelines(Point.norm)[1], Point, function.__code__)
