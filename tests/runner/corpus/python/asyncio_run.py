import asyncio
import sys


async def work(n):
    await asyncio.sleep(0.001 * n)
    if n == 2:
        raise ValueError("two")
    return n


async def main():
    print(await asyncio.gather(*(work(n) for n in range(3)), return_exceptions=True))
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", "print(6 * 7)", stdout=asyncio.subprocess.PIPE)
    print(await process.communicate(), process.returncode)
    task = asyncio.ensure_future(work(2))
    await asyncio.sleep(0.01)
    del task


asyncio.run(main())


async def fail():
    raise RuntimeError("at the top")


asyncio.run(fail())
