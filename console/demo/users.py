"""Who uses the demo's world: one small file a process, and the runners of its state database.

Owns the world's directory, registration, and the answer to whether anybody still needs the world. Must not start or
end a world, nor import what the world itself needs.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from console.errors import OpsconsoleError, UsageError
from console.own_directories import make_directory
from console.services.runs.leases import start_time, surely_gone

if TYPE_CHECKING:
    from console.store.database import Database

START_LOCK = "start.lock"
"""Held by whoever starts a world, joins one, or ends as one; it also tells that a directory is a demo's."""
WORLD_LOCK = "world.lock"
"""Held by the world for as long as it lives: two can never serve one directory."""


def claim(root: Path) -> None:
    """Makes the world's directories, mine alone. UsageError for a directory that holds something else."""
    if root.is_dir() and any(root.iterdir()) and not (root / START_LOCK).exists():
        raise UsageError(f"{root} holds something else.", done="Nothing was changed.", fix="Name an empty directory.")
    for folder in (root, root / "users", root / "state"):
        make_directory(folder)
        if folder.stat().st_uid != os.geteuid():
            raise UsageError(f"{folder} belongs to somebody else.", done="Nothing was changed.", fix="Use --dir.")
        folder.chmod(0o700)


@contextlib.contextmanager
def locked(file: Path, *, patience: float) -> Iterator[bool]:
    """Holds a lock file for the block; yields False when it was held elsewhere for `patience` seconds."""
    descriptor = os.open(file, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    until = time.monotonic() + patience
    try:
        while not (mine := _taken(descriptor)) and time.monotonic() < until:
            time.sleep(0.02)
        yield mine
    finally:
        os.close(descriptor)


def _taken(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def world_lives(root: Path) -> bool:
    """Whether a world serves this directory now."""
    with locked(root / WORLD_LOCK, patience=0) as free:
        return not free


@contextlib.contextmanager
def registered(root: Path) -> Iterator[None]:
    """Counts this process as a user of the world while the block lasts; a killed one stops counting by itself."""
    mine = root / "users" / str(os.getpid())
    descriptor = os.open(mine, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(start_time(os.getpid()) or "")
    try:
        yield
    finally:
        mine.unlink(missing_ok=True)


def living_users(root: Path) -> int:
    """How many registered processes still live; files of dead ones are removed."""
    count = 0
    for file in (root / "users").glob("*"):
        try:
            born, pid = file.read_text(), int(file.name)
        except (OSError, ValueError):
            continue
        now = start_time(pid)
        # Pids are recycled, a pid with its start time is not. An empty file is being written at this moment.
        if now is not None and born in ("", now):
            count += 1
        else:
            file.unlink(missing_ok=True)
    return count


class DemoRunners:
    """The runners of the demo's state database. For one thread."""

    def __init__(self, state: Path) -> None:
        self._state = state
        self._database: Database | None = None

    def any_alive(self) -> bool:
        """Whether a run has a living runner; False also when the database cannot be read."""
        from console.store.database import open_database
        from console.store.files import NAME
        from console.store.leases import Leases

        if not (self._state / NAME).exists():
            return False
        try:
            self._database = self._database or open_database(self._state)
            leases = Leases(self._database).all()
        except OpsconsoleError:
            return False
        return any(lease.name.startswith("run ") and not surely_gone(lease.holder) for lease in leases)
