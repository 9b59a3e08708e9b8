"""Reading sources one single time, as a command does: side by side by client, every failure kept beside its source.

Owns the order (the application first, then what it made known) and the snapshots. Must not repeat a read; polling is
the poller's.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from console.domain.snapshot import Snapshot
from console.errors import OpsconsoleError
from console.ports import Clock, Source
from console.services.polling.snapshots import read_snapshot


@dataclass(frozen=True, slots=True)
class SingleRead:
    """One source read one time. `error` is what the read raised."""

    source: Source[Any]
    snapshot: Snapshot[Any]
    error: OpsconsoleError | None = None


Groups = Sequence[Sequence[Source[Any]]]


def read_once(source: Source[Any], clock: Clock) -> SingleRead:
    """Reads the source now. An OpsconsoleError is kept in the result; any other exception is raised."""
    snapshot, error = read_snapshot(source, clock)
    if error is not None and not isinstance(error, OpsconsoleError):
        raise error
    return SingleRead(source=source, snapshot=snapshot, error=error)


def read_all(
    first: Groups, then: Callable[[], Groups], *, clock: Clock, before: Collection[str] = ()
) -> dict[str, SingleRead]:
    """Every group in a thread of its own. `then` is asked for more groups once the sources named in `before` have
    been read; what it returns is read beside the rest of `first`. By source name, in the order given."""

    def group(sources: Sequence[Source[Any]]) -> list[SingleRead]:
        return [read_once(source, clock) for source in sources]

    with ThreadPoolExecutor(max(1, len(first) + 8), thread_name_prefix="opsconsole-once") as pool:
        begun: list[tuple[Sequence[Source[Any]], Future[list[SingleRead]]]] = [
            (own, pool.submit(group, own)) for own in first
        ]
        for own, future in begun:
            if any(source.name in before for source in own):
                future.result()
        futures = [future for _, future in begun] + [pool.submit(group, own) for own in then()]
        return {one.source.name: one for future in futures for one in future.result()}
