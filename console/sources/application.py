"""What discovery found out about the application, and the one light question to an environment nobody looks at.

Owns the readings `app` and `light`. Must not discover: `Reach.facts` does, and caches.
"""

from __future__ import annotations

import posixpath
from typing import ClassVar

from console.domain.environment import AppFacts
from console.domain.health import Status
from console.domain.readings import APP, LIGHT, AppReading, LightReading
from console.sources.kinds import SourceContext, SourceParams, TypedSource

READABLE = ("database", "redis")
"""Queue drivers that a source reads."""

Params = SourceParams


class ApplicationSource(TypedSource[AppReading]):
    """`AppReading`, each 30 s; UnreachableError and its kin when the host does not say."""

    kind: ClassVar = AppReading
    name = APP
    timeout = 20.0

    def __init__(self, context: SourceContext, params: SourceParams) -> None:
        self._context = context
        self.every = params.every or 30.0

    def read(self) -> AppReading:
        """What `Reach.facts` says, without secrets."""
        facts = self._context.reach.facts()
        self._context.discovered.put(facts)
        return _reading(facts)

    def summary(self, value: AppReading) -> str:
        """Version and surroundings on one line."""
        laravel = f"Laravel {value.laravel}" if value.laravel else "Laravel"
        return f"{laravel} · {value.app_env or '?'} · {posixpath.basename(value.database) or 'no database'}"


class LightSource(TypedSource[LightReading]):
    """The first health URL, else whether the primary host's SSH answers; each 30 s."""

    kind: ClassVar = LightReading
    name = LIGHT
    every = 30.0
    timeout = 10.0

    def __init__(self, context: SourceContext) -> None:
        self._context = context

    def read(self) -> LightReading:
        """One question. A host that cannot be reached raises; a URL that fails is a reading."""
        environment, reach = self._context.environment, self._context.reach
        if environment.health:
            result = reach.http().probe(environment.health[0])
            return LightReading(status=result.status, detail=result.detail)
        reach.shell(environment.primary().name).connect()
        return LightReading(status=Status.OK, detail="SSH answers")

    def summary(self, value: LightReading) -> str:
        """The status, and why."""
        return f"{value.status} {value.detail}".strip()


def build(context: SourceContext, params: SourceParams) -> tuple[ApplicationSource, ...]:
    """The one source."""
    return (ApplicationSource(context, params),)


def _reading(facts: AppFacts) -> AppReading:
    return AppReading(
        laravel=facts.laravel,
        app_env=facts.app_env,
        timezone=facts.timezone,
        database=facts.database,
        queues=tuple(queue.name for queue in facts.queues),
        unread=tuple(
            f"{queue.name}: its driver {queue.driver} is not one this console reads"
            for queue in facts.queues
            if queue.driver not in READABLE
        ),
    )
