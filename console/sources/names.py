"""Names of queues, gathered from wherever one is mentioned.

Owns the union, so that a queue once seen keeps its row when it is empty. Must not look for names itself, nor let one go
without a word.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable

MOST = 10_000
"""Names kept of one connection: what an application makes a queue for each customer of stays bounded."""


class QueueNames:
    """Queue names by connection, written and read by several sources' threads. An empty connection means the
    application's default one."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._names: dict[str, dict[str, None]] = {}
        self._full: set[str] = set()
        self._asked = 0

    def add(self, connection: str, names: Iterable[str]) -> None:
        """Remembers names, at most `MOST` of a connection; an empty one is a name."""
        with self._lock:
            own = self._names.setdefault(connection, {})
            for name in names:
                if name not in own:
                    if len(own) >= MOST:
                        self._full.add(connection)
                        return
                    own[name] = None

    def of(self, connection: str, *, default: bool) -> tuple[str, ...]:
        """All names of a connection, sorted; with those of the default connection if it is that."""
        with self._lock:
            found = set(self._names.get(connection, ()))
            if default:
                found.update(self._names.get("", ()))
        return tuple(sorted(found))

    def bound(self, connection: str, *, default: bool) -> str:
        """Why names of a connection may be missing; empty when none was let go."""
        with self._lock:
            full = connection in self._full or (default and "" in self._full)
        return f"more than {MOST:,} queue names; those beyond are not counted" if full else ""

    def ask_again(self) -> None:
        """Makes sources look for names anew at their next read; at once."""
        with self._lock:
            self._asked += 1

    @property
    def asked(self) -> int:
        """How often looking anew was asked for; a source compares it with what it last saw."""
        return self._asked
