"""
>>> 1 + 1
3
>>> __name__
'__main__'
"""
import doctest

print(doctest.testmod())
