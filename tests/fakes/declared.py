"""What the real sources declare of a reading, for boards that tests put values on."""

from __future__ import annotations

from typing import Any

from console.domain.environment import QueueConnection
from console.domain.readings import QUEUES
from console.domain.snapshot import Snapshot
from console.ports import Source
from console.sources.application import ApplicationSource, LightSource
from console.sources.failed_jobs import FailedJobsSource
from console.sources.hosts import HostsSource
from console.sources.kinds import SourceContext, SourceParams
from console.sources.maintenance import MaintenanceSource
from console.sources.probes import ProbesSource
from console.sources.redis_queues import RedisQueuesSource
from console.sources.releases import ReleasesSource
from console.sources.workers import WorkersSource
from tests.fakes.clock import FakeClock
from tests.fakes.reach import FakeReach

_OTHER_NAMES = {"failed_jobs": "failed", "redis_queues": QUEUES, "sql_queues": QUEUES}
"""Names that tests put readings by, beside those that sources really have."""


class Declared:
    """Every source of the console, none of them ever read."""

    def __init__(self, clock: FakeClock) -> None:
        reach, params = FakeReach(), SourceParams()
        context = SourceContext(environment=reach.environment, reach=reach, clock=clock)
        steady = (
            ApplicationSource, FailedJobsSource, HostsSource, MaintenanceSource, ProbesSource, ReleasesSource,
            WorkersSource,
        )  # fmt: skip
        queues = RedisQueuesSource(context, QueueConnection(name="", driver="redis", target=""), params)
        sources: list[Source[Any]] = [*(each(context, params) for each in steady), LightSource(context), queues]
        self._by_kind = {source.kind: source for source in sources}
        self._by_name = {source.name: source for source in sources}

    def of(self, name: str, value: object = None) -> Snapshot[object]:
        """A snapshot without a time: what is declared of a source by this name, or of one of such values."""
        known = QUEUES if name.startswith(QUEUES) else _OTHER_NAMES.get(name, name)
        source = self._by_name.get(known) if value is None else self._by_kind.get(type(value))
        title = name.removeprefix(QUEUES)
        if source is None:
            return Snapshot(source=name, value=value, kind=None if value is None else type(value), title=title)
        if value is None:
            return Snapshot(source=name, kind=source.kind, title=title)
        return Snapshot(source=name, value=value, kind=source.kind, title=title, troubles=source.troubles(value))
