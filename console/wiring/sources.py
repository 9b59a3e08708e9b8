"""Building every source of an environment from its reach, for the poller, the command line and the screen alike.

Owns which sources an environment has and which thread reads which. Must not read one.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from console.domain.environment import AppFacts
from console.domain.readings import APP
from console.ports import Clock, Reach, Source
from console.services.discovery.used import UsedConnections, memory_of
from console.services.polling.poller import SourceGroup, Watched
from console.sources import source_kinds
from console.sources.kinds import SourceContext, SourceKind


@dataclass(frozen=True, slots=True)
class EnvironmentSources:
    """The sources of one environment: `app` tells what the application is, `steady` need nothing else, `found` are
    those that exist once `app` was read (grouped by the client they share). All at once."""

    context: SourceContext
    watched: Watched
    app: Source[Any]
    steady: tuple[Source[Any], ...]
    _found: _FoundSources

    def found(self) -> tuple[Source[Any], ...]:
        """The sources for connections that discovery found so far."""
        return self._found.all()

    def look_again(self) -> None:
        """Makes queue sources search for queues anew at their next read."""
        self.context.names.ask_again()


def build_sources(
    reach: Reach, *, clock: Clock, state_dir: Path | None = None, kinds: Mapping[str, SourceKind] | None = None
) -> EnvironmentSources:
    """Builds, without reaching anything, the sources that are always on and those under the environment's `sources:`.
    `kinds` is the index by default; `state_dir` is where it is remembered which queue connections are used."""
    from console.sources.application import LightSource
    from console.sources.worker_look import WorkerLook

    environment = reach.environment
    memory = None if state_dir is None else memory_of(environment, state_dir)
    used = UsedConnections(memory)
    # With `workers:` stated, the source of that name reads the workers.
    look = None if environment.supervisor else WorkerLook(reach, clock, used)
    context = SourceContext(environment=environment, reach=reach, clock=clock, used=used, look_for_workers=look)
    chosen = reach.environment.sources
    wanted = {name: kind for name, kind in (kinds or source_kinds()).items() if kind.always or name in chosen}
    steady: dict[str, list[Source[Any]]] = {}
    for name, kind in wanted.items():
        if not kind.from_facts:
            steady.setdefault(kind.group, []).extend(kind.build(context, chosen.get(name)))
    found = _FoundSources(context, {name: kind for name, kind in wanted.items() if kind.from_facts})
    names = dict.fromkeys([*steady, *(kind.group for kind in wanted.values())])
    groups = tuple(SourceGroup(name, _Group(tuple(steady.get(name, ())), found, name)) for name in names)
    return EnvironmentSources(
        context=context,
        watched=Watched(groups=groups, light=LightSource(context)),
        app=steady[APP][0],
        steady=tuple(source for name, own in steady.items() if name != APP for source in own),
        _found=found,
    )


class _FoundSources:
    """Sources made from discovery's facts, made anew only when what they are made from has changed."""

    def __init__(self, context: SourceContext, kinds: Mapping[str, SourceKind]) -> None:
        self._context = context
        self._kinds = kinds
        self._lock = threading.Lock()
        self._facts: AppFacts | None = None
        self._by_group: dict[str, tuple[Source[Any], ...]] = {}

    def of(self, group: str) -> tuple[Source[Any], ...]:
        """Those of one group, none before discovery."""
        self._build()
        return self._by_group.get(group, ())

    def all(self) -> tuple[Source[Any], ...]:
        """Those of all groups."""
        self._build()
        return tuple(source for own in self._by_group.values() for source in own)

    def _build(self) -> None:
        facts = self._context.discovered.facts
        with self._lock:
            if facts is None or (self._facts is not None and _telling(facts) == _telling(self._facts)):
                return
            self._facts = facts
            made: dict[str, list[Source[Any]]] = {}
            for name, kind in self._kinds.items():
                made.setdefault(kind.group, []).extend(
                    kind.build(self._context, self._context.environment.sources.get(name))
                )
            self._by_group = {group: tuple(own) for group, own in made.items()}


def _telling(facts: AppFacts) -> object:
    """What of the facts says which sources there are."""
    return facts.queues, facts.default_queue, facts.queues_off


class _Group:
    """What a group's thread asks for: its steady sources and those found so far."""

    def __init__(self, steady: tuple[Source[Any], ...], found: _FoundSources, name: str) -> None:
        self._steady = steady
        self._found = found
        self._name = name

    def __call__(self) -> tuple[Source[Any], ...]:
        return self._steady + self._found.of(self._name)
