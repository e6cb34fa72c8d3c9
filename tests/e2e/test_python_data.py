"""The runtime image for data: its packages compute and draw in a sandbox, where nothing beside /tmp can be written, cold and warm."""

import io
import struct
import tarfile
import zipfile

import requests

from skillbox_client import condition_of
from waiting import unique, wait_for

IMAGE = "skillbox/python-data:1.0"
RESOURCES = {"cpu": '"1"', "memory": "512Mi"}
SCRIPT = """
import json, os, subprocess, sys
began_with = [name for name in ("numpy", "pandas", "matplotlib.pyplot") if name in sys.modules]

import matplotlib, matplotlib.pyplot as plt, numpy as np, openpyxl, pandas as pd, PIL.Image, scipy.stats

files = os.environ["SANDBOX_FILES_DIR"]
table = pd.DataFrame({"x": np.arange(50.0)})
table["y"] = 3 * table.x + 1 + np.sin(table.x)
slope = scipy.stats.linregress(table.x, table.y).slope

figure, axes = plt.subplots(figsize=(8, 4.8))
axes.scatter(table.x, table.y, label="measured")
axes.plot(table.x, 3 * table.x + 1, color="tab:red", label="3x + 1")
axes.set(title="Grüße aus der Sandbox", xlabel="x", ylabel="$y = 3x + 1 + \\\\sin x$")
axes.legend()
figure.savefig(files + "chart.png", dpi=100)
figure.savefig(files + "chart.pdf")
with PIL.Image.open(files + "chart.png") as image:
    size, colours = image.size, len(image.convert("RGB").getcolors(1 << 20))
    image.convert("RGB").resize((80, 48)).save(files + "small.jpeg")

table.to_excel(files + "table.xlsx", index=False)
cell = openpyxl.load_workbook(files + "table.xlsx").active["B3"].value
back = pd.read_excel(files + "table.xlsx")

draw = "import matplotlib.pyplot as p; p.plot([1, 2]); p.savefig('/tmp/again.png')"
homeless = subprocess.run([sys.executable, "-c", draw], env=dict(os.environ, HOME="/nowhere"), capture_output=True, text=True)
json.dump({"began_with": began_with, "slope": round(slope, 2), "size": size, "colours": colours, "cell": cell,
           "same": bool(np.allclose(back, table)), "solved": np.linalg.solve([[2.0, 0], [0, 4]], [2, 4]).tolist(),
           "cached": os.listdir(matplotlib.get_cachedir()), "homeless": homeless.returncode, "said": homeless.stderr},
          open(os.environ["SANDBOX_OUTPUT"], "w"))
"""


def files_of(result):
    with tarfile.open(fileobj=io.BytesIO(requests.get(result["files_url"], timeout=60).content), mode="r:gz") as archive:
        return {member.name: archive.extractfile(member).read() for member in archive}


def assert_computed(result, began_with):
    assert result["status"] == "success" and "logs" not in result, result  # no warning
    output = result["output"]
    assert output["began_with"] == began_with
    assert (output["slope"], output["cell"], output["same"], output["solved"]) == (3.0, 4.841470984807897, True, [1.0, 1.0])
    assert output["size"] == [800, 480] and output["colours"] > 50
    # The list of fonts is in the image: nothing was looked for, nor kept.
    assert output["cached"] == []
    assert output["homeless"] == 0 and "temporary cache directory" in output["said"]
    files = files_of(result)
    assert files.keys() == {"chart.pdf", "chart.png", "small.jpeg", "table.xlsx"}
    assert files["chart.png"][:8] == b"\x89PNG\r\n\x1a\n" and struct.unpack(">II", files["chart.png"][16:24]) == (800, 480)
    assert files["chart.pdf"].startswith(b"%PDF-") and files["small.jpeg"].startswith(b"\xff\xd8\xff")
    assert "xl/worksheets/sheet1.xml" in zipfile.ZipFile(io.BytesIO(files["table.xlsx"])).namelist()


def test_what_it_brings_computes_and_draws(client, push):
    assert_computed(client.run(push(SCRIPT, image=IMAGE, resources=RESOURCES)), [])


def test_warm_it_has_been_imported(client, kubectl, push):
    """By a pool for the skill, whose sandbox is ready when the modules are imported."""
    skill, name = push(SCRIPT, image=IMAGE, resources=RESOURCES), unique("data")
    modules = ["numpy", "pandas", "matplotlib.pyplot"]
    kubectl.create({"apiVersion": "skillbox.dev/v1alpha1", "kind": "SandboxPool", "metadata": {"name": name},
                    "spec": {"skillRef": {"name": skill}, "preload": modules, "replicas": 1}})
    try:
        wait_for(lambda: condition_of(kubectl.get("sandboxpool", name), "Ready").get("status") == "True", "the pool's sandbox waits", timeout=60)
        result = client.run(skill)
        assert result["warm"] is True
        assert_computed(result, modules)
    finally:
        kubectl.run("delete", "sandboxpool", name, "--ignore-not-found", "--wait=true")
