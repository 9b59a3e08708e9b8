"""One step of a run: on all its hosts at once, or undone.

Owns how the outcomes on its hosts become the step's outcome. Must not choose the next step, nor know what a kind does.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from threading import Thread

from console.domain.actions import Effect
from console.domain.documents import Json
from console.domain.left_down import left_down
from console.domain.performed import Performed
from console.domain.plans import abort_name, undo_name
from console.domain.runs import HostScript, Outcome, PlannedStep
from console.domain.step_facts import Maintenance, Upload
from console.errors import UsageError
from console.ports.steps import BracketingKind
from console.services.running.host_work import Conclude, Performer, Prepare, Work, WorkEnd
from console.services.running.own_steps import RUNNER, OwnSteps
from console.services.running.requests import OperatorRequests
from console.services.running.runner_context import RunnerContext
from console.services.running.step_context import StepAtWork
from console.services.running.unknown_ends import UnknownEnds
from console.services.target.detachment import consented
from console.services.threads.loop import Captured, capture

_PIECE = 1 << 18
_WORST = (Outcome.UNKNOWN, Outcome.FAILED, Outcome.CANCELLED, Outcome.OK, Outcome.SKIPPED)


class Stepper:
    """Performs the steps of one run."""

    def __init__(self, context: RunnerContext, performer: Performer, requests: OperatorRequests) -> None:
        self._context = context
        self._performer = performer
        self._requests = requests
        self._journal = context.journal
        self._ends = UnknownEnds(
            journal=context.journal, requests=requests, performer=performer, seconds=context.pace.question
        )
        self._own = OwnSteps(
            context=context, requests=requests, performer=performer, ends=self._ends, settle=self._settled
        )

    def step(self, step: PlannedStep) -> tuple[Outcome, str]:
        """Does a step, or finds out how it ended: ok, skipped, failed or cancelled, and the details in words.

        ParkedError when an operator is needed and did not answer.
        """
        if not step.scripts:
            return self._own.perform(step)
        works = [self._work(step, script) for script in step.scripts]
        return _worst(self._settled(step, works))

    def begun(self, step: PlannedStep) -> bool:
        """Whether the step may have been started on any host: the journal has its intent."""
        return any(self._journal.progress(step.name, host).attempt for host in (*step.hosts, RUNNER))

    def ended(self, step: PlannedStep) -> bool:
        """Whether the step has ended on every host."""
        hosts = step.hosts if step.scripts else (RUNNER,)
        return all(self._journal.progress(step.name, host).outcome is not None for host in hosts)

    def undo(self) -> str:
        """Undoes the steps that were begun, the last one first; those marked `undone_last`, such as services that must
        come up on the release that was put back, at the very end.

        Returns what went wrong, empty when nothing did.
        """
        down = left_down(self._context.row.plan, self._journal.view)
        steps = [
            step
            for step in reversed(self._context.row.plan.steps)
            if _has_undo(step)
            and self.begun(step)
            # A later step may have ended the maintenance mode already.
            and (step.facts.maintenance is not Maintenance.DOWN or step is down)
        ]
        steps.sort(key=lambda step: step.facts.undone_last)
        for at, step in enumerate(steps):
            outcome, detail = self.undo_one(step)
            if outcome not in (Outcome.OK, Outcome.SKIPPED):
                # The remaining undos are not run: where the old release was not linked again, the services that they
                # start would run the failed code.
                left = ", ".join(later.name for later in steps[at + 1 :])
                return f"{step.name}: {detail}" + (f"; not undone after it: {left}" if left else "")
        return ""

    def undo_one(self, step: PlannedStep) -> tuple[Outcome, str]:
        """Undoes one step where it was begun; skipped when it has no way back."""
        return self._aside(step, step.undo, undo_name(step.name), step.facts.undo)

    def on_abort(self, step: PlannedStep) -> None:
        """Does what the step declares for an abort; how that ended is only in the journal."""
        if step.on_abort or step.facts.on_abort:
            self._aside(step, step.on_abort, abort_name(step.name), step.facts.on_abort)

    # --- on hosts ----------------------------------------------------------------------------------------------------

    def _aside(self, step: PlannedStep, scripts: tuple[HostScript, ...], name: str, doing: str) -> tuple[Outcome, str]:
        """Takes a way back: scripts on the hosts where the step was begun, or what the runner performs itself, which
        `doing` names."""
        if doing:
            return self._own.perform(step, name=name, doing=doing)
        begun = [one for one in scripts if self._journal.progress(step.name, one.host).attempt]
        if not begun:
            return Outcome.SKIPPED, ""
        return _worst(self._settled(step, [self._way_back(step, one, name) for one in begun]))

    def _way_back(self, step: PlannedStep, script: HostScript, name: str) -> Work:
        host = self._context.reach.environment.host(script.host)
        return Work(
            step=name,
            kind=step.kind,
            text=script.text,
            host=host,
            control=self._context.reach.environment.paths(host).control,
            script=script.script,
            effect=Effect.IDEMPOTENT,
            timeout=step.timeout,
            abortable=False,
        )

    def _work(self, step: PlannedStep, script: HostScript) -> Work:
        host = self._context.reach.environment.host(script.host)
        when = next((one.script for one in step.when if one.host == script.host), "")
        prepare: Prepare | None = None
        conclude: Conclude | None = None
        kind = self._context.kinds.get(step.kind)
        if isinstance(kind, BracketingKind):
            prepare, conclude = _around(kind, StepAtWork(self._context, step), script.host)
        if step.facts.upload is not None:
            prepare = self._uploading(step.facts.upload, script.host, prepare)
        return Work(
            step=step.name,
            kind=step.kind,
            text=script.text,
            host=host,
            control=self._context.reach.environment.paths(host).control,
            script=script.script,
            effect=step.effect,
            timeout=step.timeout,
            when=when,
            attached=consented(self._context.row.plan.params, script.host),
            secrets=lambda: tuple(self._context.reach.secret(reference) for reference in step.secrets),
            prepare=prepare,
            conclude=conclude,
        )

    def _settled(self, step: PlannedStep, works: list[Work]) -> dict[str, WorkEnd]:
        """How each piece of work ended. An operator is asked about each unknown end, and the lock is kept meanwhile."""
        ended = self._together(works)
        for work in works:
            while ended[work.host.name].outcome is Outcome.UNKNOWN:
                ended[work.host.name] = self._ends.settle(step, work, ended[work.host.name])
        return ended

    def _together(self, works: list[Work]) -> dict[str, WorkEnd]:
        ends: dict[str, Captured[WorkEnd]] = {}

        def one(work: Work) -> None:
            ends[work.host.name] = capture(partial(self._performer.perform, work))

        threads = [Thread(target=one, args=(work,), name=f"step-{work.host.name}", daemon=True) for work in works]
        for thread in threads:
            thread.start()
        while any(thread.is_alive() for thread in threads):
            self._requests.poll()
            threads_left = [thread for thread in threads if thread.is_alive()]
            if threads_left:
                threads_left[0].join(0.25)
        # Errors are raised only here: a host that refuses our keys parks the run after the other hosts have ended.
        return {work.host.name: ends[work.host.name].unwrap() for work in works}

    def _uploading(self, upload: Upload, host: str, then: Prepare | None) -> Prepare:
        """Sends a file to a host before the intent is noted; the step is only what is done with the file there."""
        place, path = upload.to[host], Path(upload.path)
        # Two minutes, and what the file takes at 64 KiB/s.
        deadline = 120.0 + upload.size / 65536

        def prepare() -> Mapping[str, Json]:
            try:
                self._performer.send(host, place, lambda: _pieces(path), deadline=deadline)
            except OSError as error:
                raise UsageError(f"the archive {path} cannot be read: {error.strerror}") from error
            return {**(then() if then is not None else {}), "uploaded": place}

        return prepare


def _around(kind: BracketingKind, context: StepAtWork, host: str) -> tuple[Prepare, Conclude]:
    """What the kind reads before its script starts, and how it judges the end."""

    def conclude(noted: Mapping[str, Json], ended: WorkEnd) -> WorkEnd:
        before = Performed(outcome=ended.outcome, detail=ended.detail, exit_status=ended.exit_status)
        after = kind.after(context, host, noted, before)
        return replace(
            ended, outcome=after.outcome, detail=after.detail, exit_status=after.exit_status, more=after.data
        )

    return lambda: kind.before(context, host), conclude


def _has_undo(step: PlannedStep) -> bool:
    return bool(step.undo or step.facts.undo)


def _worst(ended: Mapping[str, WorkEnd]) -> tuple[Outcome, str]:
    outcome = next(one for one in _WORST if any(end.outcome is one for end in ended.values()))
    words = [f"{host}: {end.detail}" for host, end in ended.items() if end.outcome is outcome and end.detail]
    return outcome, "; ".join(words)


def _pieces(path: Path) -> Iterator[bytes]:
    with path.open("rb") as stream:
        while piece := stream.read(_PIECE):
            yield piece
