"""Names of queues, gathered from wherever one is mentioned.

Owns the union, so that a queue once seen keeps its row when it is empty. Must not look for names itself.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable

MOST = 1000


class QueueNames:
    """Queue names by connection, written and read by several sources' threads. An empty connection means the
    application's default one."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._names: dict[str, dict[str, None]] = {}
        self._asked = 0

    def add(self, connection: str, names: Iterable[str]) -> None:
        """Remembers names, at most a thousand of a connection."""
        with self._lock:
            own = self._names.setdefault(connection, {})
            for name in names:
                if name and len(own) < MOST:
                    own.setdefault(name)

    def of(self, connection: str, *, default: bool) -> tuple[str, ...]:
        """All names of a connection, sorted; with those of the default connection if it is that."""
        with self._lock:
            found = set(self._names.get(connection, ()))
            if default:
                found.update(self._names.get("", ()))
        return tuple(sorted(found))

    def ask_again(self) -> None:
        """Makes sources look for names anew at their next read; at once."""
        with self._lock:
            self._asked += 1

    @property
    def asked(self) -> int:
        """How often looking anew was asked for; a source compares it with what it last saw."""
        return self._asked
