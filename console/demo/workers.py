"""The demo's worker processes: one for each program process that its `supervisorctl` lists as running.

Owns starting and ending them. Each is a shell under PHP's name that holds the linked release's `artisan` open, as PHP
does, so that what a console reads of it is what it would read of a real one; it ends with the demo. They work nothing:
the demo's load does that. Must not end a process that is not one of these.
"""

from __future__ import annotations

import os
import signal
import subprocess
import time
from pathlib import Path

from console.demo.application import WORKERS

NAME = "php-worker"
"""The link to a shell in a host's `bin`: what runs by it has that name."""
_SHELLS = ("/bin/dash", "/bin/bash", "/bin/sh")
"""Busybox would take the link's name for one of its applets, so it is the last choice."""
_PATIENCE = 2.0


def start(home: Path, program: str, world: int) -> int:
    """Starts a process of a program on one host of the world with that pid; its own pid."""
    artisan = home / "app" / "current" / "artisan"
    link = home / "bin" / NAME
    if not link.is_symlink():
        link.symlink_to(next((shell for shell in _SHELLS if Path(shell).exists()), _SHELLS[-1]))
    child = subprocess.Popen(
        [NAME, str(artisan), *WORKERS[program.partition(":")[0]]],
        executable=str(link),
        env={"PATH": os.defpath, "OPSCONSOLE_DEMO_PID": str(world)},
        cwd=home,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    # Its own parent ends at once and leaves it to the system, which is no neglect.
    child.returncode = 0
    return child.pid


def lives(home: Path, pid: int) -> bool:
    """Whether that process is a worker of this host."""
    try:
        words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except OSError:
        return False
    return words[0] == NAME.encode() and len(words) > 1 and words[1].startswith(os.fsencode(home))


def end(home: Path, pid: int) -> None:
    """Ends a worker of this host, and waits until it is gone; nothing for any other process."""
    if not lives(home, pid):
        return
    try:
        os.killpg(pid, signal.SIGTERM)
    except OSError:
        return
    until = time.monotonic() + _PATIENCE
    while lives(home, pid) and time.monotonic() < until:
        time.sleep(0.02)
