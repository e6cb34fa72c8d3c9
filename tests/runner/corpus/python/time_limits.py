import time

print(0 <= time.process_time() < 5, time.monotonic() > 0, time.get_clock_info("monotonic").implementation)
assert time.thread_time() < 5
