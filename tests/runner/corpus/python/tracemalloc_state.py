import tracemalloc

print(tracemalloc.is_tracing(), tracemalloc.get_traceback_limit())
tracemalloc.start(5)
x = [object() for _ in range(1000)]
print(tracemalloc.take_snapshot().statistics("filename")[0].traceback[0].filename)
print(tracemalloc.get_object_traceback(x[0]))
