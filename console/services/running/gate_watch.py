"""The gate of a run at work: samples before step 1 and after the last step, operators' requests, and the decision.

Owns the sampling and the waiting; the rule is in `planning.gate`. Must not undo anything.
"""

from __future__ import annotations

from threading import Event as Flag

from console.domain.actions import GateSpec
from console.domain.events import GateDecided, GateSampled, PreflightDone, ProbeBefore
from console.domain.health import ProbeResult, ProbeSpec
from console.domain.untrusted import Raw
from console.errors import RefusedError
from console.services.planning.gate import BAD, Before, Gate, before_of, samples_before
from console.services.running.links import ParkedError
from console.services.running.requests import OperatorRequests
from console.services.running.runner_context import RunnerContext
from console.services.threads.parallel import each


class GateWatch:
    """Samples the gate's probes of one run until there is a decision."""

    def __init__(self, context: RunnerContext, requests: OperatorRequests, spec: GateSpec) -> None:
        self._context = context
        self._requests = requests
        self._spec = spec
        self._journal = context.journal
        self._clock = context.clock

    def before(self, *, refusing: bool) -> dict[str, ProbeBefore]:
        """Samples from before step 1, to be journaled. With `refusing`, a failing probe raises RefusedError: it was
        well when the plan was made, and at the end the gate could not tell this failure from one that the run
        caused."""
        found = self._asked().values()
        failing = [f"{one.name} ({Raw.of(one.detail).show(120)})" for one in found if one.status in BAD]
        if failing and refusing:
            raise RefusedError(
                f"Failing before step 1: {'; '.join(failing)}.",
                done="Nothing was changed.",
                fix="Mend it, or plan again and go on knowingly: --param allow_failing=NAME",
            )
        return samples_before(found)

    def decide(self) -> str:
        """Why the gate failed, empty when it passed. A decision that an earlier runner noted stands."""
        decided = self._journal.last(GateDecided)
        if decided is None:
            passed, detail = self._sample()
            decided = GateDecided(decision="passed" if passed else "failed", detail=detail)
            self._journal.note(decided)
        if decided.decision == "passed":
            return ""
        return decided.detail or "it failed"

    def hold(self, why: str) -> str:
        """Asks an operator about a failed gate while the lock is kept; the answer is accept, rollback or fail."""
        answer = self._requests.ask(
            f"The gate failed: {why}. The lock is held.",
            ("accept", "rollback", "fail"),
            since=self._journal.last_seq(GateDecided),
            seconds=self._context.pace.question,
        )
        if answer is None:
            raise ParkedError(f"the gate failed and nobody answered: {why}")
        return "fail" if answer.word == "abort" else answer.word

    def _sample(self) -> tuple[bool, str]:
        gate = Gate(tuple(self._specs()), self._before())
        until = self._clock.monotonic() + self._spec.duration
        while True:
            began = self._clock.monotonic()
            results = self._asked()
            gate.add(results)
            for name, result in results.items():
                detail = Raw.of(result.detail).show(200)
                self._journal.note(GateSampled(probe=name, status=result.status.value, detail=detail))
            failed = gate.failed()
            if failed:
                return False, f"three bad samples in a row of {', '.join(failed)}"
            over = self._wait(began + self._spec.every)
            if over is not None:
                return over
            if self._clock.monotonic() >= until and gate.enough():
                lacking = gate.verdict()
                return not lacking, f"not good in the last three samples: {', '.join(lacking)}" if lacking else ""

    def _specs(self) -> dict[str, ProbeSpec]:
        health = self._context.reach.environment.health
        return {probe.name: probe for probe in health if probe.name in self._spec.probes}

    def _asked(self) -> dict[str, ProbeResult]:
        http, specs = self._context.reach.http(), self._specs()
        return each(specs, lambda name: http.probe(specs[name]))

    def _before(self) -> dict[str, Before]:
        """The samples journaled before step 1; a runner that resumes the run can no longer take them itself."""
        for event in reversed(self._journal.events):
            if isinstance(event.payload, PreflightDone) and event.payload.probes is not None:
                return before_of(event.payload.probes)
        return {}

    def _wait(self, next_sample: float) -> tuple[bool, str] | None:
        """Waits for the next sample; a decision when an operator made one meanwhile."""
        while True:
            self._requests.poll()
            if self._requests.aborted.is_set():
                return False, f"aborted by {self._requests.aborted_by}"
            if "skip" in self._requests.standing:
                return True, "an operator let it pass"
            now = self._clock.monotonic()
            if now >= next_sample:
                return None
            self._clock.wait(Flag(), min(0.25, next_sample - now))
