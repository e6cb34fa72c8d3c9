"""Wheels of a few hundred bytes, and an index of them that needs no network."""

import base64
import hashlib
import zipfile


def make_wheel(folder, name, version="1.0", tag="py3-none-any", requires=(), extras=()):
    """Its path. requires: lines as METADATA has them."""
    info = f"{name}-{version}.dist-info"
    metadata = ["Metadata-Version: 2.1", f"Name: {name}", f"Version: {version}", *(f"Provides-Extra: {extra}" for extra in extras),
                *(f"Requires-Dist: {line}" for line in requires)]
    files = {f"{name}.py": f"version = {version!r}\n", f"{info}/METADATA": "\n".join(metadata) + "\n",
             f"{info}/WHEEL": f"Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: {tag}\n"}
    record = [f"{path},sha256={base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).decode().rstrip('=')},{len(text)}"
              for path, text in files.items()]
    files[f"{info}/RECORD"] = "\n".join([*record, f"{info}/RECORD,,\n"])
    path = folder / f"{name}-{version}-{tag}.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for file, text in files.items():
            archive.writestr(zipfile.ZipInfo(file), text)
    return path


def sha256(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()
