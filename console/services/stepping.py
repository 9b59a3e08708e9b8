"""One step of a run: on all its hosts at once, by the runner itself, or undone.

Owns what a step's outcome is made of, and what operators are asked when it is unknown. Must not choose the next step.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from threading import Event as Flag
from threading import Thread

from console.domain.actions import Effect
from console.domain.documents import Json
from console.domain.health import ProbeSpec, Status
from console.domain.runs import EventKind, HostScript, Outcome, PlannedStep
from console.domain.untrusted import Raw
from console.errors import UsageError
from console.services.comparing import undo_name
from console.services.desk import Answer, Desk
from console.services.detaching import consented
from console.services.failed_outcomes import FailedOutcomes
from console.services.links import LinkGoneError, ParkedError
from console.services.loop import Captured, capture
from console.services.means import Means
from console.services.performing import Conclude, Ended, Performer, Prepare, Work

_PIECE = 1 << 18
_WORST = (Outcome.UNKNOWN, Outcome.FAILED, Outcome.CANCELLED, Outcome.OK, Outcome.SKIPPED)
_RUNNER = ""
"""The host of steps that the runner performs itself."""


class Stepper:
    """Performs the steps of one run."""

    def __init__(self, means: Means, performer: Performer, desk: Desk) -> None:
        self._means = means
        self._performer = performer
        self._desk = desk
        self._ledger = means.ledger
        self._clock = means.clock

    def step(self, step: PlannedStep) -> tuple[Outcome, str]:
        """Does a step, or finds out how it ended: ok, skipped, failed or cancelled, and in what words.

        ParkedError when an operator is needed and did not answer.
        """
        if not step.scripts:
            return self._performed(step)
        works = [self._work(step, script) for script in step.scripts]
        return _worst(self._settled(step, works))

    def begun(self, step: PlannedStep) -> bool:
        """Whether it was intended on any host."""
        return any(self._ledger.progress(step.name, host).attempt for host in (*step.hosts, _RUNNER))

    def ended(self, step: PlannedStep) -> bool:
        """Whether it has ended on every host."""
        hosts = step.hosts if step.scripts else (_RUNNER,)
        return all(self._ledger.progress(step.name, host).outcome is not None for host in hosts)

    def undo(self) -> str:
        """Undoes what was begun, last first, services at the very end: they must come up on what was put back.

        What went wrong, empty when nothing did.
        """
        steps = [step for step in reversed(self._means.row.plan.steps) if step.undo and self.begun(step)]
        for step in sorted(steps, key=lambda step: step.kind == "service"):
            outcome, detail = self._aside(step, step.undo, undo_name(step.name))
            if outcome not in (Outcome.OK, Outcome.SKIPPED):
                return f"{step.name}: {detail}"
        return ""

    def on_abort(self, step: PlannedStep) -> None:
        """What the step declares for an abort; how it ended is in the journal."""
        if step.on_abort:
            self._aside(step, step.on_abort, f"on abort {step.name}")

    # --- on hosts ----------------------------------------------------------------------------------------------------

    def _aside(self, step: PlannedStep, scripts: tuple[HostScript, ...], name: str) -> tuple[Outcome, str]:
        begun = [one for one in scripts if self._ledger.progress(step.name, one.host).attempt]
        if not begun:
            return Outcome.SKIPPED, ""
        return _worst(self._settled(step, [self._way_back(step, one, name) for one in begun]))

    def _way_back(self, step: PlannedStep, script: HostScript, name: str) -> Work:
        host = self._means.reach.environment.host(script.host)
        return Work(
            step=name,
            kind=step.kind,
            text=script.text,
            host=host,
            control=self._means.reach.environment.paths(host).control,
            script=script.script,
            effect=Effect.IDEMPOTENT,
            timeout=step.timeout,
            abortable=False,
        )

    def _work(self, step: PlannedStep, script: HostScript) -> Work:
        host = self._means.reach.environment.host(script.host)
        when = next((one.script for one in step.when if one.host == script.host), "")
        prepare: Prepare | None = None
        conclude: Conclude | None = None
        if "upload" in step.params:
            prepare = partial(self._upload, step.params["upload"], script.host)
        if step.kind == "failed_jobs":
            prepare, conclude = self._around_failed_jobs(step)
        return Work(
            step=step.name,
            kind=step.kind,
            text=script.text,
            host=host,
            control=self._means.reach.environment.paths(host).control,
            script=script.script,
            effect=step.effect,
            timeout=step.timeout,
            when=when,
            attached=consented(self._means.row.plan.params, script.host),
            secrets=lambda: tuple(self._means.reach.secret(reference) for reference in step.secrets),
            prepare=prepare,
            conclude=conclude,
        )

    def _around_failed_jobs(self, step: PlannedStep) -> tuple[Prepare, Conclude]:
        """What is read before and after artisan changes failed jobs, from the application's own table."""
        outcomes = FailedOutcomes(reach=self._means.reach, archives=self._means.archives)
        do, hours, run = str(step.params.get("do")), step.params.get("hours"), self._ledger.row.name
        if do == "prune":
            limit = hours if isinstance(hours, int) else 0
            return lambda: outcomes.before_prune(run, limit, self._clock.now()), outcomes.conclude_prune
        ids = _texts(step.params.get("ids"))
        return partial(outcomes.before, run, do, ids), partial(outcomes.conclude, do, ids)

    def _settled(self, step: PlannedStep, works: list[Work]) -> dict[str, Ended]:
        """How each ended, whatever it takes: what nobody knows is asked, and the lock stays meanwhile."""
        ended = self._together(works)
        for work in works:
            while ended[work.host.name].outcome is Outcome.UNKNOWN:
                ended[work.host.name] = self._ask_about(step, work, ended[work.host.name])
        return ended

    def _together(self, works: list[Work]) -> dict[str, Ended]:
        ends: dict[str, Captured[Ended]] = {}

        def one(work: Work) -> None:
            ends[work.host.name] = capture(partial(self._performer.perform, work))

        threads = [Thread(target=one, args=(work,), name=f"step-{work.host.name}", daemon=True) for work in works]
        for thread in threads:
            thread.start()
        while any(thread.is_alive() for thread in threads):
            self._desk.poll()
            threads_left = [thread for thread in threads if thread.is_alive()]
            if threads_left:
                threads_left[0].join(0.25)
        # A link that lost its keys parks the run only after the other hosts have ended.
        return {work.host.name: ends[work.host.name].unwrap() for work in works}

    def _upload(self, upload: Json, host: str) -> Mapping[str, Json]:
        """Brings the archive to a host before the intent is noted: unpacking it is the step."""
        if not isinstance(upload, dict) or not isinstance(upload["to"], dict):
            return {}
        place, path, size = str(upload["to"][host]), Path(str(upload["path"])), upload["size"]
        # At least 64 KiB/s, and two minutes for whatever is smaller.
        deadline = 120.0 + (size if isinstance(size, int) else 0) / 65536

        try:
            self._performer.send(host, place, lambda: _pieces(path), deadline=deadline)
        except OSError as error:
            raise UsageError(f"the archive {path} cannot be read: {error.strerror}") from error
        return {"uploaded": place}

    # --- by the runner -----------------------------------------------------------------------------------------------

    def _performed(self, step: PlannedStep) -> tuple[Outcome, str]:
        progress = self._ledger.progress(step.name, _RUNNER)
        if progress.outcome is not None:
            return progress.outcome, progress.detail
        intent = self._ledger.last(EventKind.STEP_INTENDED, step=step.name)
        if intent is None:
            data: dict[str, Json] = {"attempt": 1, "base": 0, "kind": step.kind, "text": step.text}
            intent = self._ledger.note(EventKind.STEP_INTENDED, step=step.name, data=data)
            self._ledger.note(EventKind.STEP_STARTED, step=step.name, data={"detached": False})
        if step.kind == "manual":
            outcome, detail = self._manual(step, intent.seq)
        else:
            outcome, detail = self._wait_http(step)
        self._ledger.finish(step.name, _RUNNER, outcome, detail=detail)
        return outcome, detail

    def _manual(self, step: PlannedStep, since: int) -> tuple[Outcome, str]:
        choices = _texts(step.params.get("choices"))
        question = str(step.params.get("ask"))
        answer = self._desk.ask(question, choices, step=step.name, since=since, seconds=step.timeout)
        if answer is None:
            raise ParkedError(f"nobody answered within {round(step.timeout)} s: {question}")
        if answer.word == "abort":
            return Outcome.CANCELLED, f"aborted by {answer.who}"
        outcome = Outcome.FAILED if answer.word == "failed" else Outcome.OK
        return outcome, f"{answer.word}, said {answer.who}"

    def _wait_http(self, step: PlannedStep) -> tuple[Outcome, str]:
        status, every = step.params.get("status"), step.params.get("every")
        spec = ProbeSpec(
            name=step.name,
            url=str(step.params.get("url")),
            expect_status=status if isinstance(status, int) else None,
        )
        until = self._clock.monotonic() + step.timeout
        offset = self._ledger.stored(step.name, _RUNNER)
        while True:
            result = self._means.reach.http().probe(spec)
            line = Raw.of(f"{result.http_status or '-'} {result.status.value} {result.detail}".strip()).show(300)
            data = f"{line}\n".encode()
            self._ledger.output(step.name, _RUNNER, offset, data)
            offset += len(data)
            if result.status in (Status.OK, Status.WARNING):
                return Outcome.OK, line
            self._desk.poll()
            if self._desk.aborted.is_set():
                return Outcome.CANCELLED, f"aborted by {self._desk.aborted_by}"
            if self._clock.monotonic() >= until:
                return Outcome.FAILED, f"not as wanted after {round(step.timeout)} s: {line}"
            self._clock.wait(Flag(), float(every) if isinstance(every, (int, float)) else 2.0)

    # --- by an operator ----------------------------------------------------------------------------------------------

    def _ask_about(self, step: PlannedStep, work: Work, ended: Ended) -> Ended:
        """What an operator says of a step whose end nobody knows: done, failed, look again, or try again."""
        host = work.host.name
        intent = self._ledger.last(EventKind.STEP_INTENDED, step=work.step, host=host)
        again = ended.over and work.effect is not Effect.ONCE
        choices = ("done", "failed", "look", *(("retry",) if again else ()))
        question = f"{work.step} on {host}: how it ended is unknown: {ended.detail}."
        # A check tells of the step, not of its way back.
        checked = self._checked(step, host) if work.step == step.name else ""
        answer = self._desk.ask(
            question + checked,
            choices,
            step=work.step,
            since=max(intent.seq if intent else 0, self._looked()),
            seconds=self._means.pace.question,
        )
        if answer is None:
            raise ParkedError(question, fix=f"opsconsole runs answer {self._ledger.row.id} {'|'.join(choices)}")
        return self._told(work, answer)

    def _looked(self) -> int:
        """The newest event by which somebody asked to look again: that look has been, and counts no second time."""
        seqs = (
            event.seq
            for event in self._ledger.events
            if event.kind is EventKind.OPERATOR_ANSWERED and event.data.get("body") == "look"
        )
        return max(seqs, default=0)

    def _told(self, work: Work, answer: Answer) -> Ended:
        if answer.word == "look":
            return self._performer.perform(work)
        if answer.word == "retry":
            return self._performer.retry(work)
        words = {"done": Outcome.OK, "failed": Outcome.FAILED, "abort": Outcome.CANCELLED}
        ended = Ended(outcome=words[answer.word], detail=f"marked {answer.word} by {answer.who}")
        self._ledger.finish(work.step, work.host.name, ended.outcome, detail=ended.detail)
        return ended

    def _checked(self, step: PlannedStep, host: str) -> str:
        check = next((one for one in step.check if one.host == host), None)
        if check is None:
            return ""
        try:
            status, said = self._performer.run_aside(host, check.script)
        except LinkGoneError as error:
            return f" Its check could not be asked: {error.what}."
        meaning = {0: "done", 1: "not done"}.get(status if status is not None else -1, "nothing certain")
        return (
            f" Its check {check.text} says: {meaning} ({said})."
            if said
            else f" Its check {check.text} says: {meaning}."
        )


def _worst(ended: Mapping[str, Ended]) -> tuple[Outcome, str]:
    outcome = next(one for one in _WORST if any(end.outcome is one for end in ended.values()))
    words = [f"{host}: {end.detail}" for host, end in ended.items() if end.outcome is outcome and end.detail]
    return outcome, "; ".join(words)


def _texts(value: Json) -> tuple[str, ...]:
    return tuple(str(one) for one in value) if isinstance(value, list) else ()


def _pieces(path: Path) -> Iterator[bytes]:
    with path.open("rb") as stream:
        while piece := stream.read(_PIECE):
            yield piece
