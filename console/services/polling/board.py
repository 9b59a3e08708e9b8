"""The newest snapshot of every source: written by poller threads, read by anybody without a lock.

Owns how a reading or a failure becomes the next snapshot. Must not read sources nor judge values.
"""

from __future__ import annotations

import threading
from dataclasses import replace

from console.domain.snapshot import Snapshot
from console.ports import Publish


class SnapshotBoard:
    """`ports.Board`, and the one way to write to it. Readers see one snapshot or the next, never a half one."""

    def __init__(self, publish: Publish) -> None:
        self._publish = publish
        self._writing = threading.Lock()
        self._snapshots: dict[str, dict[str, Snapshot[object]]] = {}

    def get(self, environment: str, source: str) -> Snapshot[object] | None:
        """The newest snapshot; None before the first. At once."""
        return self._snapshots.get(environment, {}).get(source)

    def sources(self, environment: str) -> tuple[str, ...]:
        """The sources that have a snapshot, in the order of their first one. At once."""
        return tuple(self._snapshots.get(environment, {}))

    def put(self, environment: str, snapshot: Snapshot[object]) -> None:
        """The newest read of a source. Beside a failure the last good value stays, with what was said of it."""
        with self._writing:
            before = self.get(environment, snapshot.source)
            if before is not None and snapshot.error is not None:
                snapshot = replace(
                    before,
                    error=snapshot.error,
                    failing_since=before.failing_since or snapshot.failing_since,
                    took=snapshot.took,
                    every=snapshot.every,
                )
            self._store(environment, snapshot)
        self._publish(("source", environment, snapshot.source))

    def _store(self, environment: str, snapshot: Snapshot[object]) -> None:
        # Readers hold no lock: they get the old dictionary or the new one, whole.
        own = {**self._snapshots.get(environment, {}), snapshot.source: snapshot}
        self._snapshots = {**self._snapshots, environment: own}
