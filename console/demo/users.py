"""Who uses the demo's world: one small file a process, so that the world knows when it may end.

Owns registration, the check that a registered process still lives (pid and start time), and starting or joining the
world. Must not import what the world itself needs.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from console.errors import OpsconsoleError

_START_DEADLINE = 30.0


def start_time(pid: int) -> str:
    """The kernel's start time of a process, empty when it is gone; pids are recycled, this pair is not."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return ""
    return stat.rpartition(")")[2].split()[19]


def living_users(root: Path) -> int:
    """How many registered processes still live; files of dead ones are removed."""
    count = 0
    for file in (root / "users").glob("*"):
        if file.read_text() == start_time(int(file.name)):
            count += 1
        else:
            file.unlink(missing_ok=True)
    return count


@contextlib.contextmanager
def joined(root: Path) -> Iterator[Path]:
    """Registers this process as a user, starts the world unless it lives, and yields the configuration's path."""
    for folder in (root, root / "users", root / "state"):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        folder.chmod(0o700)
    mine = root / "users" / str(os.getpid())
    mine.write_text(start_time(os.getpid()))
    try:
        yield _ensure(root)
    finally:
        mine.unlink(missing_ok=True)


def _running(root: Path) -> Path | None:
    try:
        world = json.loads((root / "world.json").read_text())
        command = Path(f"/proc/{world['pid']}/cmdline").read_bytes()
    except (OSError, ValueError):
        return None
    return Path(world["config"]) if b"console.demo.world" in command else None


def _ensure(root: Path) -> Path:
    with (root / "start.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        config = _running(root)
        if config is not None:
            return config
        (root / "world.json").unlink(missing_ok=True)
        with (root / "world.log").open("w") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "console.demo.world", str(root)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        deadline = time.monotonic() + _START_DEADLINE
        while time.monotonic() < deadline and process.poll() is None:
            config = _running(root)
            if config is not None:
                return config
            time.sleep(0.05)
    raise OpsconsoleError(
        "The demo's world did not start.", done="Nothing else was started.", fix=f"Its log is {root / 'world.log'}."
    )
