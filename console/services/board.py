"""The newest snapshot of every source: written by poller threads, read by anybody without a lock.

Owns how a reading or a failure becomes the next snapshot. Must not read sources nor judge values.
"""

from __future__ import annotations

import threading
from dataclasses import replace
from datetime import datetime

from console.domain.snapshot import Snapshot
from console.ports import Clock, Publish


class SnapshotBoard:
    """`ports.Board`, and the two ways to write to it. Readers see one snapshot or the next, never a half one."""

    def __init__(self, publish: Publish, *, clock: Clock) -> None:
        self._publish = publish
        self._clock = clock
        self._writing = threading.Lock()
        self._snapshots: dict[str, dict[str, Snapshot[object]]] = {}

    def get(self, environment: str, source: str) -> Snapshot[object] | None:
        """The newest snapshot; None before the first. At once."""
        return self._snapshots.get(environment, {}).get(source)

    def sources(self, environment: str) -> tuple[str, ...]:
        """The sources that have a snapshot, in the order of their first one. At once."""
        return tuple(self._snapshots.get(environment, {}))

    def put(
        self,
        environment: str,
        source: str,
        value: object,
        *,
        at: datetime,
        mono: float,
        took: float,
        every: float,
        said: str = "",
    ) -> None:
        """A reading begun at `at`/`mono`: what it says was true then at the earliest. `said` sums it up."""
        snapshot = Snapshot(source=source, value=value, taken_at=at, taken_mono=mono, took=took, every=every, said=said)
        self.take(environment, snapshot)

    def fail(self, environment: str, source: str, error: str, *, took: float, every: float) -> None:
        """A read that failed; `error` is harmless text. The last good value stays beside it."""
        with self._writing:
            before = self.get(environment, source) or Snapshot(source=source)
            since = before.failing_since if before.error is not None else None
            snapshot = replace(before, error=error, failing_since=since or self._clock.now(), took=took, every=every)
            self._store(environment, source, snapshot)
        self._publish(("source", environment, source))

    def take(self, environment: str, snapshot: Snapshot[object]) -> None:
        """Puts up a snapshot made elsewhere."""
        with self._writing:
            self._store(environment, snapshot.source, snapshot)
        self._publish(("source", environment, snapshot.source))

    def _store(self, environment: str, source: str, snapshot: Snapshot[object]) -> None:
        # Readers hold no lock: they get the old dictionary or the new one, whole.
        own = {**self._snapshots.get(environment, {}), source: snapshot}
        self._snapshots = {**self._snapshots, environment: own}
