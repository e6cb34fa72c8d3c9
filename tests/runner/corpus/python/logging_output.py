import logging

logging.warning("to the root, %s", "by default")
logging.getLogger("a.b").error("formatted", exc_info=ValueError("x"))
logging.info("not shown")
log = logging.getLogger("handler")
log.addHandler(logging.StreamHandler())
log.critical("%(name)s", {"name": "n"})
