"""Runs in a build Pod: fetches the wheels that a skill's requirements.txt asks for. Nothing of them is run.

  build.py              what the controller starts, by its stream into the Pod: one JSON object on standard input, the answer on
                        standard output
  build.py wait         the Pod's first process: waits for SIGTERM
  build.py pip ...      pip, in a process of its own that can't start another

The answer is one line, "SKILLBOX BUILD 1 ok|refused|failed LOG SIZE SHA256\\n", then LOG bytes of text, SIZE bytes of a zip with the
wheels (stored, wheels/NAME.whl) and the line "SKILLBOX BUILD END\\n". With "refused" another try would end the same; with "failed" it
might not. SHA256 is the zip's, "-" where there is none.

The standard library only: the image brings a Python with pip, and nothing else of it is used."""

import hashlib
import json
import os
import posixpath
import re
import runpy
import signal
import subprocess
import sys
import tempfile
import zipfile

INPUT_MAX = 8 << 20
LOG_MAX = 12 << 10
OUTPUT_MAX = 256 << 10
FILES_MAX = 32
DEPTH_MAX = 8
BEGUN = "begun"

# Of a name, perhaps extras and versions, perhaps a marker; never a path or a URL.
REQUIREMENT = re.compile(r"^[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?\s*(\[[A-Za-z0-9._,\s-]*\])?\s*(\(?\s*[<>=!~][^;@/]*)?\s*(;.*)?$")
INCLUDE = re.compile(r"^(-r|--requirement|-c|--constraint)(?:\s*=\s*|\s+|(?<=-[rc]))(\S.*)$")
# Where packages come from is the operator's word: these lines are passed over.
INDEX_OPTIONS = ("-i", "--index-url", "--extra-index-url", "--no-index", "-f", "--find-links", "--trusted-host", "--prefer-binary",
                 "--require-hashes", "--use-feature")
HASH = re.compile(r"\s--hash[=\s](sha(?:256|384|512):[0-9a-fA-F]+)")


class Refused(Exception):
    """Another try would end the same."""


class Failed(Exception):
    """Another try might not."""


# ---- requirements


def logical_lines(text):
    """As pip joins and cuts them: a backslash at the end goes on, "#" after a blank begins a comment."""
    joined = ""
    for number, line in enumerate(text.lstrip("\ufeff").splitlines(), 1):
        if line.endswith("\\") and not line.lstrip().startswith("#"):
            joined += line[:-1] + " "
            continue
        joined += line
        yield number, re.sub(r"(^|\s)#.*$", "", joined).strip()
        joined = ""
    if joined.strip():
        yield number, re.sub(r"(^|\s)#.*$", "", joined).strip()


class Requirements:
    """What the files ask for, with nothing in it that pip could take for an option, a path or an address."""

    def __init__(self, files):
        self.files = files
        self.wanted, self.constraints, self.notes = [], [], []
        self.pre = False
        self.seen = set()

    def read(self, path, to, depth=0):
        if path not in self.files:
            raise Refused(f"{path} is included, and is not in the archive")
        if (path, to is self.constraints) in self.seen:
            return
        if depth > DEPTH_MAX or len(self.seen) > FILES_MAX:
            raise Refused(f"more than {FILES_MAX} files include each other, or more than {DEPTH_MAX} deep")
        self.seen.add((path, to is self.constraints))
        for number, line in logical_lines(self.files[path]):
            if line:
                self.take(f"{path}, line {number}", path, line, to, depth)

    def take(self, where, path, line, to, depth):
        included = INCLUDE.match(line)
        if included:
            target = included[2].strip().strip("'\"")
            if "://" in target or target.startswith("/"):
                raise Refused(f"{where}: only files of the archive can be included")
            target = posixpath.normpath(posixpath.join(posixpath.dirname(path), target))
            constraint = included[1] in ("-c", "--constraint")
            self.read(target, self.constraints if constraint or to is self.constraints else self.wanted, depth + 1)
        elif line.startswith("-"):
            self.take_option(where, re.split(r"[=\s]", line)[0])
        else:
            text, hashes = self.split_hashes(where, line)
            if "${" in text:
                raise Refused(f"{where}: there are no variables here")
            if not REQUIREMENT.match(text):
                raise Refused(f"{where}: a package is asked for by its name and versions here, not by an address or a path")
            to.append(" ".join([text] + [f"--hash={h}" for h in hashes]))

    def take_option(self, where, option):
        if option == "--pre":
            self.pre = True
        elif option in INDEX_OPTIONS:
            self.notes.append(f"{where}: {option} is left out: the index is the operator's choice")
        else:
            raise Refused(f"{where}: {option} is not taken here: wheels of the operator's index are all there is")

    @staticmethod
    def split_hashes(where, line):
        hashes = [h.lower() for h in HASH.findall(line)]
        text = HASH.sub("", line).strip()
        if re.search(r"\s--", text):
            raise Refused(where + ": " + re.search(r"--[^=\s]*", text)[0] + " is not taken here")
        return text, hashes


