"""What discovery found out about the application, and the one light question to an environment nobody looks at.

Owns the readings `app` and `light`. Must not discover: `Reach.facts` does, and caches.
"""

from __future__ import annotations

import posixpath
from typing import ClassVar

from console.domain.environment import AppFacts
from console.domain.facts import fact_list
from console.domain.health import Status
from console.domain.origins import Origin
from console.domain.queues import KEEPS_NONE, READABLE
from console.domain.readings import APP, LIGHT, AppReading, LightReading
from console.domain.snapshot import Trouble
from console.sources.kinds import SourceContext, SourceParams, TypedSource, doubts

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
        return reading_of(facts)

    def summary(self, value: AppReading) -> str:
        """Version and surroundings on one line."""
        laravel = f"Laravel {value.laravel}" if value.laravel else "Laravel"
        database = posixpath.basename(value.database) or "database unknown"
        stands = f" · from {value.origin}" if value.origin else ""
        return f"{laravel} · {value.app_env or 'surroundings unknown'} · {database}{stands}"

    def troubles(self, value: AppReading) -> tuple[Trouble, ...]:
        """What is not the application's own word: why, and which facts stand on a default or are not known."""
        said = [value.problem] if value.problem else []
        for origin, words in ((Origin.DEFAULT, "Laravel's default, not read"), (Origin.UNKNOWN, "unknown")):
            names = [fact.name for fact in value.facts if fact.origin is origin]
            if names:
                said.append(f"{words}: {', '.join(names)}")
        return doubts(f"{APP}: {each}" for each in (*said, *value.unread))


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

    def troubles(self, value: LightReading) -> tuple[Trouble, ...]:
        """An answer that is not well."""
        if value.status in (Status.FAILED, Status.CRASHED):
            return (Trouble(value.detail or str(value.status), bad=True),)
        return doubts([value.detail or "warning"] if value.status is Status.WARNING else [])


def build(context: SourceContext, params: SourceParams) -> tuple[ApplicationSource, ...]:
    """The one source."""
    return (ApplicationSource(context, params),)


def reading_of(facts: AppFacts) -> AppReading:
    """The facts as they are shown, without secrets."""
    listed = fact_list(facts)
    whole = facts.origins.whole
    if whole is Origin.DEFAULT and any(fact.origin is Origin.ENV for fact in listed):
        whole = Origin.ENV
    known = {fact.name: fact.value or "" for fact in listed}
    return AppReading(
        laravel=known["laravel"],
        app_env=known["app_env"],
        timezone=known["timezone"],
        database=known["database"],
        queues=tuple(queue.name for queue in facts.queues),
        unread=tuple(
            f"{queue.name}: its driver {queue.driver} is not one this console reads"
            for queue in facts.queues
            if queue.driver not in (*READABLE, *KEEPS_NONE)
        ),
        facts=listed,
        origin=whole.value,
        problem=facts.problem,
    )
