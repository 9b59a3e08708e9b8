"""A piece of work for one host, how it ended, and the tools it is done with.

Owns these values. Must not do anything.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from console.domain.actions import Effect
from console.domain.documents import Json
from console.domain.environment import Host
from console.domain.redact import Secret
from console.domain.runs import Outcome
from console.ports import Clock
from console.services.running.held_lock import HeldLock
from console.services.running.journal import Journal
from console.services.running.links import Links
from console.services.running.requests import OperatorRequests


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How often things are looked at, in seconds; tests make it quick. `patience` is for a host that went away."""

    look: float = 0.25
    first_look: float = 0.02
    starting: float = 10.0
    patience: float = 300.0
    question: float = 900.0
    piece: int = 262_144


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """A piece of work for one host. `prepare` runs before the intent and its result is noted with it; `conclude` gets
    that result afterwards and may judge the end anew. Work that is not `abortable` (a way back) ignores an abort.
    `attached` consents to a `once` step that may die with the link."""

    step: str
    kind: str
    text: str
    host: Host
    control: str
    script: str
    effect: Effect
    timeout: float
    when: str = ""
    abortable: bool = True
    attached: bool = False
    secrets: Callable[[], tuple[Secret, ...]] = tuple
    prepare: Prepare | None = None
    conclude: Conclude | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkEnd:
    """How work ended. After `unknown`, `over` says whether it is proved that nothing of it runs any more."""

    outcome: Outcome
    exit_status: int | None = None
    detail: str = ""
    over: bool = False
    more: Mapping[str, Json] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Tools:
    """What one run's work is done with. `held` is None where no lock is to be proved."""

    links: Links
    journal: Journal
    requests: OperatorRequests
    clock: Clock
    pace: Pace
    held: HeldLock | None = None

    def aborted(self, work: Work) -> bool:
        """Whether an operator's abort is meant for this work."""
        return work.abortable and self.requests.aborted.is_set()


Prepare = Callable[[], Mapping[str, Json]]
Conclude = Callable[[Mapping[str, Json], WorkEnd], WorkEnd]
