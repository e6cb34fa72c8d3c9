"""The distribution: it installs without a network, is typed, and works on the oldest Python that it promises."""

import ast
import base64
import csv
import hashlib
import os
import pathlib
import subprocess
import sys
import tarfile
import tomllib
import zipfile

import build_backend
import skillbox
from python_source import untyped_functions

ROOT = pathlib.Path(__file__).resolve().parents[2]
SDK = ROOT / "sdks" / "python"
SOURCE = (SDK / "skillbox.py").read_text()


def test_the_backend_reads_the_project_as_toml_does():
    project = tomllib.loads((SDK / "pyproject.toml").read_text())["project"]
    assert build_backend.table("project") == project
    assert project["name"] == "skillbox-sdk" and project["dependencies"] == [] and project["version"] == skillbox.__version__
    assert f"## {skillbox.__version__}" in (SDK / "CHANGELOG.md").read_text()
    assert (SDK / "LICENSE").read_text() == (ROOT / "LICENSE").read_text()


def test_pip_installs_it_without_a_network(tmp_path):
    """Nor with what the environment has: the build is isolated."""
    environment = {**os.environ, "PIP_NO_INDEX": "1", "PIP_CONFIG_FILE": os.devnull, "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    done = subprocess.run([sys.executable, "-m", "pip", "install", "-q", "--no-cache-dir", "--no-compile", "--target", tmp_path, SDK],
                          capture_output=True, text=True, timeout=120, env=environment)
    assert done.returncode == 0, done.stdout + done.stderr
    package = tmp_path / "skillbox"
    assert sorted(path.name for path in package.iterdir()) == ["__init__.py", "py.typed"]
    assert (package / "__init__.py").read_text() == SOURCE
    code = "import skillbox, importlib.metadata as m; print(skillbox.__file__, m.version('skillbox-sdk'), m.requires('skillbox-sdk'))"
    done = subprocess.run([sys.executable, "-S", "-c", code], capture_output=True, text=True, cwd=tmp_path, check=True,
                          env={**os.environ, "PYTHONPATH": str(tmp_path)})
    assert done.stdout.split() == [str(package / "__init__.py"), skillbox.__version__, "None"]


def test_the_wheel_says_what_it_has(tmp_path):
    name = build_backend.build_wheel(tmp_path)
    assert name == f"skillbox_sdk-{skillbox.__version__}-py3-none-any.whl"
    first = (tmp_path / name).read_bytes()
    build_backend.build_wheel(tmp_path)
    assert (tmp_path / name).read_bytes() == first, "the same bytes for the same files"
    with zipfile.ZipFile(tmp_path / name) as wheel:
        record = next(entry for entry in wheel.namelist() if entry.endswith("/RECORD"))
        rows = {row[0]: row[1:] for row in csv.reader(wheel.read(record).decode().splitlines())}
        assert set(rows) == set(wheel.namelist())
        for entry in set(rows) - {record}:
            digest = base64.urlsafe_b64encode(hashlib.sha256(wheel.read(entry)).digest()).rstrip(b"=").decode()
            assert rows[entry] == [f"sha256={digest}", str(len(wheel.read(entry)))]


def test_the_sdist_builds_the_same_wheel(tmp_path):
    name = build_backend.build_sdist(tmp_path)
    with tarfile.open(tmp_path / name) as archive:
        archive.extractall(tmp_path)
    folder = tmp_path / name.removesuffix(".tar.gz")
    code = "import build_backend; print(build_backend.build_wheel('.'))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=folder, check=True)
    ours = build_backend.build_wheel(tmp_path)
    assert (folder / done.stdout.strip()).read_bytes() == (tmp_path / ours).read_bytes()


def test_an_editable_install_finds_the_source(tmp_path):
    with zipfile.ZipFile(tmp_path / build_backend.build_editable(tmp_path)) as wheel:
        assert wheel.read("_skillbox_sdk.pth").decode() == f"{SDK}\n"


def test_it_is_python_3_9():
    for path in (SDK / "skillbox.py", SDK / "build_backend.py", ROOT / "tests" / "contract" / "vector_server.py",
                 ROOT / "tests" / "sdk" / "vector_runner.py"):
        ast.parse(path.read_text(), feature_version=(3, 9))


def test_it_uses_the_standard_library_alone():
    modules = set()
    for node in ast.walk(ast.parse(SOURCE)):
        if isinstance(node, ast.Import):
            modules |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            modules.add(node.module.partition(".")[0])
    assert modules <= set(sys.stdlib_module_names)


def test_every_function_says_its_types():
    assert untyped_functions(SOURCE) == []


def test_what_is_public_is_told():
    tree = ast.parse(SOURCE)
    names = {node.name for node in tree.body if isinstance(node, (ast.ClassDef, ast.FunctionDef)) and not node.name.startswith("_")}
    assert names == set(skillbox.__all__)
    for name in names:
        assert ast.get_docstring(next(node for node in tree.body if getattr(node, "name", "") == name)), name


def test_both_clients_have_the_same_methods():
    def methods(kind):
        node = next(node for node in ast.parse(SOURCE).body if getattr(node, "name", "") == kind)
        return {one.name: (ast.unparse(one.args), ast.unparse(one.returns).replace("AsyncIterator", "Iterator"))
                for one in node.body if isinstance(one, (ast.FunctionDef, ast.AsyncFunctionDef)) and not one.name.startswith("_")}
    assert methods("Client") == methods("AsyncClient") and len(methods("Client")) == 17
