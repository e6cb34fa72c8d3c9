value = __name__, __path__
