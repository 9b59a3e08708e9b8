"""The files of a commit or an archive that is to be deployed, as far as a plan asks for them.

Owns what is in the tree, and the reading of git's listing of it. Must not fetch nor open anything.
"""

from __future__ import annotations

import posixpath
from dataclasses import dataclass

ATTRIBUTES = ".gitattributes"
LFS_POINTER = "version https://git-lfs.github.com/spec/v1"
"""How the file begins that Git LFS keeps in place of a large one."""
_SUBMODULE = "160000"


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeTree:
    """The tree: `paths` of its files, `submodules` whose directories stay empty, `pointers` to files that Git LFS keeps
    elsewhere. All paths are relative to its top."""

    paths: frozenset[str]
    submodules: tuple[str, ...] = ()
    pointers: tuple[str, ...] = ()

    def has(self, path: str) -> bool:
        """Whether a file or a directory of that path is there."""
        path = posixpath.normpath(path)
        return path in self.paths or any(one.startswith(path + "/") for one in self.paths)

    def names(self, folder: str, suffix: str) -> tuple[str, ...]:
        """The names of the files right below a folder that end like this."""
        folder = posixpath.normpath(folder)
        found = (one for one in self.paths if one.endswith(suffix) and posixpath.dirname(one) == folder)
        return tuple(sorted(posixpath.basename(one) for one in found))


def parse_tree(listing: bytes, pointers: bytes) -> CodeTree:
    """The tree of `git ls-tree -r -z COMMIT`, and the paths that end a line of `git grep -l`: `COMMIT:path`."""
    paths, submodules = set(), []
    for entry in listing.decode("utf-8", "surrogateescape").split("\0"):
        head, _, path = entry.partition("\t")
        if not path:
            continue
        paths.add(path)
        if head.startswith(_SUBMODULE):
            submodules.append(path)
    lines = pointers.decode("utf-8", "surrogateescape").splitlines()
    kept = tuple(line.partition(":")[2] for line in lines if ":" in line)
    return CodeTree(paths=frozenset(paths), submodules=tuple(sorted(submodules)), pointers=kept)
