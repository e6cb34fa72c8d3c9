import copy
import pickle


class Thing:
    def __init__(self, value):
        self.value = value

    def __eq__(self, other):
        return self.value == other.value


one = Thing([1, {"a": (2, 3)}])
text = pickle.dumps(one)
print(text, pickle.loads(text) == one, copy.deepcopy(one) == one, Thing.__module__, Thing.__qualname__)
