import multiprocessing


def work(connection):
    connection.send((__name__, multiprocessing.get_start_method(allow_none=True)))


if __name__ == "__main__":
    context = multiprocessing.get_context("forkserver")
    here, there = context.Pipe()
    process = context.Process(target=work, args=(there,))
    process.start()
    print(here.recv())
    process.join()
    print(process.exitcode)
