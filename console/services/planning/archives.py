"""Tar archives on this machine that are to be deployed: their hash, and the tree of their files.

Owns the reading. Must not unpack anything.
"""

from __future__ import annotations

import hashlib
import posixpath
import tarfile
from pathlib import Path

from console.domain.code_tree import ATTRIBUTES, LFS_POINTER, CodeTree
from console.domain.plan_context import Archive
from console.domain.untrusted import harmless
from console.errors import UsageError

_SMALL = 1024


def read_archive(path: str) -> Archive:
    """The archive's hash and size. UsageError when it is no readable tar file."""
    file = Path(path)
    digest = hashlib.sha256()
    try:
        with file.open("rb") as stream:
            while piece := stream.read(1 << 20):
                digest.update(piece)
        if not tarfile.is_tarfile(file):
            raise UsageError(f"{harmless(path)} is not a tar archive.")
        return Archive(path=str(file.resolve()), sha256=digest.hexdigest(), size=file.stat().st_size)
    except OSError as error:
        raise UsageError(
            f"The archive {harmless(path)} cannot be read: {error.strerror}.", fix="Check `app.source.archive`."
        ) from error


def archive_tree(archive: Archive) -> CodeTree:
    """What the archive holds. UsageError when it ends in the middle."""
    paths: set[str] = set()
    pointers: list[str] = []
    attributed = False
    try:
        with tarfile.open(archive.path) as tar:
            for member in tar:
                name = posixpath.normpath(member.name)
                paths.add(name)
                small = member.isfile() and member.size <= _SMALL
                stream = tar.extractfile(member) if small or posixpath.basename(name) == ATTRIBUTES else None
                text = stream.read(_SMALL * 64) if stream is not None else b""
                attributed = attributed or (posixpath.basename(name) == ATTRIBUTES and b"filter=lfs" in text)
                if text.startswith(LFS_POINTER.encode()):
                    pointers.append(name)
    except (tarfile.TarError, OSError, EOFError) as error:
        raise UsageError(
            f"The archive {harmless(archive.path)} cannot be read to its end: {harmless(str(error))}.",
            done="Nothing was planned.",
            fix="Make it again.",
        ) from error
    return CodeTree(paths=frozenset(paths), pointers=tuple(sorted(pointers)) if attributed else ())
