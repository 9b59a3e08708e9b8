"""The gate at the end of a run: samples of every probe, and when they pass or fail it.

Owns the rule only: three bad samples in a row of one probe fail it at once, and at the end every probe must have been
ok or warning in its last three. Must not fetch, wait or write; the runner does.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from console.domain.health import Status

IN_A_ROW = 3
GOOD = frozenset({Status.OK, Status.WARNING, Status.SKIPPED})


@dataclass(slots=True)
class Gate:
    """What the samples say so far. `probes` are the names it judges by."""

    probes: tuple[str, ...]
    samples: dict[str, list[Status]] = field(default_factory=dict)

    def add(self, results: Mapping[str, Status]) -> None:
        """One sample of each probe; names it does not judge by are passed over."""
        for name, status in results.items():
            if name in self.probes:
                self.samples.setdefault(name, []).append(status)

    def enough(self) -> bool:
        """Whether every probe was sampled often enough to be judged."""
        return all(len(self.samples.get(name, ())) >= IN_A_ROW for name in self.probes)

    def failed(self) -> tuple[str, ...]:
        """The probes whose last three samples were all bad: the gate fails at once."""
        return tuple(name for name in self.probes if self._bad(name) == IN_A_ROW)

    def verdict(self) -> tuple[str, ...]:
        """At the end: the probes that keep it from passing, empty when it passes."""
        return tuple(name for name in self.probes if self._bad(name) or len(self.samples.get(name, ())) < IN_A_ROW)

    def _bad(self, name: str) -> int:
        return count_bad(self.samples.get(name, ())[-IN_A_ROW:])


def count_bad(samples: Iterable[Status]) -> int:
    """How many of these samples are failed or crashed."""
    return sum(status not in GOOD for status in samples)
