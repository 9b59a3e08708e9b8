"""A run from its lock to its end: the order of the phases, and what every way of ending leaves behind.

Owns the phases before step 1, the steps' order, the gate's place and the ending. `host_work` does the work on a host,
`requests` asks the questions. Must not start twice what its journal says was started: a resumed run goes through the
same phases and finds its steps done.
"""

from __future__ import annotations

from datetime import datetime
from functools import partial

from console.domain.environment import Host
from console.domain.events import (
    LockLost,
    LockReleased,
    LockTaken,
    OperatorNeeded,
    PreflightDone,
    RunConfirmed,
    RunFinished,
    RunStarted,
    StepFinished,
)
from console.domain.plan_codec import plan_hash
from console.domain.runs import Outcome, PlannedStep, results_code
from console.domain.untrusted import harmless
from console.errors import LeaseLostError, LockHeldError, OpsconsoleError, RefusedError
from console.ports import Shell
from console.services.planning.staleness import compare_fresh, compare_resumed, link_begun
from console.services.planning.survey import read_releases
from console.services.running.gate_watch import GateWatch
from console.services.running.held_lock import HeldLock
from console.services.running.host_work import Performer, Tools
from console.services.running.links import LinkGoneError, Links, ParkedError
from console.services.running.maintenance_end import OFFER, Ending, ReachingBack
from console.services.running.requests import OperatorRequests
from console.services.running.runner_context import RunnerContext
from console.services.running.steps import Stepper
from console.services.target.identity import prove_all
from console.services.target.needs import look_at_needs, refuse, warnings
from console.services.target.preflight import base_needs
from console.services.target.remote_step import clean_text
from console.services.threads.loop import capture
from console.services.threads.parallel import each


