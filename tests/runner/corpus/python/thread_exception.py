import threading

thread = threading.Thread(target=lambda: 1 / 0, name="divider")
thread.start()
thread.join()
print("goes on")
