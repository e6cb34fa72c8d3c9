import os
def where(): return os.path.dirname(os.path.realpath(__file__))
def fail(): raise ValueError("seen at " + __file__)
