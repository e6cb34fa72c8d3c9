"""Running programs that came with the script or were made by it."""

import ctypes
import mmap
import os
import pathlib
import shutil
import subprocess

from harness import all_refused, in_child, name_of, outcome, probe, syscall

PLACES = ("/tmp", "/sandbox/out", "/sandbox/out/files", "/dev/shm")
PROGRAM = "/bin/true"  # ends with 0 wherever it runs
LOADERS = ("/lib64/ld-linux-x86-64.so.2", "/usr/lib64/ld-linux-x86-64.so.2", "/usr/bin/ld.so")
LIBRARY_FOLDERS = ("/usr/lib/x86_64-linux-gnu", "/lib/x86_64-linux-gnu", "/usr/lib64", "/lib64")
LIBRARIES = ("libz.so.1", "libbz2.so.1.0", "liblzma.so.5", "libselinux.so.1", "libacl.so.1")


def copy(source, place, name="attack-program"):
    path = os.path.join(place, name)
    shutil.copyfile(source, path)
    os.chmod(path, 0o755)
    return path


def ended(function):
    """'ok' if a program ran to its end in a child that calls function()."""
    kind, code = in_child(function)
    if (kind, code) == ("exit", 0):
        return "ok"
    return {100: "EACCES"}.get(code, f"{kind} {code}")


def everywhere(function):
    """{place: outcome} of function(path of a copied program)."""
    seen = {}
    for place in PLACES:
        path = copy(PROGRAM, place)
        seen[place] = ended(lambda: function(path))
        os.unlink(path)
    return all_refused(seen)


@probe
def program_from_writable_place():
    return everywhere(lambda path: os.execv(path, [path]))


@probe
def script_with_interpreter_line():
    seen = {}
    for place in PLACES:
        path = os.path.join(place, "attack-script")
        pathlib.Path(path).write_text("#!/bin/sh\nexit 0\n")
        os.chmod(path, 0o755)
        seen[place] = ended(lambda: os.execv(path, [path]))
        os.unlink(path)
    return all_refused(seen)


@probe
def program_by_descriptor():
    """fexecve: execveat with AT_EMPTY_PATH, and /proc/self/fd."""
    seen = {}
    for place in PLACES:
        path = copy(PROGRAM, place)
        descriptor = os.open(path, os.O_RDONLY)
        os.set_inheritable(descriptor, True)
        arguments = (ctypes.c_char_p * 2)(b"x", None)
        seen[f"{place} execveat"] = ended(lambda: syscall(322, descriptor, b"", arguments, None, 0x1000))
        seen[f"{place} /proc/self/fd"] = ended(lambda: os.execv(f"/proc/self/fd/{descriptor}", ["x"]))
        os.unlink(path)
        seen[f"{place} unlinked"] = ended(lambda: os.execv(f"/proc/self/fd/{descriptor}", ["x"]))
        os.close(descriptor)
    return all_refused(seen)


@probe
def program_in_anonymous_file():
    """memfd_create, and a file without a name."""
    seen = {}
    try:
        descriptor = syscall(319, b"attack", 0)
        os.write(descriptor, pathlib.Path(PROGRAM).read_bytes())
        seen["memfd"] = ended(lambda: os.execv(f"/proc/self/fd/{descriptor}", ["x"]))
    except OSError as problem:
        seen["memfd"] = name_of(problem)
    for place in PLACES:
        try:
            descriptor = os.open(place, os.O_TMPFILE | os.O_RDWR, 0o755)
        except OSError as problem:
            seen[f"{place} O_TMPFILE"] = name_of(problem)
            continue
        os.write(descriptor, pathlib.Path(PROGRAM).read_bytes())
        reader = os.open(f"/proc/self/fd/{descriptor}", os.O_RDONLY)
        os.close(descriptor)
        seen[f"{place} O_TMPFILE"] = ended(lambda: os.execv(f"/proc/self/fd/{reader}", ["x"]))
        os.close(reader)
    return all_refused(seen, good=("EPERM", "EACCES", "ENOSYS", "EROFS", "ENOTSUP"))


@probe
def program_in_shared_memory():
    """shm_open, as multiprocessing does it, and a System V segment's descriptor."""
    path = copy(PROGRAM, "/dev/shm")
    seen = {"/dev/shm": ended(lambda: os.execv(path, [path]))}
    os.unlink(path)
    return all_refused(seen)


