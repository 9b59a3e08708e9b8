"""Which release is live on each host, and which ones lie beside it.

Owns the asking of all hosts. Must not parse or order releases: `domain.releases` does, for the planner too.
"""

from __future__ import annotations

from typing import ClassVar

from console.domain.environment import Layout
from console.domain.readings import RELEASES
from console.domain.releases import HostReleases, ReleaseReading
from console.domain.snapshot import Trouble
from console.errors import OpsconsoleError
from console.services.planning.survey import read_releases
from console.services.threads.parallel import each_captured
from console.sources.kinds import SourceContext, SourceParams, TypedSource, doubts

Params = SourceParams


class ReleasesSource(TypedSource[ReleaseReading]):
    """`ReleaseReading`, each 5 s: one script per host, all hosts at once. Raises when every host failed."""

    kind: ClassVar = ReleaseReading
    name = RELEASES
    timeout = 10.0
    needs_facts = False

    def __init__(self, context: SourceContext, params: SourceParams) -> None:
        self._context = context
        self.every = params.every or 5.0

    def read(self) -> ReleaseReading:
        """All hosts; one that could not be read is absent and named among the errors."""
        environment, reach = self._context.environment, self._context.reach

        def one(name: str) -> HostReleases:
            return read_releases(reach, environment.host(name), deadline=self.timeout)

        hosts: list[HostReleases] = []
        errors: list[str] = []
        failures: list[Exception] = []
        for name, ended in each_captured([host.name for host in environment.hosts], one).items():
            try:
                found = ended.unwrap()
            except OpsconsoleError as error:
                failures.append(error)
                errors.append(f"{name}: {error.what.removeprefix(name + ': ')}")
                continue
            hosts.append(found)
            if not found.there:
                errors.append(f"{name}: {environment.paths(environment.host(name)).base} is not there")
            elif found.odd:
                errors.append(f"{name}: {environment.paths(environment.host(name)).current} {found.odd}")
        if failures and not hosts:
            raise failures[0]
        return ReleaseReading(hosts=tuple(hosts), errors=tuple(errors))

    def summary(self, value: ReleaseReading) -> str:
        """The live release, or what differs between hosts."""
        return release_name(value) or "no release"

    def troubles(self, value: ReleaseReading) -> tuple[Trouble, ...]:
        """Each host that could not be read, or whose application or live release is not there."""
        return doubts(value.errors)


def build(context: SourceContext, params: SourceParams) -> tuple[ReleasesSource, ...]:
    """The one source; none where the application is not in release directories."""
    return (ReleasesSource(context, params),) if context.environment.app.layout is Layout.RELEASES else ()


def release_name(value: ReleaseReading) -> str:
    """The one live release, or `A≠B` when hosts differ (`none` for one that has none); empty without any."""
    names = {host.current for host in value.hosts}
    return "≠".join(sorted(name or "none" for name in names)) if names - {""} else ""
