"""Reading sources again and again: one thread per group of sources that share a client, so nothing ever overlaps.

Owns when a source is read, how failing slows it down, and that what an environment says after it was left is dropped.
Must not interpret readings nor know what a source reads.

A group's thread sleeps while its environment is not selected; the others are asked one light question each 30 s.
"""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from console.domain.back_off import pause_after
from console.errors import OpsconsoleError
from console.ports import Clock, Source
from console.services.polling.board import SnapshotBoard
from console.services.polling.snapshots import read_snapshot
from console.services.threads.loop import JOIN, Loop

_JITTER = 0.05
_IDLE = 3600.0
_UNFOUND = 1.0
_LIGHT_THREADS = 8


@dataclass(frozen=True, slots=True)
class SourceGroup:
    """Sources read by one thread because they share a client. `sources` answers at once and may grow: what discovery
    finds comes later."""

    name: str
    sources: Callable[[], tuple[Source[Any], ...]]


@dataclass(frozen=True, slots=True)
class Watched:
    """All sources of one environment, and the light one for when it is not selected."""

    groups: tuple[SourceGroup, ...]
    light: Source[Any]


@dataclass(frozen=True, slots=True)
class _Selection:
    """Which environment is read fully. `epoch` tells one stay in an environment from the next one."""

    environment: str = ""
    epoch: int = 0
    refresh: int = 0


