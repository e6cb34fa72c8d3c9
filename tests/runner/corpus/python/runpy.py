import runpy

got = runpy.run_path(__file__, run_name="again") if __name__ == "__main__" else None
print(__name__, __file__, got and got["__name__"])
