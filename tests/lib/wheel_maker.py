"""Wheels made on the spot, as the binary distribution format has them."""

import base64
import hashlib
import io
import zipfile


def wheel(name, version="1.0", tag="py3-none-any", files=None, change=None, requires=(), extras=()):
    """(file name, bytes). files: {path: bytes} instead of one module; change: what is done to {path: bytes} after RECORD was made;
    requires: lines as METADATA has them."""
    info = f"{name}-{version}.dist-info"
    content = {f"{name}.py": f"VERSION = {version!r}\n".encode()} if files is None else dict(files)
    metadata = ["Metadata-Version: 2.1", f"Name: {name}", f"Version: {version}", *(f"Provides-Extra: {extra}" for extra in extras),
                *(f"Requires-Dist: {line}" for line in requires)]
    content[f"{info}/METADATA"] = "".join(f"{line}\n" for line in metadata).encode()
    content[f"{info}/WHEEL"] = f"Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: {tag}\n".encode()
    lines = [f"{path},sha256={digest(data)},{len(data)}\n" for path, data in content.items()]
    content[f"{info}/RECORD"] = "".join([*lines, f"{info}/RECORD,,\n"]).encode()
    if change:
        change(content)
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for path, data in content.items():
            archive.writestr(zipfile.ZipInfo(path, (2026, 1, 1, 0, 0, 0)), data, zipfile.ZIP_DEFLATED)
    return f"{name}-{version}-{tag}.whl", out.getvalue()


def digest(data):
    """As RECORD writes it."""
    return base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()


def sums(*wheels):
    """wheels/sha256sums of (file name, bytes)."""
    return "".join(f"{hashlib.sha256(data).hexdigest()}  {name}\n" for name, data in sorted(wheels)).encode()
