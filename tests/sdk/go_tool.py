"""Go, found as dev/lib/go.sh finds it."""

import functools
import os
import pathlib
import re
import subprocess

ROOT = pathlib.Path(__file__).resolve().parents[2]
MODULE = "github.com/skillbox-dev/skillbox/sdks/go"

# What newcomers are told, word for word, and what it takes to see it.
NEWCOMERS = """
client := skillbox.New("http://localhost:8080", "sk-...", skillbox.WithTenant("default"))
result, err := client.Run(ctx, skillbox.RunRequest{Skill: "text-summary", Input: json.RawMessage(`{"text": "One. Two.", "max_sentences": 3}`)})
if err != nil {
	return err
}
if result.HasFiles() {
	err = client.DownloadFiles(ctx, result, "./output")
}
fmt.Println(result.Status, string(result.Output), result.FilesList, err)
return result.Err()
"""


@functools.cache
def folder():
    """Where `go` is."""
    done = subprocess.run(["bash", "-c", ". dev/lib/go.sh && go_folder"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, "there is no Go from 1.21 on: `make up` brings one"
    return done.stdout.strip()


def environment(**more):
    """Without what a machine's setting may forbid (as dev/lib/go.sh), and without a module or workspace around."""
    return {**os.environ, "PATH": f"{folder()}:{os.environ['PATH']}", "GOWORK": "off", "GOFLAGS": "-mod=readonly -buildvcs=false",
            "CGO_ENABLED": "0", **toolchain(), **more}


@functools.cache
def toolchain():
    version = subprocess.run([f"{folder()}/go", "env", "GOVERSION"], capture_output=True, text=True, check=True).stdout
    return {"GOTOOLCHAIN": "auto"} if version < "go1.23" else {}


def run(*arguments, cwd, **more):
    """The output of `go ARGUMENT...`."""
    done = subprocess.run([f"{folder()}/go", *map(str, arguments)], cwd=cwd, capture_output=True, text=True, check=False,
                          env=environment(**more))
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def gofmt(*paths, source=None):
    """What gofmt would change in files or folders, or in a source. It is not always beside go."""
    path = pathlib.Path(run("env", "GOROOT", cwd=ROOT).strip()) / "bin" / "gofmt"
    done = subprocess.run([path, "-d", *paths], input=source, capture_output=True, text=True, check=False)
    return done.stdout + done.stderr


PACKAGES = {"context": "context", "errors": "errors", "fmt": "fmt", "http": "net/http", "json": "encoding/json", "os": "os", "time": "time"}


def program(snippets, declarations=(), mark=""):
    """A program that runs pieces of code, each in a function that has a ctx and a client, one after the other."""
    code = "\n".join([*declarations, *snippets])
    imports = [path for name, path in PACKAGES.items() if re.search(rf"\b{name}\.", code) or name in ("context", "fmt", "os")]
    functions = "".join(f"func snippet{i}(ctx context.Context, client *skillbox.Client) error {{\n\t{{\n{one}\n\t}}\n\treturn nil\n}}\n\n"
                        for i, one in enumerate(snippets))
    calls = "".join(f'\tfmt.Println("{mark}")\n\tif err := snippet{i}(ctx, client); err != nil {{\n\t\tfmt.Fprintln(os.Stderr, {i}, err)\n'
                    f"\t\tos.Exit(1)\n\t}}\n" for i in range(len(snippets)))
    lines = "".join(f'\t"{path}"\n' for path in imports)
    return (f'package main\n\nimport (\n{lines}\n\tskillbox "{MODULE}"\n)\n\n' + "\n".join(declarations) + "\n" + functions
            + f'func main() {{\n\tctx, client := context.Background(), skillbox.New("", "")\n{calls}}}\n')


def build(folder):
    """The program of a folder with a main.go, built with the SDK of this checkout, as its users do."""
    (folder / "go.mod").write_text("module example.com/program\n\ngo 1.23\n")
    run("mod", "edit", "-require", f"{MODULE}@v0.1.0", "-replace", f"{MODULE}={ROOT / 'sdks' / 'go'}", cwd=folder)
    run("build", "-o", folder / "program", ".", cwd=folder)
    return folder / "program"
