"""Every snippet of the TypeScript SDK's pages is type-checked and runs as it stands, against the real API server, and prints what it
says there. The types of the SDK itself are checked by the same run of tsc, since starting it is what takes time."""

import json
import os
import re
import shutil
import subprocess

import pytest

import node_sdk
from test_docs import as_here, place, rest  # noqa: F401 (fixtures)

PAGES = ("sdks/typescript/README.md", "docs/sdk-typescript.md")
BETWEEN = "---- the next snippet"
TSC = "/usr/share/nodejs/typescript/lib/tsc.js"  # Debian's node-typescript
OPTIONS = {"strict": True, "noImplicitReturns": True, "noFallthroughCasesInSwitch": True, "noUnusedParameters": True,
           "target": "es2022", "lib": ["es2022", "dom", "dom.iterable"], "types": [], "module": "node16",
           "moduleResolution": "node16", "allowJs": True, "checkJs": True, "outDir": "out"}


def blocks(page):
    return re.findall(r"^```ts\n(.*?)^```$", (node_sdk.ROOT / page).read_text(), re.MULTILINE | re.DOTALL)


def program(snippets):
    """One module of them all: each in a scope of its own, with the client of the first."""
    imports, bodies = [], []
    for code in snippets:
        imports += re.findall(r"^import \{ (.*?) \} from \"skillbox-sdk\";$", code, re.MULTILINE)
        bodies.append("{\n" + re.sub(r"^import .*\n", "", code, flags=re.MULTILINE) + "}\n")
    names = sorted({name for line in imports for name in line.split(", ")})
    return (f'import {{ {", ".join(names)} }} from "skillbox-sdk";\nconst client = new Client();\n'
            + f'console.log("{BETWEEN}");\n'.join(bodies))


@pytest.fixture(scope="module")
def project(tmp_path_factory, rest):  # noqa: F811
    """A project that uses the package, with the snippets: {folder, what tsc says}."""
    assert os.path.exists(TSC), f"{TSC} is missing: Debian's package node-typescript has it"
    folder = tmp_path_factory.mktemp("project")
    package = folder / "node_modules" / "skillbox-sdk"
    package.mkdir(parents=True)
    for name in ("package.json", "skillbox.js", "skillbox.d.ts"):
        shutil.copy(node_sdk.SDK / name, package)
    (folder / "implementation").mkdir()
    shutil.copy(node_sdk.SDK / "skillbox.js", folder / "implementation")  # away from skillbox.d.ts, so that tsc reads it
    for name in ("node.d.ts", "types.ts"):
        shutil.copy(node_sdk.HERE / name, folder)
    for i, page in enumerate(PAGES):
        (folder / f"page{i}.ts").write_text(as_here(program(blocks(page)), rest))
    (folder / "package.json").write_text('{"type": "module"}')
    (folder / "tsconfig.json").write_text(json.dumps({"compilerOptions": OPTIONS, "exclude": ["node_modules", "out"]}))
    done = subprocess.run([node_sdk.node(), TSC, "-p", folder], capture_output=True, text=True, timeout=120)
    return folder, done.stdout + done.stderr


def test_types(project):
    """Of skillbox.js by its comments, of skillbox.d.ts against it (types.ts), and of each snippet."""
    assert project[1] == ""


def promised(code):
    """What the comments behind a console.log say that it prints."""
    return [text.strip() for text in re.findall(r"^.*console\.log\(.*\)[;)]+\s+// (.*)$", code, re.MULTILINE)]


@pytest.mark.parametrize("page", PAGES)
def test_every_snippet_runs(project, rest, place, page):  # noqa: F811
    found = blocks(page)
    assert found and (node_sdk.ROOT / page).read_text().count("```") == 2 * len(found), "a block that is not run"
    done = subprocess.run([node_sdk.node(), project[0] / "out" / f"page{PAGES.index(page)}.js"], capture_output=True, text=True,
                          cwd=place, timeout=60, env={**os.environ, "NODE_DISABLE_COLORS": "1"})
    assert (done.returncode, done.stderr) == (0, "")
    printed = done.stdout.split(f"{BETWEEN}\n")
    assert len(printed) == len(found)
    for code, out in zip(found, printed):
        for text in promised(code):
            if text.endswith("…"):
                assert text.removesuffix("…").strip() in out, code
            else:
                assert text in out.splitlines(), code
    assert sum(len(promised(code)) for code in found) >= {PAGES[0]: 1, PAGES[1]: 15}[page]
    if page == PAGES[1]:
        assert (place / "output" / "report.md").read_text() == "# March" and (place / "output" / "charts" / "a.svg").exists()
