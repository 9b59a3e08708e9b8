"""Which of an application's queue connections are in use: a job was seen there once, or a worker is started for it.

Owns the memory of it on this machine, so that a connection that was used and is down is never taken for one that only
stands in the framework's configuration. Must not ask anybody.
"""

from __future__ import annotations

import contextlib
import json
import os
import threading
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from console.domain.documents import Json, canonical, digest
from console.domain.environment import Environment
from console.own_directories import make_directory, own_within

_VERSION = 1
_MOST = 1_000


@dataclass(frozen=True, slots=True)
class UsageFile:
    """Where it is kept: a file of this account, and which application it is about."""

    file: Path
    place: str


def memory_of(environment: Environment, state: Path) -> UsageFile:
    """The file of one environment below the state directory."""
    host = environment.primary()
    place = f"{environment.name} {host.name} {environment.paths(host).root}"
    return UsageFile(own_within(state, "discovery") / f"{digest(environment.name)[:16]}.used.json", place)


class UsedConnections:
    """The queue connections of one environment that are known to be used. Thread-safe; without `memory` nothing
    outlives it. `workers_known`: the workers were read already."""

    def __init__(self, memory: UsageFile | None = None, *, workers_known: bool = False) -> None:
        self._memory = memory
        self._lock = threading.Lock()
        self._names: set[str] | None = None
        self._workers = workers_known

    def add(self, names: Iterable[str]) -> None:
        """Remembers connections by Laravel's name; an empty one is none."""
        with self._lock:
            known = self._known()
            new = {name for name in names if name} - known
            if new and len(known) < _MOST:
                known |= new
                self._write(known)

    def __contains__(self, name: str) -> bool:
        with self._lock:
            return name in self._known()

    def note_workers(self) -> None:
        """Says that the workers were read, so that what none of them names is worked by none."""
        self._workers = True

    @property
    def workers_known(self) -> bool:
        """Whether the workers of every host were read."""
        return self._workers

    def _known(self) -> set[str]:
        if self._names is None:
            self._names = self._read()
        return self._names

    def _read(self) -> set[str]:
        if self._memory is None:
            return set()
        try:
            kept = json.loads(self._memory.file.read_bytes()[:1_048_576])
        except (OSError, ValueError):
            return set()
        if not isinstance(kept, dict) or kept.get("version") != _VERSION or kept.get("place") != self._memory.place:
            return set()
        names = kept.get("connections")
        return {name for name in names if isinstance(name, str)} if isinstance(names, list) else set()

    def _write(self, names: set[str]) -> None:
        if self._memory is None:
            return
        aside = self._memory.file.with_suffix(f".{os.getpid()}.{threading.get_ident()}.part")
        try:
            make_directory(self._memory.file.parent)
            descriptor = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                kept: dict[str, Json] = {
                    "version": _VERSION,
                    "place": self._memory.place,
                    "connections": list[Json](sorted(names)),
                }
                file.write(canonical(kept).encode("ascii"))
            aside.replace(self._memory.file)
        except OSError:
            # Then a later console learns it anew, as soon as a worker or a job is there.
            with contextlib.suppress(OSError):
                aside.unlink(missing_ok=True)