class Poller:
    """`ports.Polling`. Threads start with the first selection of an environment and sleep when it is left."""

    def __init__(
        self,
        watched: Mapping[str, Watched],
        board: SnapshotBoard,
        *,
        clock: Clock,
        crashed: Callable[[Exception], None],
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._watched = watched
        self._board = board
        self._clock = clock
        self._crashed = crashed
        self._chance = chance
        self._lock = threading.Lock()
        self._selection = _Selection()
        self._loops: dict[str, list[Loop]] = {}
        self._light: list[Loop] = []
        self._closed = False

    def select(self, environment: str) -> None:
        """Reads this environment fully from now on, the others lightly. At once."""
        with self._lock:
            if self._closed or environment == self._selection.environment:
                return
            self._selection = _Selection(environment, self._selection.epoch + 1, self._selection.refresh)
            self._start(environment)
            loops = [*self._loops[environment], *self._light]
        for loop in loops:
            loop.poke()

    def refresh(self) -> None:
        """Reads every source of the selected environment now. At once."""
        with self._lock:
            now = self._selection
            self._selection = _Selection(now.environment, now.epoch, now.refresh + 1)
            loops = list(self._loops.get(now.environment, ()))
        for loop in loops:
            loop.poke()

    def close(self) -> None:
        """Ends all threads within one bounded join; what they still read is dropped."""
        with self._lock:
            self._closed = True
            self._selection = _Selection("", self._selection.epoch + 1, self._selection.refresh)
            loops = [loop for own in self._loops.values() for loop in own] + self._light
        for loop in loops:
            loop.stop()
        until = self._clock.monotonic() + JOIN
        for loop in loops:
            loop.close(max(0.0, until - self._clock.monotonic()))

    def _start(self, environment: str) -> None:
        if environment not in self._loops:
            groups = self._watched[environment].groups if environment in self._watched else ()
            turns = [_Turns(self, environment, group.sources) for group in groups]
            self._loops[environment] = [
                self._loop(f"{environment}-{group.name}", turn.turn) for group, turn in zip(groups, turns, strict=True)
            ]
            for loop in self._loops[environment]:
                loop.start()
        if not self._light and len(self._watched) > 1:
            names = sorted(self._watched)
            parts = [names[n::_LIGHT_THREADS] for n in range(min(_LIGHT_THREADS, len(names)))]
            self._light = [self._loop(f"light-{n}", _LightTurns(self, part).turn) for n, part in enumerate(parts)]
            for loop in self._light:
                loop.start()

    def _loop(self, name: str, turn: Callable[[], float | None]) -> Loop:
        return Loop(name, turn, clock=self._clock, crashed=self._crashed)

    # What turns ask of the poller.

    @property
    def selection(self) -> _Selection:
        """The present selection, at once."""
        return self._selection

    def now(self) -> float:
        """Monotonic seconds."""
        return self._clock.monotonic()

    def light(self, environment: str) -> Source[Any]:
        """The light source of an environment."""
        return self._watched[environment].light

    def read(
        self, environment: str, source: Source[Any], *, failures: int, wanted: Callable[[], bool]
    ) -> tuple[bool, float]:
        """Reads once and puts the result on the board, unless it is no longer `wanted`; whether it worked, and the
        seconds until the next read."""
        snapshot, error = read_snapshot(source, self._clock)
        with self._lock:
            # Under the lock that `select` takes: a result cannot slip in after its environment was left.
            if wanted():
                self._board.put(environment, snapshot)
        if error is None:
            spread = 1 + _JITTER * (2 * self._chance() - 1)
            # At least as long a pause as the read itself took: a target that slows down is asked less.
            return True, max(source.every * spread - snapshot.took, snapshot.took)
        if not isinstance(error, OpsconsoleError):
            self._crashed(error)
        return False, pause_after(failures + 1)


class _Turns:
    """One group's thread: when each of its sources is due."""

    def __init__(self, poller: Poller, environment: str, sources: Callable[[], tuple[Source[Any], ...]]) -> None:
        self._poller = poller
        self._environment = environment
        self._sources = sources
        self._seen = _Selection()
        self._due: dict[str, float] = {}
        self._failures: dict[str, int] = {}

    def turn(self) -> float | None:
        """Reads what is due; the seconds until something is again."""
        selection = self._poller.selection
        if selection.environment != self._environment:
            return _IDLE
        if selection != self._seen:
            self._seen = selection
            self._due.clear()
        sources = self._sources()
        for source in sources:
            if self._poller.selection.epoch != selection.epoch:
                return 0.0
            if self._due.get(source.name, 0.0) <= self._poller.now():
                self._read(source, selection.epoch)
        rest = [self._due.get(source.name, 0.0) for source in sources]
        return max(0.0, min(rest) - self._poller.now()) if rest else _UNFOUND

    def _read(self, source: Source[Any], epoch: int) -> None:
        name = source.name
        failures = self._failures.get(name, 0)
        worked, pause = self._poller.read(
            self._environment, source, failures=failures, wanted=lambda: self._poller.selection.epoch == epoch
        )
        self._failures[name] = 0 if worked else failures + 1
        self._due[name] = self._poller.now() + pause


class _LightTurns:
    """One light thread: its share of the environments, asked one after another."""

    def __init__(self, poller: Poller, environments: Sequence[str]) -> None:
        self._poller = poller
        self._environments = environments
        self._due: dict[str, float] = {}
        self._failures: dict[str, int] = {}

    def turn(self) -> float | None:
        """Asks every environment that is due and not selected; the seconds until the next is."""
        for environment in self._environments:
            if self._poller.selection.environment == environment:
                self._due[environment] = 0.0
            elif self._due.get(environment, 0.0) <= self._poller.now():
                self._ask(environment)
        others = [n for n in self._environments if n != self._poller.selection.environment]
        rest = [self._due.get(name, 0.0) for name in others]
        return max(0.0, min(rest) - self._poller.now()) if rest else _IDLE

    def _ask(self, environment: str) -> None:
        failures = self._failures.get(environment, 0)
        source = self._poller.light(environment)
        worked, pause = self._poller.read(
            environment, source, failures=failures, wanted=lambda: self._poller.selection.environment != environment
        )
        self._failures[environment] = 0 if worked else failures + 1
        # An environment nobody looks at is not asked more often for being down.
        self._due[environment] = self._poller.now() + (pause if worked else source.every)
