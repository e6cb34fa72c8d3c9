import threading
import time


def work():
    while threading.main_thread().is_alive():  # so no line of the one comes into the midst of one of the other
        time.sleep(0.001)
    print("worker ends", threading.current_thread().name, threading.main_thread().is_alive())


threading.Thread(target=work).start()
print("main ends", threading.main_thread(), threading.get_ident() == threading.main_thread().ident,
      threading.active_count(), threading.get_native_id() == __import__("os").getpid())
