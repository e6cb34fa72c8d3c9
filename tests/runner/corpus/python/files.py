import json
import os

with open(os.environ["SANDBOX_OUTPUT"], "w") as file:
    json.dump({"input": json.load(open(os.environ["SANDBOX_INPUT_FILE"])), "same": os.environ["SANDBOX_INPUT"]}, file)
os.makedirs(os.environ["SANDBOX_FILES_DIR"] + "a/b")
with open(os.environ["SANDBOX_FILES_DIR"] + "a/b/c.bin", "wb") as file:
    file.write(bytes(range(256)) * 1000)
for path in ("/sandbox/x", "/sandbox/scripts/x", "/usr/x", "/x", "/sandbox/input.json"):
    try:
        open(path, "w")
        print(path, "written")
    except OSError as error:
        print(path, error)
for directory, folders, names in os.walk("/sandbox"):
    print(directory, sorted(folders), sorted(names), oct(os.stat(directory).st_mode))
print(os.listdir("/tmp"), os.listdir("/dev/shm"))
