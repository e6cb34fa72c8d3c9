import concurrent.futures


def work(x):
    if x == 2:
        raise ValueError("two")
    return x + 1


if __name__ == "__main__":
    with concurrent.futures.ProcessPoolExecutor(2) as pool:
        futures = [pool.submit(work, x) for x in range(3)]
        for future in futures:
            print(future.exception() or future.result())