class Runner:
    """Performs one run, or goes on with one that an earlier runner began."""

    def __init__(self, context: RunnerContext) -> None:
        self._context = context
        self._plan = context.row.plan
        self._journal = context.journal
        self._reach = context.reach
        self._clock = context.clock
        self._environment = context.reach.environment
        self._requests = OperatorRequests(context.store, context.journal, context.clock)
        self._links = Links(reach=context.reach, journal=context.journal, clock=context.clock, lost=context.lost)
        self._held = HeldLock(
            reach=context.reach,
            links=self._links,
            journal=context.journal,
            operator=context.operator,
            clock=context.clock,
        )
        tools = Tools(
            links=self._links,
            journal=context.journal,
            requests=self._requests,
            clock=context.clock,
            pace=context.pace,
            held=self._held,
        )
        self._stepper = Stepper(context, Performer(tools), self._requests)
        self._back = ReachingBack(context=context, stepper=self._stepper)

    def run(self) -> int:
        """Performs the run and returns its exit code. LockHeldError when another runner has taken the lease: then
        nothing more is written."""
        began = self._clock.now()
        if self._journal.view.outcome is not None:
            return 0 if self._journal.view.outcome is Outcome.OK else 1
        resumed = self._journal.last(RunStarted) is not None
        try:
            ending = self._decided() or self._through(resumed=resumed)
        except ParkedError as error:
            return self._park(error)
        finally:
            self._held.stop()
        return self._end(ending, began)

    def _through(self, *, resumed: bool) -> Ending:
        try:
            self._begin(resumed=resumed)
            self._ready()
            ending = self._act()
            return self._back.ended(ending, locked=not self._held.lost.is_set())
        except (ParkedError, LeaseLostError):
            raise
        except OpsconsoleError as error:
            if self._context.lost.is_set():
                raise
            if self._journal.begun:
                raise ParkedError(f"the run cannot go on: {error.what}", done=error.done, fix=error.fix) from error
            return Ending(outcome=Outcome.FAILED, detail=str(error), exit_code=error.exit_code)

    # --- before step 1 -----------------------------------------------------------------------------------------------

    def _begin(self, *, resumed: bool) -> None:
        plan = self._plan
        self._context.audit.write(
            f"run.{plan.action}",
            environment=plan.environment,
            command="; ".join(f"{step.name}: {step.text}" for step in plan.steps),
            targets=[host.name for host in plan.hosts],
            plan_hash=plan_hash(plan),
            run=self._context.row.id,
            result="resumed" if resumed else "intent",
            detail=_why(self._journal.last(RunConfirmed)),
        )
        operator = self._context.operator.label
        self._journal.note(RunStarted(resumed=resumed, operator=operator, places=self._places()))

    def _ready(self) -> None:
        hosts = [host.name for host in self._environment.hosts]
        each(hosts, lambda name: self._reach.shell(name).connect())
        prove_all(self._reach)
        self._held.take()
        self._compare(hosts)
        self._preflight()

    def _compare(self, hosts: list[str]) -> None:
        found = each(hosts, lambda name: read_releases(self._reach, self._environment.host(name)))
        keys = each(hosts, lambda name: self._reach.shell(name).fingerprint())
        if not self._journal.begun:
            confirmed = plan_hash(self._plan)
            compare_fresh(self._plan, found, keys, config_hash=self._context.config_hash, confirmed=confirmed)
            return
        wrong = [*self._moved(), *compare_resumed(self._plan, self._journal.view, found, keys)]
        if wrong:
            raise RefusedError(f"what is there is not what the journal says: {'; '.join(wrong)}")

    def _places(self) -> dict[str, str]:
        """The control directory of each host, which has the files of its steps."""
        return {host.name: self._environment.paths(host).control for host in self._environment.hosts}

    def _moved(self) -> list[str]:
        """A sentence when a resumed run would look for its steps in other directories than it began with: it would not
        find them there, and would do them again."""
        first = next((one.payload for one in self._journal.events if isinstance(one.payload, RunStarted)), None)
        if first is None or first.places is None or first.places == self._places():
            return []
        return ["the configuration names other directories for this run's traces than when it began"]

    def _preflight(self) -> None:
        plan = self._plan
        findings = look_at_needs(self._reach, plan.steps, base_needs(self._environment))
        if not self._journal.begun:
            refuse(findings, done="Nothing was changed.", head="Preflight: ")
        said = (*warnings(findings), *(f"{one.host}: {one.sentence}" for one in findings if one.refuses))
        probes = None
        if plan.gate is not None and not self._journal.begun:
            # A plan with a commit brings a new release. Others, such as a rollback, are made because probes fail.
            watch = GateWatch(self._context, self._requests, plan.gate)
            probes = watch.before(refusing=bool(plan.commit))
        self._journal.note(PreflightDone(warnings=said, probes=probes))

    # --- the steps and the gate --------------------------------------------------------------------------------------

    def _act(self) -> Ending:
        for step in self._plan.steps:
            stopped = self._stopped(step)
            if stopped is not None:
                return stopped
            outcome, detail = self._stepper.step(step)
            if outcome is Outcome.FAILED and self._held.lost.is_set():
                return self._taken_over(f"stopped at {step.name}: {detail}")
            if outcome is Outcome.CANCELLED:
                self._stepper.on_abort(step)
                return self._cancelled(f"at step {step.name}: {detail}")
            if outcome is Outcome.FAILED:
                return Ending(
                    outcome=Outcome.FAILED,
                    detail=f"step {step.name} failed: {detail}",
                    exit_code=self._code(step),
                    offers=self._offers(),
                )
        return self._judge()

    def _code(self, step: PlannedStep) -> int:
        """The exit code for a failed step. One that acts on failed jobs has a result for each job, and these differ."""
        ended = self._journal.last(StepFinished, step=step.name)
        return results_code([one.outcome for one in ended.results] if ended is not None else ()) or 1

    def _stopped(self, step: PlannedStep) -> Ending | None:
        """The ending when the next step must not begin, else None. Steps that have ended are passed over."""
        if self._stepper.ended(step):
            return None
        self._requests.poll()
        while self._paused(step):
            self._clock.wait(self._context.lost, 0.25)
            self._requests.poll()
        if self._stepper.begun(step):
            # A step that has begun is followed to its end, whoever has the lock by now.
            return None
        self._prove()
        if self._held.lost.is_set():
            return self._taken_over(f"stopped before {step.name}: the lock was taken over by somebody else")
        if self._requests.aborted.is_set():
            return self._cancelled(f"before step {step.name}")
        return None

    def _paused(self, step: PlannedStep) -> bool:
        """Whether an operator holds the run before this step; what has begun is followed to its end."""
        ending = self._requests.aborted.is_set() or self._held.lost.is_set() or self._context.lost.is_set()
        return "hold" in self._requests.standing and not ending and not self._stepper.begun(step)

    def _prove(self) -> None:
        """Waits until it is known who has the lock; an operator's abort ends the wait."""

        def aborted() -> bool:
            self._requests.poll()
            return self._requests.aborted.is_set()

        try:
            self._held.prove(patience=self._context.pace.patience, meanwhile=aborted)
        except LeaseLostError:
            raise
        except LockHeldError:
            return
        except LinkGoneError:
            if not self._requests.aborted.is_set():
                raise

    def _taken_over(self, detail: str) -> Ending:
        self._held.taken = False
        self._journal.note(LockLost())
        return Ending(outcome=Outcome.FAILED, detail=detail, exit_code=5, offers=self._offers())

    def _cancelled(self, where: str) -> Ending:
        return Ending(
            outcome=Outcome.CANCELLED,
            detail=f"aborted by {self._requests.aborted_by} {where}",
            exit_code=1,
            offers=self._offers(),
        )

    def _offers(self) -> tuple[str, ...]:
        return ("rollback",) if self._plan.rollback_target and link_begun(self._plan, self._journal.view) else ()

    def _judge(self) -> Ending:
        gate = self._plan.gate
        if gate is None:
            return Ending(outcome=Outcome.OK)
        watch = GateWatch(self._context, self._requests, gate)
        why = watch.decide()
        if not why:
            return Ending(outcome=Outcome.OK, detail="the gate passed")
        if self._requests.aborted.is_set():
            return self._cancelled("during the gate")
        down = ", ".join(self._back.down_now())
        if down:
            why += f"; {down} in maintenance mode, so its answers say nothing of the release"
        holding = gate.on_failure == "hold" or "hold" in self._requests.standing
        choice = watch.hold(why) if holding else gate.on_failure
        if down and choice == "rollback" and not holding:
            detail = f"the gate failed: {why}; not rolled back"
            return Ending(outcome=Outcome.FAILED, detail=detail, exit_code=1, offers=(OFFER, *self._offers()))
        if choice == "accept":
            return Ending(outcome=Outcome.OK, detail=f"accepted though the gate failed: {why}")
        if choice == "rollback":
            self._prove()
        if choice == "rollback" and self._held.lost.is_set():
            detail = f"the gate failed: {why}; not rolled back: the lock was taken over by somebody else"
            return Ending(outcome=Outcome.FAILED, detail=detail, exit_code=5, offers=self._offers())
        if choice == "rollback" and self._plan.rollback_target:
            undone = self._stepper.undo()
            back = f"rolled back to {self._plan.rollback_target}" if not undone else f"the way back failed: {undone}"
            offers = self._offers() if undone else ()
            return Ending(outcome=Outcome.FAILED, detail=f"the gate failed: {why}; {back}", exit_code=1, offers=offers)
        return Ending(outcome=Outcome.FAILED, detail=f"the gate failed: {why}", exit_code=1, offers=self._offers())

    # --- the end -----------------------------------------------------------------------------------------------------

    def _decided(self) -> Ending | None:
        """The ending that an earlier runner decided, if it had already given up the lock when it died."""
        released = self._journal.last(LockReleased)
        if released is None or self._journal.last_seq(LockTaken) > self._journal.last_seq(LockReleased):
            return None
        return _ending_of(released)

    def _park(self, error: ParkedError) -> int:
        """Leaves the run to an operator: the lock stays, and whoever resumes it goes on from here."""
        if self._context.lost.is_set():
            return 8
        if self._journal.view.question is None:
            self._journal.note(OperatorNeeded(question=self._back.waiting() + str(error), parked=True))
        return 8

    def _end(self, ending: Ending, began: datetime) -> int:
        shell = self._primary_shell()
        control = self._environment.paths(self._environment.primary()).control
        self._context.audit.write(
            f"run.{self._plan.action}",
            environment=self._plan.environment,
            plan_hash=plan_hash(self._plan),
            run=self._context.row.id,
            result=ending.outcome.value,
            exit_status=ending.exit_code,
            seconds=(self._clock.now() - began).total_seconds(),
            detail=ending.detail,
        )
        if self._journal.begun:
            # Neither may keep a run from ending: the next audit head covers this run too, and the next run cleans up.
            capture(lambda: self._context.audit.witness(shell, control))
            for host in self._environment.hosts:
                capture(partial(self._clean, host))
        if self._held.taken:
            self._release(ending)
        finished = RunFinished(
            outcome=ending.outcome, detail=ending.detail, exit_code=ending.exit_code, offers=ending.offers
        )
        self._journal.note(finished)
        return ending.exit_code

    def _clean(self, host: Host) -> None:
        shell = self._reach.shell(host.name)
        if shell.connected():
            control = self._environment.paths(host).control
            shell.run(clean_text(control, run=self._context.row.name), deadline=20.0)

    def _release(self, ending: Ending) -> None:
        try:
            released = self._held.give_up()
        except OpsconsoleError as error:
            self._journal.note(LockLost(detail=f"it could not be given up: {error.what}"))
            return
        # None means that the lock was released, but the link broke before the answer came.
        if released is not False:
            given_up = LockReleased(
                outcome=ending.outcome, detail=ending.detail, exit_code=ending.exit_code, offers=ending.offers
            )
            self._journal.note(given_up)
        else:
            self._journal.note(LockLost(detail="it was taken over by somebody else"))

    def _primary_shell(self) -> Shell:
        return self._reach.shell(self._environment.primary().name)


def _why(confirmed: RunConfirmed | None) -> str:
    """The reason that was given with the confirmation, empty without one."""
    return f"reason: {harmless(confirmed.reason)}" if confirmed is not None and confirmed.reason else ""


def _ending_of(released: LockReleased) -> Ending:
    code = released.exit_code if released.exit_code is not None else 1
    return Ending(outcome=released.outcome, detail=released.detail, exit_code=code, offers=released.offers)
