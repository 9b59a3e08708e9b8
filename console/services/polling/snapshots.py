"""One read of a source as a snapshot: the value or the failure, with everything the source declares of itself and it.

Owns what a snapshot is made of. Must not decide when a source is read, nor keep a snapshot.
"""

from __future__ import annotations

from typing import Any

from console.domain.snapshot import Snapshot, Trouble
from console.errors import OpsconsoleError
from console.ports import Clock, Source
from console.services.threads.loop import capture


def read_snapshot(source: Source[Any], clock: Clock) -> tuple[Snapshot[Any], Exception | None]:
    """Reads it now. The second value is what the read raised, whose harmless words the snapshot has."""
    at, begun = clock.now(), clock.monotonic()
    ended = capture(lambda: _read_and_say(source))
    took = max(0.0, clock.monotonic() - begun)
    if ended.error is not None:
        failed: Snapshot[Any] = Snapshot(
            source=source.name,
            error=_words(ended.error),
            failing_since=clock.now(),
            took=took,
            every=source.every,
            kind=source.kind,
            title=source.title,
        )
        return failed, ended.error
    value, said, troubles = ended.unwrap()
    read: Snapshot[Any] = Snapshot(
        source=source.name,
        value=value,
        # What it says was true when it was asked, at the earliest.
        taken_at=at,
        taken_mono=begun,
        took=took,
        every=source.every,
        kind=source.kind,
        title=source.title,
        said=said,
        troubles=troubles,
    )
    return read, None


def _read_and_say(source: Source[Any]) -> tuple[object, str, tuple[Trouble, ...]]:
    value = source.read()
    return value, source.summary(value), source.troubles(value)


def _words(error: Exception) -> str:
    if isinstance(error, OpsconsoleError):
        return error.what
    return f"unforeseen {type(error).__name__}; its trace was kept"