# ---- pip


def pip_main(arguments):
    """pip in this process, which can start no other: a source distribution's setup would be one."""

    def refuse(event, _):
        if event in ("subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "os.fork", "os.forkpty", "pty.spawn"):
            raise PermissionError("nothing is run while packages are fetched")

    sys.addaudithook(refuse)
    sys.argv = ["pip", *arguments]
    runpy.run_module("pip", run_name="__main__", alter_sys=True)


def pip_arguments(job, work, requirements, locked):
    target = job["target"]
    arguments = ["download", "--only-binary", ":all:", "--no-cache-dir", "--disable-pip-version-check", "--no-input",
                 "--progress-bar", "off", "--no-color", "--retries", "2", "--timeout", "20", "--index-url", job["index_url"],
                 "--implementation", "cp", "--python-version", target["version"], "--abi", target["abi"],
                 "--dest", work + "/wheels", "--requirement", work + "/requirements.txt"]
    for platform in target["platforms"]:
        arguments += ["--platform", platform]
    host = re.match(r"^http://(?:[^/@]*@)?(\[[^\]]*\](?::\d+)?|[^/]*)", job["index_url"])
    if host:
        arguments += ["--trusted-host", host[1]]
    if requirements.constraints:
        arguments += ["--constraint", work + "/constraints.txt"]
    if requirements.pre:
        arguments += ["--pre"]
    if locked:
        arguments += ["--require-hashes"]
    return arguments


def environment(work):
    """Nothing of the Pod's but where programs are; what an index wants of credentials is a file that the operator mounted."""
    kept = {"PATH": os.environ.get("PATH", ""), "HOME": work, "TMPDIR": work + "/tmp", "LANG": "C.UTF-8", "NO_COLOR": "1",
            "PIP_CONFIG_FILE": os.devnull}
    credentials = "/etc/skillbox-build/"
    if os.path.exists(credentials + "pip.conf"):
        kept["PIP_CONFIG_FILE"] = credentials + "pip.conf"
    if os.path.exists(credentials + "netrc"):
        kept["NETRC"] = credentials + "netrc"
    return kept


def hide_credentials(text):
    return re.sub(r"(\w+://)[^/\s@]+@", r"\1***@", text)


PERMANENT = (  # what pip says, and what it means
    (r"THESE PACKAGES DO NOT MATCH THE HASHES", "a package differs from its hash"),
    (r"Hashes are required in --require-hashes mode", "a package has no hash, or one that it needs is not in the list"),
    (r"all requirements must have their versions pinned", "a package has no exact version (==), which hashes need"),
    (r"ResolutionImpossible|conflicting dependencies", "the packages' wishes contradict each other"),
    (r"Invalid requirement|InvalidRequirement|Expected .*?(?:end|version)", "requirements.txt can't be read"),
)
NETWORK = re.compile(r"(?m)^WARNING: Retrying|ConnectionError|ConnectTimeout|ReadTimeout|NewConnectionError|ProxyError|SSLError|"
                     r"There was a problem confirming the ssl|50[0-9] (?:Server|Client) Error|HTTP error 50")


def look_closer(name, details):
    """What pip says of a package that it found no wheel of, when it is asked to say more."""
    if re.search(r"Could not fetch URL \S*/" + re.escape(re.split(r"[^A-Za-z0-9._-]", name)[0]).replace("_", "[-_]") + r"/?: 404", details, re.I):
        return f"the index has no package {name}"
    refused = re.search(r"\b(40[13]) (?:Client )?Error", details) or re.search(r"HTTP error (40[13])", details)
    if refused or re.search(r'"GET \S+ HTTP/\S+" 40[13]', details):
        return "the index refuses to say: it wants other credentials than it was given (build.existingSecret of the chart)"
    found = re.findall(r"Skipping link: No (?:sources|binaries) permitted for \S+: \S*/([^/\s#]+)", details)
    if found:
        return f"the index has only source distributions of {name} ({', '.join(found[-3:])}), and those are not built here"
    if re.search(r"none of the wheel's tags", details):
        return f"the index has no wheel of {name} for this Python and platform"
    return ""


def explain(output, index_url, details):
    """The reason, in a sentence, and whether another try would end the same. details: a function that asks pip for more."""
    errors = re.findall(r"(?m)^(?:ERROR: )(.*)$", output)
    differs = re.search(r"(?m)^\s*(\S+) from .*:\n\s*Expected sha256 (\S+)(?:\n\s*Expected.*)*\n\s*Got\s+(\S+)", output)
    if differs:
        return Refused(f"the index has another {differs[1]} than requirements.lock asks for: its sha256 is {differs[3]}, and should be "
                       f"{differs[2]}")
    for pattern, meaning in PERMANENT:
        if re.search(pattern, output):
            return Refused(f"{meaning}: {errors[-1] if errors else ''}".rstrip(": "))
    if NETWORK.search(output):
        return Failed(f"the index does not answer: {hide_credentials(index_url)}")
    missing = re.search(r"No matching distribution found for (.*)", output)
    if missing:
        name = missing[1].strip()
        versions = re.search(r"\(from versions: ([^)]*)\)", output)
        if versions and versions[1].strip() not in ("", "none"):
            return Refused(f"the index has no wheel of {name} that fits; it has the versions {versions[1][:300]}")
        return Refused(look_closer(name, details()) or f"the index has no wheel of {name}")
    return Refused(f"pip: {errors[-1]}") if errors else Failed("pip ended without an explanation")


def fetch(job, work):
    """Returns the notes and pip's words."""
    locked = "requirements.lock" in job["files"]
    requirements = Requirements(job["files"])
    requirements.read("requirements.lock" if locked else "requirements.txt", requirements.wanted)
    if not requirements.wanted:
        raise Refused(f"{'requirements.lock' if locked else 'requirements.txt'} asks for nothing")
    for folder in ("wheels", "tmp", "empty"):
        os.mkdir(f"{work}/{folder}")
    for name, lines in (("requirements.txt", requirements.wanted), ("constraints.txt", requirements.constraints)):
        with open(f"{work}/{name}", "w", encoding="utf-8") as file:
            file.write("\n".join(lines) + "\n")
    arguments = pip_arguments(job, work, requirements, locked)
    code, output = run_pip(arguments, work, job["timeout_s"])
    output = ("\n".join(requirements.notes) + "\n" + output).strip() + "\n"
    if code is None:
        raise with_log(Refused(f"it took longer than {job['timeout_s']} seconds (build.timeout of the chart)"), output)
    if code != 0:
        raise with_log(explain(output, job["index_url"], lambda: run_pip([*arguments, "-vv"], work, 30)[1]), output)
    return output


def run_pip(arguments, work, timeout):
    """Its exit code, None if it took too long; and the end of what it said."""
    command = [sys.executable, "-IB", os.path.abspath(__file__), "pip", *arguments]
    with tempfile.TemporaryFile(dir=work) as words:
        child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=words, stderr=subprocess.STDOUT,
                                 cwd=work + "/empty", env=environment(work))
        try:
            code = child.wait(timeout=timeout)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()
            code = None
        words.seek(max(0, words.seek(0, os.SEEK_END) - OUTPUT_MAX))
        return code, hide_credentials(words.read().decode("utf-8", "replace"))


