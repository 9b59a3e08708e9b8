"""Directories that the console makes for itself on this machine: closed to others at every level that it makes.

Owns how such a directory comes to be, and the names of those that each account has of its own within a state directory
that several share. Must not judge a directory that is there already.
"""

from __future__ import annotations

import os
from pathlib import Path


def make_directory(path: Path, *, gid: int | None = None) -> bool:
    """Makes `path` and whatever lacks above it: 0700 each, or 2770 of the group `gid`. Whether `path` was made.

    `Path.mkdir(parents=True)` would give the levels above the mode that the umask leaves, and the next command would
    refuse them as open to others. What is there already keeps its mode. OSError as from `mkdir`.
    """
    made = False
    for each in [*_lacking(path), path]:
        made = False
        try:
            each.mkdir(mode=0o700)
        except FileExistsError:
            if not each.is_dir():
                raise
            continue
        if gid is not None:
            os.chown(each, -1, gid)
        # A umask may have taken even the owner's own rights.
        each.chmod(0o700 if gid is None else 0o2770)
        made = True
    return made


def own_within(state: Path, name: str) -> Path:
    """This account's `name` in a state directory. One directory for all would be closed to everybody but the first."""
    return state / f"{name}-{os.geteuid()}"


def _lacking(path: Path) -> list[Path]:
    """The directories above `path` that are not there, the outermost first."""
    found: list[Path] = []
    for each in path.parents:
        if each.exists():
            break
        found.append(each)
    return found[::-1]
