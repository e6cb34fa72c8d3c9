"""Semaphores and shared memory, pools, fork and spawn."""
import multiprocessing, os
from multiprocessing import shared_memory
def square(x): return x * x, os.getcwd()
if __name__ == "__main__":
    block = shared_memory.SharedMemory(create=True, size=1 << 20, name="block")
    block.buf[:5] = b"hello"
    other = shared_memory.SharedMemory("block")
    print(os.listdir("/dev/shm"), bytes(other.buf[:5]))
    other.close()
    block.close(); block.unlink()
    for method in ("fork", "spawn"):
        with multiprocessing.get_context(method).Pool(2) as pool:
            print(method, pool.map(square, range(4)))
    print(os.listdir("/tmp"))
