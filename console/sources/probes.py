"""The environment's health URLs, asked side by side.

Owns how many are asked at once. Must not judge an answer: the HTTP client knows the specification.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import ClassVar

from console.domain.health import ProbeReading, Status
from console.domain.readings import PROBES
from console.domain.snapshot import Trouble
from console.sources.kinds import SOON, SourceContext, SourceParams, TypedSource

AT_ONCE = 8

Params = SourceParams


class ProbesSource(TypedSource[ProbeReading]):
    """`ProbeReading`, each 15 s, sooner while one fails. Never raises: a URL that does not answer is a failed probe."""

    kind: ClassVar = ProbeReading
    name = PROBES
    timeout = 10.0
    needs_facts = False

    def __init__(self, context: SourceContext, params: SourceParams) -> None:
        self._context = context
        self._usual = self.every = params.every or 15.0

    def read(self) -> ProbeReading:
        """All probes, in the config's order."""
        specs = self._context.environment.health
        http = self._context.reach.http()
        with ThreadPoolExecutor(min(AT_ONCE, len(specs)), thread_name_prefix="opsconsole-probe") as pool:
            found = tuple(pool.map(http.probe, specs))
        failing = any(probe.status in (Status.FAILED, Status.CRASHED) for probe in found)
        self.every = min(self._usual, SOON) if failing else self._usual
        return ProbeReading(probes=found)

    def summary(self, value: ProbeReading) -> str:
        """How many of them are well."""
        well = sum(probe.status is Status.OK for probe in value.probes)
        return f"{well}/{len(value.probes)} probes ok"

    def troubles(self, value: ProbeReading) -> tuple[Trouble, ...]:
        """Each probe that is not well."""
        unwell = (Status.WARNING, Status.FAILED, Status.CRASHED)
        return tuple(
            Trouble(f"{probe.name} {probe.status}", bad=probe.status is not Status.WARNING)
            for probe in value.probes
            if probe.status in unwell
        )


def build(context: SourceContext, params: SourceParams) -> tuple[ProbesSource, ...]:
    """The one source; none without URLs under `health:`."""
    return (ProbesSource(context, params),) if context.environment.health else ()
