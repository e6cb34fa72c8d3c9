#!/usr/bin/env python3
"""Makes a container image archive without a container engine.

    mkimage.py -o OUT.tar -n NAME [--layer TAR]... [--add FILE:PATH[:MODE]]... [--dir PATH[:MODE]]...
               [--env K=V]... [--user U] [--workdir D] [-- ENTRYPOINT...]

Every --layer is a root file system tar as it is; --add and --dir make one more layer on top. The same input gives the
same bytes, so an image's digest changes exactly when its content does. The archive can be read as an OCI layout
(`ctr images import`) and in Docker's older form (`docker load`, `kind load image-archive`). Without a tag in NAME, the
first 12 hex digits of the image's id become the tag. Prints `NAME:TAG DIGEST`; DIGEST is the one that
`ctr images ls` shows.
"""
import argparse
import hashlib
import io
import json
import os
import shutil
import tarfile

PATH = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def sha256_of(path):
    digest = hashlib.sha256()
    with open(path, "rb") as f:
        while block := f.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def entry(name, kind, mode, size=0):
    info = tarfile.TarInfo(name.lstrip("/"))
    info.type, info.mode, info.size = kind, mode, size
    return info  # mtime 0, owner 0:0


def split(spec, parts, mode):
    fields = spec.split(":")
    return (*fields[:parts], int(fields[parts], 8) if len(fields) > parts else mode)


def top_layer(adds, dirs, path):
    """The files to add as one tar, parents first, in the order of their names."""
    entries = {}
    for source, target, mode in adds:
        with open(source, "rb") as f:
            entries[target] = (mode, f.read())
    for target, mode in dirs:
        entries[target] = (mode, None)
    with tarfile.open(path, "w", format=tarfile.USTAR_FORMAT) as layer:
        for target, (mode, data) in sorted(entries.items()):
            if data is None:
                layer.addfile(entry(target, tarfile.DIRTYPE, mode))
            else:
                layer.addfile(entry(target, tarfile.REGTYPE, mode, len(data)), io.BytesIO(data))


def main():
    cli = argparse.ArgumentParser(usage=__doc__)
    cli.add_argument("-o", "--output", required=True)
    cli.add_argument("-n", "--name", required=True)
    for many in ("layer", "add", "dir", "env"):
        cli.add_argument("--" + many, action="append", default=[])
    cli.add_argument("--user", default="")
    cli.add_argument("--workdir", default="")
    cli.add_argument("entrypoint", nargs="*")
    args = cli.parse_args()

    layers = list(args.layer)
    scratch = args.output + ".layer"
    if args.add or args.dir:
        top_layer([split(a, 2, 0o644) for a in args.add], [split(d, 1, 0o755) for d in args.dir], scratch)
        layers.append(scratch)
    digests = [sha256_of(path) for path in layers]
    config = {"Env": [PATH] + args.env}
    for key, value in (("Entrypoint", args.entrypoint), ("User", args.user), ("WorkingDir", args.workdir)):
        if value:
            config[key] = value
    image = json.dumps(
        {
            "architecture": "amd64",
            "os": "linux",
            "config": config,
            "rootfs": {"type": "layers", "diff_ids": ["sha256:" + d for d in digests]},
        },
        sort_keys=True,
    ).encode()
    image_id = hashlib.sha256(image).hexdigest()
    name, _, tag = args.name.rpartition(":") if ":" in args.name.rsplit("/", 1)[-1] else (args.name, "", "")
    full = f"{name}:{tag or image_id[:12]}"

    def descriptor(kind, digest, size, **more):
        return {"mediaType": f"application/vnd.oci.image.{kind}", "digest": "sha256:" + digest, "size": size, **more}

    manifest = json.dumps(
        {
            "schemaVersion": 2,
            "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "config": descriptor("config.v1+json", image_id, len(image)),
            "layers": [
                descriptor("layer.v1.tar", d, os.path.getsize(path)) for d, path in zip(digests, layers)
            ],
        },
        sort_keys=True,
    ).encode()
    manifest_id = hashlib.sha256(manifest).hexdigest()
    names = {"io.containerd.image.name": full, "org.opencontainers.image.ref.name": full.rpartition(":")[2]}
    index = {
        "schemaVersion": 2,
        "manifests": [descriptor("manifest.v1+json", manifest_id, len(manifest), annotations=names)],
    }
    docker = [
        {
            "Config": f"blobs/sha256/{image_id}",
            "RepoTags": [full],
            "Layers": [f"blobs/sha256/{d}" for d in digests],
        }
    ]
    small = {
        "oci-layout": b'{"imageLayoutVersion":"1.0.0"}',
        "index.json": json.dumps(index, sort_keys=True).encode(),
        "manifest.json": json.dumps(docker, sort_keys=True).encode(),
        f"blobs/sha256/{image_id}": image,
        f"blobs/sha256/{manifest_id}": manifest,
    }
    partial = args.output + ".partial"
    with tarfile.open(partial, "w", format=tarfile.GNU_FORMAT) as archive:
        for path, data in small.items():
            archive.addfile(entry(path, tarfile.REGTYPE, 0o644, len(data)), io.BytesIO(data))
        for digest, path in dict(zip(digests, layers)).items():
            with open(path, "rb") as f:
                size = os.path.getsize(path)
                archive.addfile(entry(f"blobs/sha256/{digest}", tarfile.REGTYPE, 0o644, size), f)
    shutil.move(partial, args.output)
    if os.path.exists(scratch):
        os.remove(scratch)
    print(full, "sha256:" + manifest_id)


if __name__ == "__main__":
    main()