def with_log(error, output):
    error.log = output
    return error


# ---- the answer


def pack(work, zip_path, size_max):
    """The wheels as a zip; returns lines for the log, which make a requirements.lock."""
    names = sorted(os.listdir(work + "/wheels"))
    lines, total = [], 0
    with zipfile.ZipFile(zip_path, "w", zipfile.ZIP_STORED) as archive:
        for name in names:
            path = f"{work}/wheels/{name}"
            if not name.endswith(".whl"):
                raise Refused(f"{name} is no wheel")
            total += os.path.getsize(path)
            if total > size_max:
                raise Refused(f"the wheels have more than {size_max >> 20} MiB together")
            with open(path, "rb") as file:
                digest = hash_of(file)
            archive.write(path, "wheels/" + name)
            project, version = name.split("-")[:2]
            lines.append(f"{project}=={version} --hash=sha256:{digest}\n")
            os.unlink(path)
    return lines


def hash_of(file):
    digest = hashlib.sha256()
    for piece in iter(lambda: file.read(1 << 20), b""):
        digest.update(piece)
    return digest.hexdigest()


def tail(text, most):
    data = text.encode("utf-8", "replace")
    return data if len(data) <= most else data[-most:].decode("utf-8", "ignore").encode()


def answer(out, status, log, zip_path=None):
    log = tail(log, LOG_MAX)
    size, digest = 0, "-"
    if zip_path:
        size = os.path.getsize(zip_path)
        with open(zip_path, "rb") as file:
            digest = hash_of(file)
    out.write(f"SKILLBOX BUILD 1 {status} {len(log)} {size} {digest}\n".encode() + log)
    if zip_path:
        with open(zip_path, "rb") as file:
            for piece in iter(lambda: file.read(1 << 16), b""):
                out.write(piece)
    out.write(b"SKILLBOX BUILD END\n")
    out.flush()


