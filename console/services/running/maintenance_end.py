"""What the end of a run does about maintenance mode that one of its steps began and no later step ended.

Owns naming it first, offering the action that ends it, and ending it where the action's gate says rollback. Must not
end what the run did not begin: a site that somebody else took down is only named.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from console.domain.left_down import brought_up, left_down, set_down, waiting_words
from console.domain.maintenance import MaintenanceReading
from console.domain.plans import PlannedStep
from console.domain.runs import Outcome
from console.domain.untrusted import harmless
from console.errors import LeaseLostError, LockHeldError, OpsconsoleError
from console.services.running.links import ParkedError
from console.services.running.runner_context import RunnerContext
from console.services.running.steps import Stepper
from console.services.target.maintenance import read_maintenance

OFFER = "maintenance"
"""The action that ends the mode, as a run offers it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """How a run ends. `exit_code` is that of the command line that follows the run."""

    outcome: Outcome
    detail: str = ""
    exit_code: int = 0
    offers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ReachingBack:
    """The maintenance mode that one run began, as its end finds it."""

    context: RunnerContext
    stepper: Stepper

    def ended(self, ending: Ending, *, locked: bool) -> Ending:
        """The ending, in which maintenance mode that is left behind is named first. The run acts on it only while it
        still has the lock (`locked`)."""
        if ending.outcome is Outcome.OK:
            return ending
        plan, view = self.context.row.plan, self.context.journal.view
        step = left_down(plan, view)
        if step is None:
            before = set_down(plan, view)
            by_itself = before is not None and brought_up(before, view)
            return replace(ending, detail=f"maintenance mode was ended; {ending.detail}") if by_itself else ending
        if ending.outcome is Outcome.CANCELLED and locked:
            # What the step declares for an abort applies to every abort while its maintenance mode lasts.
            self.stepper.on_abort(step)
        why = ""
        if locked and plan.gate is not None and plan.gate.on_failure == "rollback":
            outcome, why = self.stepper.undo_one(step)
            why = "" if outcome is Outcome.OK else why or "the step has no way back"
        if brought_up(step, self.context.journal.view):
            return replace(ending, detail=f"maintenance mode was ended; {ending.detail}")
        return self._still_down(ending, step, why)

    def waiting(self) -> str:
        """What to say first of a run that waits for an operator; empty unless this run took the site down."""
        return waiting_words(self.context.row.plan, self.context.journal.view)

    def down_now(self) -> tuple[str, ...]:
        """The hosts that are in maintenance mode now, whoever set it; none where that cannot be read."""
        reading = self._read()
        return () if reading is None else tuple(host.host for host in reading.down)

    def _still_down(self, ending: Ending, step: PlannedStep, why: str) -> Ending:
        reading = self._read()
        if reading is not None and not reading.down and not reading.errors:
            # Somebody else has ended it, or the step failed before it began it.
            return ending
        if reading is None or not reading.down:
            first = f"the site may still be in maintenance mode (step {step.name}), which could not be read"
        else:
            names = ", ".join(harmless(host.host) for host in reading.down)
            first = f"the site is still in maintenance mode on {names} (step {step.name})"
        if why:
            first += f"; it could not be ended: {why}"
        offers = (OFFER, *(offer for offer in ending.offers if offer != OFFER))
        return replace(ending, detail=f"{first}; {ending.detail}", offers=offers)

    def _read(self) -> MaintenanceReading | None:
        try:
            return read_maintenance(self.context.reach, self.context.clock)
        except (ParkedError, LeaseLostError, LockHeldError):
            raise
        except OpsconsoleError:
            return None
