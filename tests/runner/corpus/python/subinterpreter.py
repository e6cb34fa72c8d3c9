import sys

try:
    import _interpreters as interpreters
except ImportError:
    import _xxsubinterpreters as interpreters
one = interpreters.create()
run = getattr(interpreters, "run_string")
run(one, "import sys, os; print(sys.argv, __name__, sorted(sys.modules), 'PYTHONPATH' in os.environ, flush=True)")
print("back", sys.path[1:])
