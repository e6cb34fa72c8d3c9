import multiprocessing


def square(x):
    return x * x, __name__


if __name__ == "__main__":
    with multiprocessing.get_context("fork").Pool(2) as pool:
        print(pool.map(square, range(5)))
