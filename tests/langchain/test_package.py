"""The distribution of langchain-skillbox: it builds without a network, is typed, and asks for no more than it says."""

import ast
import importlib.util
import os
import pathlib
import subprocess
import sys
import tarfile
import tomllib
import zipfile

import langchain_skillbox
from python_source import untyped_functions

ROOT = pathlib.Path(__file__).resolve().parents[2]
HERE = ROOT / "integrations" / "langchain"
SOURCE = (HERE / "langchain_skillbox.py").read_text()


def backend():
    """build_backend is the name of another project's, too."""
    spec = importlib.util.spec_from_file_location("langchain_build_backend", HERE / "build_backend.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_project_says_what_it_is():
    project = tomllib.loads((HERE / "pyproject.toml").read_text())["project"]
    assert backend().table("project") == project
    assert project["name"] == "langchain-skillbox" and project["version"] == langchain_skillbox.__version__
    assert [name.split(">")[0] for name in project["dependencies"]] == ["langchain-core", "skillbox-sdk"]
    assert f"## {langchain_skillbox.__version__}" in (HERE / "CHANGELOG.md").read_text()
    assert (HERE / "LICENSE").read_text() == (ROOT / "LICENSE").read_text()
    assert (HERE / "build_backend.py").read_bytes() == (ROOT / "sdks" / "python" / "build_backend.py").read_bytes()


def test_pip_installs_it_and_the_sdk_without_a_network(tmp_path):
    """All but langchain-core, which is from an index."""
    environment = {**os.environ, "PIP_NO_INDEX": "1", "PIP_CONFIG_FILE": os.devnull, "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    done = subprocess.run([sys.executable, "-m", "pip", "install", "-q", "--no-cache-dir", "--no-compile", "--no-deps", "--target", tmp_path,
                           ROOT / "sdks" / "python", HERE], capture_output=True, text=True, timeout=120, env=environment)
    assert done.returncode == 0, done.stdout + done.stderr
    package = tmp_path / "langchain_skillbox"
    assert sorted(path.name for path in package.iterdir()) == ["__init__.py", "py.typed"]
    assert (package / "__init__.py").read_text() == SOURCE
    code = "import langchain_skillbox as l, importlib.metadata as m; print(l.__file__); print(m.requires('langchain-skillbox'))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path, check=True,
                          env={**os.environ, "PYTHONPATH": str(tmp_path)})
    assert done.stdout.splitlines() == [str(package / "__init__.py"), str(backend().table("project")["dependencies"])]


def test_the_sdist_builds_the_same_wheel(tmp_path):
    with tarfile.open(tmp_path / backend().build_sdist(tmp_path)) as archive:
        archive.extractall(tmp_path)
    folder = tmp_path / f"langchain_skillbox-{langchain_skillbox.__version__}"
    code = "import build_backend; print(build_backend.build_wheel('.'))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=folder, check=True)
    ours = backend().build_wheel(tmp_path)
    assert (folder / done.stdout.strip()).read_bytes() == (tmp_path / ours).read_bytes()


def test_an_editable_install_finds_the_source(tmp_path):
    with zipfile.ZipFile(tmp_path / backend().build_editable(tmp_path)) as wheel:
        assert wheel.read("_langchain_skillbox.pth").decode() == f"{HERE}\n"


def test_it_imports_what_it_asks_for():
    """pydantic is langchain-core's own surface: its tools are pydantic models."""
    tree = ast.parse(SOURCE, feature_version=(3, 10))
    modules = {node.module.partition(".")[0] for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    modules |= {alias.name.partition(".")[0] for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    assert modules - set(sys.stdlib_module_names) == {"langchain_core", "pydantic", "skillbox"}


def test_every_function_says_its_types():
    assert untyped_functions(SOURCE) == []


def test_what_is_public_is_told():
    tree = ast.parse(SOURCE)
    found = {node.name: ast.get_docstring(node) for node in tree.body
             if isinstance(node, (ast.ClassDef, ast.FunctionDef)) and not node.name.startswith("_")}
    assert set(found) == set(langchain_skillbox.__all__) and all(found.values())
