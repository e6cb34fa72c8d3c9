import multiprocessing
import sys


class Thing:
    def __init__(self, value):
        self.value = value


def work(thing, queue):
    queue.put((__name__, thing.value, sys.argv, tuple(sys.flags), multiprocessing.current_process().name))


if __name__ == "__main__":
    context = multiprocessing.get_context("spawn")
    queue = context.Queue()
    process = context.Process(target=work, args=(Thing([1, 2]), queue))
    process.start()
    print(queue.get())
    process.join()
    print(process.exitcode)
else:
    print("imported as", __name__)