def build(stdin, out, root):
    """One build; the first line of a log that tells of a failure is the reason."""
    log = ""
    try:
        try:
            os.close(os.open(f"{root}/{BEGUN}", os.O_CREAT | os.O_EXCL | os.O_WRONLY))
        except FileExistsError:
            raise Failed("this Pod was given a build before") from None
        length = stdin.readline(32)
        if not length.strip().isdigit() or int(length) > INPUT_MAX:
            raise Failed("the job could not be read")
        text = stdin.read(int(length))
        if len(text) != int(length):
            raise Failed("the job was cut off")
        job = json.loads(text)
        with tempfile.TemporaryDirectory(dir=root) as work:
            log = fetch(job, work)
            lines = pack(work, work + "/result.zip", job["max_bytes"])
            answer(out, "ok", "".join(lines) + log if len(lines) < 60 else log, work + "/result.zip")
    except (Refused, Failed) as error:
        log = getattr(error, "log", log)
        reason = " ".join(str(error).split())
        answer(out, "refused" if isinstance(error, Refused) else "failed", reason + "\n" + tail(log, LOG_MAX - 2048).decode())
    except OSError as error:
        answer(out, "refused", f"{os.strerror(error.errno) if error.errno else error} (the Pod's disk holds build.disk of the chart)\n")


def main(arguments):
    if arguments[:1] == ["pip"]:
        pip_main(arguments[1:])
    elif arguments == ["wait"]:
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
        signal.pause()
    else:
        build(sys.stdin.buffer, sys.stdout.buffer, os.environ.get("SKILLBOX_BUILD_ROOT", "/build"))


if __name__ == "__main__":
    main(sys.argv[1:])