@probe
def dynamic_loader_as_program():
    """ld.so PROGRAM: the loader comes from the image and may be run; it maps the program instead of executing it."""
    loader = next((path for path in LOADERS if os.path.exists(path)), None)
    if not loader:
        return "error", "no loader found"
    if subprocess.run([loader, PROGRAM], capture_output=True, check=False).returncode != 0:
        return "error", f"{loader} does not even run {PROGRAM}"
    seen = {}
    for place in PLACES:
        path = copy(PROGRAM, place)
        done = subprocess.run([loader, path], capture_output=True, text=True, check=False)
        seen[place] = "ok" if done.returncode == 0 else "EACCES" if "failed to map" in done.stderr or "ermi" in done.stderr else done.stderr
        os.unlink(path)
    return all_refused(seen)


def library():
    for folder in LIBRARY_FOLDERS:
        for name in LIBRARIES:
            if os.path.exists(os.path.join(folder, name)):
                return os.path.join(folder, name)
    raise RuntimeError("no library to copy")


@probe
def library_by_dlopen():
    source, seen = library(), {}
    for place in PLACES:
        path = copy(source, place, "attack-library.so")
        try:
            ctypes.CDLL(path)
            seen[place] = "ok"
        except OSError as problem:
            seen[place] = "EACCES" if "failed to map" in str(problem) or "ermi" in str(problem) else str(problem)
        os.unlink(path)
    return all_refused(seen)


@probe
def library_by_preload():
    source, seen = library(), {}
    for place in PLACES:
        path = copy(source, place, "attack-library.so")
        done = subprocess.run(["/bin/cat", "/proc/self/maps"], env={"LD_PRELOAD": path}, capture_output=True, text=True, check=False)
        lines = [line for line in done.stdout.splitlines() if "attack-library" in line and "x" in line.split()[1]]
        seen[place] = "ok" if lines or done.returncode != 0 else "EACCES"
        os.unlink(path)
    return all_refused(seen)


@probe
def executable_mapping():
    """What all loaders come down to: mmap with PROT_EXEC of a file, or mprotect later."""
    seen = {}
    for place in PLACES:
        path = copy(PROGRAM, place)
        with open(path, "r+b") as file:
            for name, flags in {"private": mmap.MAP_PRIVATE, "shared": mmap.MAP_SHARED}.items():
                try:
                    mmap.mmap(file.fileno(), 4096, flags=flags, prot=mmap.PROT_READ | mmap.PROT_EXEC).close()
                    seen[f"{place} {name}"] = "ok"
                except OSError as problem:
                    seen[f"{place} {name}"] = name_of(problem)
            memory = mmap.mmap(file.fileno(), 4096, flags=mmap.MAP_PRIVATE, prot=mmap.PROT_READ | mmap.PROT_WRITE)
            buffer = ctypes.c_char.from_buffer(memory)
            seen[f"{place} mprotect"] = outcome(syscall, 10, ctypes.addressof(buffer), 4096, 5)
            del buffer
            memory.close()
        os.unlink(path)
    return all_refused(seen)


@probe
def program_by_link():
    """A symbolic link in the image's folders can't be made, one in /tmp leads to what it leads to."""
    path = copy(PROGRAM, "/tmp")
    link = "/sandbox/out/attack-link"
    os.symlink(path, link)
    seen = {"link": ended(lambda: os.execv(link, [link]))}
    os.unlink(link)
    os.unlink(path)
    return all_refused(seen)


@probe
def program_of_the_image():
    """Programs of the image may be run: a skill needs them, and whoever runs it chose the image."""
    return ("harmless" if ended(lambda: os.execv(PROGRAM, [PROGRAM])) == "ok" else "error"), PROGRAM


@probe
def machine_code_in_memory():
    """Anonymous executable memory is what compilers of Node and PyPy need; it makes no program, and meets the same filter."""
    memory = mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
    memory.write(b"\xb8\x2a\x00\x00\x00\xc3")  # mov eax, 42; ret
    answer = ctypes.CFUNCTYPE(ctypes.c_int)(ctypes.addressof(ctypes.c_char.from_buffer(memory)))()
    return ("harmless" if answer == 42 else "error"), f"answer {answer}"
