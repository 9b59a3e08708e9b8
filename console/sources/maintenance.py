"""Whether each host of the application is in maintenance mode.

Owns the source. Must not know how the mode is kept: `services.target.maintenance` does, for plans and runs too.
"""

from __future__ import annotations

from typing import ClassVar

from console.domain.maintenance import MaintenanceReading
from console.domain.readings import MAINTENANCE
from console.domain.snapshot import Trouble
from console.present.maintenance import down_words, trouble
from console.services.target.maintenance import read_maintenance
from console.sources.kinds import SOON, SourceContext, SourceParams, TypedSource, doubts

Params = SourceParams


class MaintenanceSource(TypedSource[MaintenanceReading]):
    """`MaintenanceReading`, each 10 s, sooner while a host is down. Raises when no host could be asked."""

    kind: ClassVar = MaintenanceReading
    name = MAINTENANCE
    timeout = 10.0

    def __init__(self, context: SourceContext, params: SourceParams) -> None:
        self._context = context
        self._usual = self.every = params.every or 10.0

    def read(self) -> MaintenanceReading:
        """All hosts; one that could not be asked is among the errors."""
        found = read_maintenance(self._context.reach, self._context.clock, deadline=self.timeout)
        self.every = min(self._usual, SOON) if found.down or found.errors else self._usual
        return found

    def summary(self, value: MaintenanceReading) -> str:
        """Which hosts are down, and for how long."""
        return down_words(value, self._context.clock.now()) or "off"

    def troubles(self, value: MaintenanceReading) -> tuple[Trouble, ...]:
        """Each host that turns visitors away, and each that could not be asked."""
        now = self._context.clock.now()
        return doubts((*(trouble(host, now) for host in value.down), *value.errors))


def build(context: SourceContext, params: SourceParams) -> tuple[MaintenanceSource, ...]:
    """The one source."""
    return (MaintenanceSource(context, params),)
