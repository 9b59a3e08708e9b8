"""A run from its lock to its end: the order of the phases, and what every way of ending leaves behind.

Owns the phases before step 1, the steps' order, the gate's place and the ending. How work is done on a host is
`performing`'s, questions are the `desk`'s. Must not start twice what its journal says was started: a resumed run goes
through the same phases and finds its steps done.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from threading import Event as Flag

from console.domain.documents import Json
from console.domain.environment import Host
from console.domain.plan_codec import plan_hash
from console.domain.runs import Event, EventKind, Outcome, PlannedStep, results_code
from console.domain.untrusted import harmless
from console.errors import LeaseLostError, LockHeldError, OpsconsoleError, RefusedError
from console.ports import Shell
from console.services.comparing import compare_fresh, compare_resumed, link_begun
from console.services.desk import Desk
from console.services.identity import prove_all
from console.services.links import Links, ParkedError
from console.services.lock import BEAT_SECONDS, EnvironmentLock, ensure_control, holder_of
from console.services.loop import Loop, capture
from console.services.means import Means
from console.services.parallel import each
from console.services.performing import Performer
from console.services.preflight import preflight_script, read_preflight
from console.services.stepping import Stepper
from console.services.survey import read_releases
from console.services.watching import GateWatch
from console.services.wrapper import clean_text


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """How a run ends. `exit_code` is what the command line that follows it ends with."""

    outcome: Outcome
    detail: str = ""
    exit_code: int = 0
    offers: tuple[str, ...] = ()


class Runner:
    """Runs one run, or goes on with it."""

    def __init__(self, means: Means) -> None:
        self._means = means
        self._plan = means.row.plan
        self._ledger = means.ledger
        self._reach = means.reach
        self._clock = means.clock
        self._environment = means.reach.environment
        self._desk = Desk(means.store, means.ledger, means.clock)
        self._links = Links(reach=means.reach, ledger=means.ledger, clock=means.clock, lost=means.lost)
        self._performer = Performer(self._links, means.ledger, self._desk, means.clock, means.pace)
        self._stepper = Stepper(means, self._performer, self._desk)
        self._lock = EnvironmentLock(self._primary_shell(), self._environment, means.clock)
        self._locked = False
        self._lock_lost = Flag()
        self._beating: Loop | None = None

    def run(self) -> int:
        """Goes through the run; the exit code. LockHeldError when another runner has taken the lease: then nothing
        more is written."""
        began = self._clock.now()
        if self._ledger.view.outcome is not None:
            return 0 if self._ledger.view.outcome is Outcome.OK else 1
        resumed = self._ledger.last(EventKind.RUN_STARTED) is not None
        try:
            ending = self._decided() or self._through(resumed=resumed)
        except ParkedError as error:
            return self._park(error)
        finally:
            self._stop_beating()
        return self._end(ending, began)

    def _through(self, *, resumed: bool) -> Ending:
        try:
            self._begin(resumed=resumed)
            self._ready()
            return self._act()
        except (ParkedError, LeaseLostError):
            raise
        except OpsconsoleError as error:
            if self._means.lost.is_set():
                raise
            if self._ledger.begun:
                raise ParkedError(f"the run cannot go on: {error.what}", done=error.done, fix=error.fix) from error
            return Ending(outcome=Outcome.FAILED, detail=str(error), exit_code=error.exit_code)

    # --- before step 1 -----------------------------------------------------------------------------------------------

    def _begin(self, *, resumed: bool) -> None:
        plan = self._plan
        self._means.audit.write(
            f"run.{plan.action}",
            environment=plan.environment,
            command="; ".join(f"{step.name}: {step.text}" for step in plan.steps),
            targets=[host.name for host in plan.hosts],
            plan_hash=plan_hash(plan),
            run=self._means.row.id,
            result="resumed" if resumed else "intent",
            detail=_why(self._ledger.last(EventKind.RUN_CONFIRMED)),
        )
        data: dict[str, Json] = {
            "resumed": resumed,
            "operator": self._means.operator.label,
            "places": dict[str, Json](self._places()),
        }
        self._ledger.note(EventKind.RUN_STARTED, data=data)

    def _ready(self) -> None:
        hosts = [host.name for host in self._environment.hosts]
        each(hosts, lambda name: self._reach.shell(name).connect())
        prove_all(self._reach)
        self._take_lock()
        self._compare(hosts)
        self._preflight(hosts)

    def _take_lock(self) -> None:
        if not self._plan.lock:
            return
        row = self._means.row
        holder = holder_of(
            self._means.operator, token=row.token, why=self._plan.title, at=self._clock.now(), run=row.id
        )
        self._lock.take(holder)
        self._locked = True
        if not self._ledger.view.lock_held:
            self._ledger.note(EventKind.LOCK_TAKEN)
        self._beating = Loop("lock", self._beat, clock=self._clock, crashed=lambda _error: None)
        self._beating.start()

    def _beat(self) -> float | None:
        try:
            self._lock.beat(self._means.row.token)
        except LockHeldError:
            self._lock_lost.set()
            return None
        return BEAT_SECONDS

    def _compare(self, hosts: list[str]) -> None:
        found = each(hosts, lambda name: read_releases(self._reach, self._environment.host(name)))
        keys = each(hosts, lambda name: self._reach.shell(name).fingerprint())
        if not self._ledger.begun:
            confirmed = plan_hash(self._plan)
            compare_fresh(self._plan, found, keys, config_hash=self._means.config_hash, confirmed=confirmed)
            return
        wrong = [*self._moved(), *compare_resumed(self._plan, self._ledger.view, found, keys)]
        if wrong:
            raise RefusedError(f"what is there is not what the journal says: {'; '.join(wrong)}")

    def _places(self) -> dict[str, str]:
        """The control directory of each host, where a step's traces are."""
        return {host.name: self._environment.paths(host).control for host in self._environment.hosts}

    def _moved(self) -> list[str]:
        """What a resumed run would look for in another place than it was left: not found, it would be done again."""
        first = next((one for one in self._ledger.events if one.kind is EventKind.RUN_STARTED), None)
        before = first.data.get("places") if first is not None else None
        if not isinstance(before, dict) or before == self._places():
            return []
        return ["the configuration names other directories for this run's traces than when it began"]

    def _preflight(self, hosts: list[str]) -> None:
        environment, plan = self._environment, self._plan

        def one(name: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
            host = environment.host(name)
            shell = self._reach.shell(name)
            ensure_control(shell, environment.paths(host))
            done = shell.run(preflight_script(environment.paths(host), plan, name), deadline=30.0)
            findings = read_preflight(done.stdout)
            return findings.refusals, findings.warnings

        found = each(hosts, one)
        refusals = [f"{name}: {why}" for name, (whys, _) in found.items() for why in whys]
        if refusals and not self._ledger.begun:
            raise RefusedError("Preflight: " + "; ".join(refusals), done="Nothing was changed.")
        warnings: list[Json] = [f"{name}: {why}" for name, (_, whys) in found.items() for why in whys]
        self._ledger.note(EventKind.PREFLIGHT_DONE, data={"warnings": [*warnings, *refusals]})

    # --- the steps and the gate --------------------------------------------------------------------------------------

    def _act(self) -> Ending:
        for step in self._plan.steps:
            stopped = self._stopped(step)
            if stopped is not None:
                return stopped
            outcome, detail = self._stepper.step(step)
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
        """What the run ends with for a step that failed: of failed jobs some may be ok, or of unknown end."""
        ended = self._ledger.last(EventKind.STEP_FINISHED, step=step.name)
        results = ended.data.get("results") if ended is not None else None
        words = [one.get("outcome") for one in results if isinstance(one, dict)] if isinstance(results, list) else []
        return results_code(words) or 1

    def _stopped(self, step: PlannedStep) -> Ending | None:
        """Why the next step must not begin, if it must not. Steps that have ended are passed over as they are."""
        if self._stepper.ended(step):
            return None
        self._desk.poll()
        while self._held(step):
            self._clock.wait(self._means.lost, 0.25)
            self._desk.poll()
        if self._lock_lost.is_set():
            self._locked = False
            self._ledger.note(EventKind.LOCK_LOST)
            return Ending(
                outcome=Outcome.FAILED,
                detail=f"stopped before {step.name}: the lock was taken over by somebody else",
                exit_code=5,
                offers=self._offers(),
            )
        if self._desk.aborted.is_set() and not self._stepper.begun(step):
            return self._cancelled(f"before step {step.name}")
        return None

    def _held(self, step: PlannedStep) -> bool:
        """Whether an operator holds the run before this step; what has begun is followed to its end."""
        ending = self._desk.aborted.is_set() or self._lock_lost.is_set() or self._means.lost.is_set()
        return "hold" in self._desk.wishes and not ending and not self._stepper.begun(step)

    def _cancelled(self, where: str) -> Ending:
        return Ending(
            outcome=Outcome.CANCELLED,
            detail=f"aborted by {self._desk.aborted_by} {where}",
            exit_code=1,
            offers=self._offers(),
        )

    def _offers(self) -> tuple[str, ...]:
        return ("rollback",) if self._plan.rollback_target and link_begun(self._plan, self._ledger.view) else ()

    def _judge(self) -> Ending:
        gate = self._plan.gate
        if gate is None:
            return Ending(outcome=Outcome.OK)
        watch = GateWatch(self._means, self._desk, gate)
        why = watch.decide()
        if not why:
            return Ending(outcome=Outcome.OK, detail="the gate passed")
        if self._desk.aborted.is_set():
            return self._cancelled("during the gate")
        holding = gate.on_failure == "hold" or "hold" in self._desk.wishes
        choice = watch.hold(why) if holding else gate.on_failure
        if choice == "accept":
            return Ending(outcome=Outcome.OK, detail=f"accepted though the gate failed: {why}")
        if choice == "rollback" and self._lock_lost.is_set():
            detail = f"the gate failed: {why}; not rolled back: the lock was taken over by somebody else"
            return Ending(outcome=Outcome.FAILED, detail=detail, exit_code=5, offers=self._offers())
        if choice == "rollback" and self._plan.rollback_target:
            undone = self._stepper.undo()
            back = f"rolled back to {self._plan.rollback_target}" if not undone else f"the way back failed: {undone}"
            return Ending(outcome=Outcome.FAILED, detail=f"the gate failed: {why}; {back}", exit_code=1)
        return Ending(outcome=Outcome.FAILED, detail=f"the gate failed: {why}", exit_code=1, offers=self._offers())

    # --- the end -----------------------------------------------------------------------------------------------------

    def _decided(self) -> Ending | None:
        """The ending that an earlier runner had decided and begun to carry out: the lock is given up by now."""
        released = self._ledger.last(EventKind.LOCK_RELEASED, EventKind.LOCK_TAKEN)
        if released is None or released.kind is not EventKind.LOCK_RELEASED:
            return None
        return _ending_of(released.data)

    def _park(self, error: ParkedError) -> int:
        """Leaves the run to an operator: the lock stays, and whoever resumes it goes on from here."""
        if self._means.lost.is_set():
            return 8
        if self._ledger.view.question is None:
            data: dict[str, Json] = {"question": str(error), "choices": [], "parked": True}
            self._ledger.note(EventKind.OPERATOR_NEEDED, data=data)
        return 8

    def _end(self, ending: Ending, began: datetime) -> int:
        shell = self._primary_shell()
        control = self._environment.paths(self._environment.primary()).control
        self._means.audit.write(
            f"run.{self._plan.action}",
            environment=self._plan.environment,
            plan_hash=plan_hash(self._plan),
            run=self._means.row.id,
            result=ending.outcome.value,
            exit_status=ending.exit_code,
            seconds=(self._clock.now() - began).total_seconds(),
            detail=ending.detail,
        )
        document: dict[str, Json] = {
            "outcome": ending.outcome.value,
            "detail": ending.detail,
            "exit_code": ending.exit_code,
            "offers": list(ending.offers),
        }
        if self._ledger.begun:
            # Neither may keep a run from ending: the next head witnesses this one, the next run cleans up after it.
            capture(lambda: self._means.audit.witness(shell, control))
            for host in self._environment.hosts:
                capture(partial(self._clean, host))
        if self._locked:
            self._release(document)
        self._ledger.note(EventKind.RUN_FINISHED, data=document)
        return ending.exit_code

    def _clean(self, host: Host) -> None:
        shell = self._reach.shell(host.name)
        if shell.connected():
            control = self._environment.paths(host).control
            shell.run(clean_text(control, run=self._means.row.name), deadline=20.0)

    def _release(self, document: Mapping[str, Json]) -> None:
        self._stop_beating()
        token = self._means.row.token
        primary = self._environment.primary().name
        try:
            released = self._links.on(primary, lambda _shell: self._lock.give_up(token), patience=60.0)
        except OpsconsoleError as error:
            self._ledger.note(EventKind.LOCK_LOST, data={"detail": f"it could not be given up: {error.what}"})
            return
        # Nobody's: a release was carried out, and its answer lost with the link.
        if released is not False:
            self._ledger.note(EventKind.LOCK_RELEASED, data=document)
        else:
            self._ledger.note(EventKind.LOCK_LOST, data={"detail": "it was taken over by somebody else"})

    def _stop_beating(self) -> None:
        if self._beating is not None:
            self._beating.close()
            self._beating = None

    def _primary_shell(self) -> Shell:
        return self._reach.shell(self._environment.primary().name)


def _why(confirmed: Event | None) -> str:
    """The reason that was given with the confirmation, empty without one."""
    reason = confirmed.data.get("reason") if confirmed is not None else ""
    return f"reason: {harmless(reason)}" if isinstance(reason, str) and reason else ""


def _ending_of(data: Mapping[str, Json]) -> Ending:
    offers, code = data.get("offers"), data.get("exit_code")
    return Ending(
        outcome=Outcome(str(data.get("outcome") or Outcome.UNKNOWN)),
        detail=str(data.get("detail") or ""),
        exit_code=code if isinstance(code, int) else 1,
        offers=tuple(str(offer) for offer in offers) if isinstance(offers, list) else (),
    )
