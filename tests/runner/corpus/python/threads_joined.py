import threading
import time


def work():
    time.sleep(0.05)
    print("worker ends", threading.current_thread().name, threading.main_thread().is_alive())


threading.Thread(target=work).start()
print("main ends", threading.main_thread(), threading.get_ident() == threading.main_thread().ident,
      threading.active_count(), threading.get_native_id() == __import__("os").getpid())
