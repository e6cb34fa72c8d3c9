import threading

threading.Thread(target=threading.Event().wait, daemon=True).start()
print("main ends", [t.name for t in threading.enumerate()])
