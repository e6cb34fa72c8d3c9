"""Builds the distributions of one file (PEP 517, PEP 660) with the standard library alone: the module that pyproject.toml names
under [tool.build_backend]. Each project of one file has this as its backend, byte for byte the same.

It is here for two reasons. Installing needs nothing from a network. And type checkers look for `py.typed` in packages only
(PEP 561), so that the one file becomes a package: skillbox/__init__.py is skillbox.py, byte for byte."""

import ast
import base64
import gzip
import hashlib
import io
import pathlib
import re
import tarfile
import zipfile

HERE = pathlib.Path(__file__).resolve().parent
SOURCES = ("CHANGELOG.md", "LICENSE", "README.md", "build_backend.py", "py.typed", "pyproject.toml")
TAG = "py3-none-any"


def table(name):
    """A table of pyproject.toml. The values that are used there are Python literals, too, but for {"key" = …}: Python 3.9 and
    3.10 have no reader of TOML."""
    section = (HERE / "pyproject.toml").read_text(encoding="utf-8").split(f"[{name}]\n")[1].split("\n[")[0]
    section = re.sub(r"^#.*\n", "", section, flags=re.MULTILINE)
    found = {}
    for key, value in re.findall(r"^([a-z-]+) = (.*?)(?=^[a-z-]+ = |\Z)", section, re.MULTILINE | re.DOTALL):
        found[key] = ast.literal_eval(re.sub(r'\{"(\w+)" = ', r'{"\1": ', value))
    return found


def module():
    return table("tool.build_backend")["module"]


def metadata():
    project = table("project")
    lines = ["Metadata-Version: 2.4", f"Name: {project['name']}", f"Version: {project['version']}",
             f"Summary: {project['description']}", f"Author: {', '.join(author['name'] for author in project['authors'])}",
             f"License-Expression: {project['license']}", *(f"License-File: {name}" for name in project["license-files"]),
             f"Keywords: {','.join(project['keywords'])}", *(f"Classifier: {name}" for name in project["classifiers"]),
             f"Requires-Python: {project['requires-python']}",
             *(f"Requires-Dist: {name}" for name in project["dependencies"]), "Description-Content-Type: text/markdown"]
    return "\n".join(lines) + "\n\n" + (HERE / project["readme"]).read_text(encoding="utf-8")


def stem():
    project = table("project")
    return f"{project['name'].replace('-', '_')}-{project['version']}"


def write_wheel(folder, files):
    """The same bytes for the same files."""
    info = f"{stem()}.dist-info"
    files = {**files, f"{info}/METADATA": metadata().encode(), f"{info}/licenses/LICENSE": (HERE / "LICENSE").read_bytes(),
             f"{info}/WHEEL": f"Wheel-Version: 1.0\nGenerator: build_backend\nRoot-Is-Purelib: true\nTag: {TAG}\n".encode()}
    record = ""
    for name, data in files.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
        record += f"{name},sha256={digest},{len(data)}\n"
    files[f"{info}/RECORD"] = (record + f"{info}/RECORD,,\n").encode()
    wheel = f"{stem()}-{TAG}.whl"
    with zipfile.ZipFile(pathlib.Path(folder) / wheel, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            entry = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
            entry.compress_type, entry.external_attr = zipfile.ZIP_DEFLATED, 0o100644 << 16
            archive.writestr(entry, data)
    return wheel


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    return write_wheel(wheel_directory, {f"{module()}/__init__.py": (HERE / f"{module()}.py").read_bytes(),
                                         f"{module()}/py.typed": (HERE / "py.typed").read_bytes()})


def build_editable(wheel_directory, config_settings=None, metadata_directory=None):
    return write_wheel(wheel_directory, {f"_{stem().partition('-')[0]}.pth": f"{HERE}\n".encode()})


def build_sdist(sdist_directory, config_settings=None):
    name = f"{stem()}.tar.gz"
    sources = [(source, (HERE / source).read_bytes()) for source in (*SOURCES, f"{module()}.py")]
    with open(pathlib.Path(sdist_directory) / name, "wb") as file, gzip.GzipFile("", "wb", 9, file, 0) as packed, \
            tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for source, data in [*sources, ("PKG-INFO", metadata().encode())]:
            entry = tarfile.TarInfo(f"{stem()}/{source}")
            entry.size, entry.mode = len(data), 0o644
            archive.addfile(entry, io.BytesIO(data))
    return name
