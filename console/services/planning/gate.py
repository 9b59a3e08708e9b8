"""The gate at the end of a run: samples of every probe, and when they pass or fail it.

Owns the rule only: three failed samples in a row of one probe fail it at once, and at the end every probe must have
been good in its last three, which means ok, or as bad a warning as before step 1. Must not fetch, wait or write.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from console.domain.events import ProbeBefore
from console.domain.health import ProbeResult, Status

IN_A_ROW = 3
BAD = frozenset({Status.FAILED, Status.CRASHED})


@dataclass(frozen=True, slots=True)
class Before:
    """One probe before step 1: `concerns` are what kept it from being ok, in the words of `ProbeResult.concerns`."""

    failed: bool = False
    concerns: frozenset[str] = frozenset()


@dataclass(slots=True)
class Gate:
    """What the samples say so far. `probes` are the names it judges by."""

    probes: tuple[str, ...]
    before: Mapping[str, Before] = field(default_factory=dict)
    samples: dict[str, list[ProbeResult]] = field(default_factory=dict)

    def add(self, results: Mapping[str, ProbeResult]) -> None:
        """One sample of each probe; names it does not judge by are passed over."""
        for name, result in results.items():
            if name in self.probes:
                self.samples.setdefault(name, []).append(result)

    def enough(self) -> bool:
        """Whether every probe was sampled often enough to be judged."""
        return all(len(self._last(name)) == IN_A_ROW for name in self.probes)

    def failed(self) -> tuple[str, ...]:
        """Why the gate fails at once: the probes whose last three samples all failed, each with what it said."""
        return tuple(
            self._named(name)
            for name in self.probes
            if self.enough_of(name) and all(sample.status in BAD for sample in self._last(name))
        )

    def enough_of(self, name: str) -> bool:
        """Whether there are three samples of this probe."""
        return len(self._last(name)) == IN_A_ROW

    def verdict(self) -> tuple[str, ...]:
        """At the end: the probes that keep it from passing, each with what it said; empty when it passes."""
        return tuple(self._named(name) for name in self.probes if not self.enough_of(name) or self._wrong(name))

    def _last(self, name: str) -> list[ProbeResult]:
        return self.samples.get(name, [])[-IN_A_ROW:]

    def _wrong(self, name: str) -> list[ProbeResult]:
        return [sample for sample in self._last(name) if not self._good(name, sample)]

    def _good(self, name: str, sample: ProbeResult) -> bool:
        if sample.status is Status.OK:
            return True
        before = self.before.get(name, Before())
        # A probe that failed before step 1 and only warns now has improved: without this no rollback could pass.
        better = before.failed and sample.understood
        return sample.status not in BAD and (better or set(_concerns(sample)) <= before.concerns)

    def _named(self, name: str) -> str:
        wrong = self._wrong(name)
        if not wrong:
            return f"{name} (too few samples)"
        said = wrong[-1].detail or wrong[-1].status.value
        return f"{name} ({said}{'' if wrong[-1].status in BAD else ', not so before step 1'})"


def _concerns(result: ProbeResult) -> tuple[str, ...]:
    """What keeps an answer from being ok; its status where it names nothing, as for a probe that was skipped."""
    return result.concerns or (() if result.status is Status.OK else (result.status.value,))


def samples_before(results: Iterable[ProbeResult]) -> dict[str, ProbeBefore]:
    """The samples from before step 1 as they are journaled."""
    return {
        result.name: ProbeBefore(status=result.status.value, detail=result.detail, concerns=_concerns(result))
        for result in results
    }


def before_of(samples: Mapping[str, ProbeBefore]) -> dict[str, Before]:
    """The journaled samples as the gate compares with them."""
    bad = {status.value for status in BAD}
    return {
        name: Before(failed=sample.status in bad, concerns=frozenset(sample.concerns))
        for name, sample in samples.items()
    }
