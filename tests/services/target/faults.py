"""Faults of a real host: programs that lie, files that are away, services that stand still."""

from __future__ import annotations

import contextlib
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

from tests.lab.values import Node
from tests.lab.world import Lab


@contextlib.contextmanager
def stand_in(node: Node, name: str, body: str) -> Iterator[None]:
    """A command of that name, first in the host's PATH."""
    file = Path(node.directory, "bin", name)
    kept = file.read_bytes() if file.exists() else None
    file.write_text(f"#!/bin/sh\n{body}\n")
    file.chmod(0o755)
    try:
        yield
    finally:
        file.unlink() if kept is None else file.write_bytes(kept)


@contextlib.contextmanager
def read_only(path: str) -> Iterator[None]:
    """A directory that its owner cannot write."""
    place = Path(path)
    mode = place.stat().st_mode
    place.chmod(0o555)
    try:
        yield
    finally:
        place.chmod(mode)


@contextlib.contextmanager
def moved_away(path: str) -> Iterator[None]:
    """Something that is elsewhere for a while."""
    away = Path(path).rename(f"{path}.away")
    try:
        yield
    finally:
        away.rename(path)


@contextlib.contextmanager
def directory_for_link(node: Node) -> Iterator[None]:
    """`current` as a directory of its own, as a first deploy by hand leaves it."""
    link = Path(node.current)
    target = link.readlink()
    link.unlink()
    shutil.copytree(Path(node.path, target), link, symlinks=True)
    try:
        yield
    finally:
        shutil.rmtree(link)
        link.symlink_to(target)
        subprocess.run(["chown", "-h", f"{node.user}:", str(link)], check=True)


@contextlib.contextmanager
def stopped(lab: Lab, service: str) -> Iterator[None]:
    lab.stop(service)
    try:
        yield
    finally:
        lab.start(service)
