import sys

events = []
sys.addaudithook(lambda name, arguments: events.append(name))
import json

open("/etc/passwd").close()
sys.argv.copy()
print(sorted(set(events)))
