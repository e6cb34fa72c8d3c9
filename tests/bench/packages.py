"""Skills with numpy for the benchmark: as wheels, and its files as the skill's own. The wheel is PyPI's, pinned, for the Python that the
server says its image has, and kept between runs in ~/.cache/skillbox-dev/packages."""

import io
import pathlib
import subprocess
import sys
import zipfile

import skills
from cluster import Failure

NUMPY = "numpy==2.5.5"
IMAGE = "python:3.12-slim"
FOLDER = pathlib.Path.home() / ".cache" / "skillbox-dev" / "packages" / "bench"

# What they share stands first, so that both do the same but for the import and one sum.
PLAIN = skills.SCRIPT
WITH_NUMPY = "import numpy\n" + skills.SCRIPT.replace('"customers": len(totals)', '"customers": int(numpy.array(list(totals.values())).size)')
BOUND = {"cpu": "500m", "memory": "256Mi"}
FILES = {"cpu": "500m", "memory": "384Mi"}
UNBOUND = {"cpu": "500m", "memory": "320Mi"}


def download(cluster):
    """The wheel's path."""
    images = {image["image"]: image for image in cluster.rest.send("GET", "/v1/images")["images"]}
    python = images.get(IMAGE, {}).get("python")
    if not python:
        raise Failure(f"the server does not know which Python {IMAGE} has (images.python of the chart)")
    folder = FOLDER / f"{NUMPY}-{python['target']}"
    if not list(folder.glob("*.whl")):
        folder.mkdir(parents=True, exist_ok=True)
        platforms = [word for tag in python["platforms"] for word in ("--platform", tag)]
        subprocess.run([sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary", ":all:", "--dest", folder,
                        "--implementation", "cp", "--python-version", python["version"], "--abi", python["abi"], *platforms, NUMPY], check=True)
    (wheel,) = folder.glob("*.whl")
    return wheel


def archive(name, script, resources, files):
    data = io.BytesIO(skills.archive(name, script, resources))
    with zipfile.ZipFile(data, "a", zipfile.ZIP_DEFLATED) as out:
        for path, content in files.items():
            out.writestr(path, content)
    return data.getvalue()


def own_files(wheel):
    """What the wheel has without its tests: some 430 files and 46 MB, a tenth of them one library."""
    with zipfile.ZipFile(wheel) as files:
        return {name: files.read(name) for name in files.namelist() if not name.endswith("/") and "/tests/" not in name}


def archives(wheel):
    brought = {f"wheels/{wheel.name}": wheel.read_bytes()}
    return {"bench-bound": archive("bench-bound", PLAIN, BOUND, {}),
            "bench-numpy": archive("bench-numpy", WITH_NUMPY, BOUND, brought),
            "bench-unbound": archive("bench-unbound", WITH_NUMPY, UNBOUND, brought),
            "bench-46mb": archive("bench-46mb", PLAIN, FILES, own_files(wheel))}
