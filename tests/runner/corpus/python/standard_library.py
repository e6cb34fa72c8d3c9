import decimal
import hashlib
import json
import re
import sqlite3
import ssl
import tempfile
import zlib
import zoneinfo
import platform
import sysconfig

print(decimal.Decimal("1.10") + 1, hashlib.sha256(b"x").hexdigest(), json.loads("1.0"), re.match(r"(\w+)", "abc d").groups())
print(sqlite3.connect(":memory:").execute("select 1 + 1").fetchone(), ssl.create_default_context().check_hostname, zlib.crc32(b"x"))
print(tempfile.gettempdir(), platform.python_version(), sysconfig.get_paths()["stdlib"], type(zoneinfo.TZPATH))
