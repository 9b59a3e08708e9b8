"""The gate of a run as it happens: sampling, what operators wish meanwhile, and the decision, each an event.

Owns the waiting; the rule is `gate.Gate`'s. Must not undo anything.
"""

from __future__ import annotations

from threading import Event as Flag

from console.domain.actions import GateSpec
from console.domain.health import ProbeResult
from console.domain.runs import EventKind
from console.domain.untrusted import Raw
from console.services.desk import Desk
from console.services.gate import Gate
from console.services.links import ParkedError
from console.services.means import Means
from console.services.parallel import each


class GateWatch:
    """Samples the gate's probes of one run until there is a decision."""

    def __init__(self, means: Means, desk: Desk, spec: GateSpec) -> None:
        self._means = means
        self._desk = desk
        self._spec = spec
        self._ledger = means.ledger
        self._clock = means.clock

    def decide(self) -> str:
        """Why the gate failed, empty when it passed. A decision that an earlier runner noted stands."""
        decided = self._ledger.last(EventKind.GATE_DECIDED)
        if decided is None:
            passed, detail = self._sample()
            data = {"decision": "passed" if passed else "failed", "detail": detail}
            decided = self._ledger.note(EventKind.GATE_DECIDED, data=data)
        if decided.data.get("decision") == "passed":
            return ""
        return str(decided.data.get("detail") or "it failed")

    def hold(self, why: str) -> str:
        """What an operator says of a failed gate while the lock stays: accept, rollback or fail."""
        decided = self._ledger.last(EventKind.GATE_DECIDED)
        answer = self._desk.ask(
            f"The gate failed: {why}. The lock is held.",
            ("accept", "rollback", "fail"),
            since=decided.seq if decided else 0,
            seconds=self._means.pace.question,
        )
        if answer is None:
            raise ParkedError(f"the gate failed and nobody answered: {why}")
        return "fail" if answer.word == "abort" else answer.word

    def _sample(self) -> tuple[bool, str]:
        http = self._means.reach.http()
        specs = {probe.name: probe for probe in self._means.reach.environment.health if probe.name in self._spec.probes}
        gate = Gate(tuple(specs))
        until = self._clock.monotonic() + self._spec.duration
        while True:
            began = self._clock.monotonic()
            results: dict[str, ProbeResult] = each(specs, lambda name: http.probe(specs[name]))
            gate.add({name: result.status for name, result in results.items()})
            for name, result in results.items():
                data = {"probe": name, "status": result.status.value, "detail": Raw.of(result.detail).show(200)}
                self._ledger.note(EventKind.GATE_SAMPLED, data=data)
            failed = gate.failed()
            if failed:
                return False, f"three bad samples in a row of {', '.join(failed)}"
            over = self._wait(began + self._spec.every)
            if over is not None:
                return over
            if self._clock.monotonic() >= until and gate.enough():
                lacking = gate.verdict()
                return not lacking, f"not good in the last three samples: {', '.join(lacking)}" if lacking else ""

    def _wait(self, next_sample: float) -> tuple[bool, str] | None:
        """Waits for the next sample; a decision when an operator made one meanwhile."""
        while True:
            self._desk.poll()
            if self._desk.aborted.is_set():
                return False, f"aborted by {self._desk.aborted_by}"
            if "skip" in self._desk.wishes:
                return True, "an operator let it pass"
            now = self._clock.monotonic()
            if now >= next_sample:
                return None
            self._clock.wait(Flag(), min(0.25, next_sample - now))
