"""Starting the demo's world, or joining the one that lives.

Owns the world's announcement and the decision whether a living world is good enough: one that an older console started
is replaced. Must not import what the world itself needs.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import console
from console.demo.users import START_LOCK, claim, locked, registered, world_lives
from console.domain.untrusted import Raw, harmless
from console.errors import OpsconsoleError, StateError, UsageError

_START_SECONDS = 45.0
_END_SECONDS = 5.0
_ANNOUNCEMENT = "world.json"


@dataclass(frozen=True, slots=True)
class Announcement:
    """What a living world says of itself: its process, the console's build it was started with, its configuration."""

    pid: int
    build: str
    config: Path


@contextlib.contextmanager
def joined(root: Path) -> Iterator[Path]:
    """Registers this process as a user, starts the world unless it lives, and yields the configuration's path.

    OpsconsoleError says why it cannot be started; UsageError without the packages of the extra `demo`.
    """
    if not Path("/proc/self/stat").exists():
        raise OpsconsoleError("The demo needs Linux.", done="Nothing was started.")
    if find_spec("fakeredis") is None:
        raise UsageError(
            "The demo's own package, fakeredis, is not installed.",
            done="Nothing was started.",
            fix="Install the console with it: python -m pip install 'opsconsole[demo]'",
        )
    try:
        claim(root)
        registration = registered(root)
        with registration:
            yield _ensure(root)
    except OSError as error:
        raise StateError(
            f"The demo's directory {harmless(str(root))} cannot be used: {error.strerror or error}.",
            done="Nothing was started.",
            fix="Name another one with --dir.",
        ) from error


def build() -> str:
    """A mark of the console's files as they are now; it differs after any update."""
    package = Path(console.__file__).parent
    found = sorted((str(file), file.stat().st_mtime_ns, file.stat().st_size) for file in package.rglob("*.py"))
    return hashlib.sha256(repr((sys.prefix, found)).encode()).hexdigest()[:16]


def announce(root: Path, config: Path) -> None:
    """Says that the world is up; written aside and renamed, so that nobody reads half of it."""
    draft = root / f"world.{os.getpid()}"
    draft.write_text(json.dumps({"pid": os.getpid(), "build": build(), "config": str(config)}))
    draft.rename(root / _ANNOUNCEMENT)


def unannounce(root: Path) -> None:
    """Takes it back."""
    (root / _ANNOUNCEMENT).unlink(missing_ok=True)


def announced(root: Path) -> Announcement | None:
    """The living world's announcement; None when none lives or it does not serve yet."""
    if not world_lives(root):
        return None
    try:
        said = json.loads((root / _ANNOUNCEMENT).read_text())
        return Announcement(int(said["pid"]), str(said["build"]), Path(said["config"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _ensure(root: Path) -> Path:
    with locked(root / START_LOCK, patience=_START_SECONDS + 2 * _END_SECONDS) as mine:
        if not mine:
            raise OpsconsoleError("Somebody else has been starting this demo for too long.", fix=f"See {root}.")
        found = announced(root)
        if found is not None and found.build == build():
            return found.config
        if found is not None:
            _end(root, found.pid)
        return _start(root)


def _end(root: Path, pid: int) -> None:
    """Ends an outdated world. Its screens and runners find the new one at the same ports, with the same keys."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)
        deadline = time.monotonic() + _END_SECONDS
        while time.monotonic() < deadline:
            if not world_lives(root):
                return
            time.sleep(0.05)


def _start(root: Path) -> Path:
    log = root / "world.log"
    log.touch(mode=0o600)
    with log.open("w") as stream:
        process = subprocess.Popen(
            [sys.executable, "-m", "console.demo.world", str(root)],
            stdin=subprocess.DEVNULL,
            stdout=stream,
            stderr=stream,
            start_new_session=True,
        )
    deadline = time.monotonic() + _START_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        found = announced(root)
        if found is not None and found.pid == process.pid:
            return found.config
        time.sleep(0.05)
    code = process.poll()
    if code is None:
        process.kill()
        why = f"it did not answer within {_START_SECONDS:.0f} s"
    else:
        why = _last_line(log) or f"it ended with {code}"
    raise OpsconsoleError(
        f"The demo's world did not start: {why}.", done="Nothing is left running.", fix=f"Its log is {log}."
    )


def _last_line(log: Path) -> str:
    lines = [line for line in log.read_bytes().splitlines() if line.strip()]
    return Raw.of(lines[-1]).show(300).rstrip(".") if lines else ""
