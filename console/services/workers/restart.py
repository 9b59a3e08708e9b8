"""Restarting workers so that each finishes its job: the loop of looking, deciding and acting, with an operator's words.

Owns the order of one performance and its resumption: its aim is noted before the first act, and what was done after
each. `domain.worker_renewal` decides, `signals` has the scripts. Must never kill by itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from console.domain import codec
from console.domain.documents import Json
from console.domain.performed import Performed
from console.domain.runs import Outcome
from console.domain.supervisor import Settings
from console.domain.untrusted import harmless
from console.domain.worker_advice import refusals
from console.domain.worker_arguments import Role
from console.domain.worker_cache import Place, signal_places
from console.domain.worker_found import Found, chosen, limits
from console.domain.worker_processes import HostProcesses
from console.domain.worker_queues import WorkerQueues, jobs_words
from console.domain.worker_renewal import (
    Deed,
    Memory,
    Move,
    RestartAim,
    Sighting,
    Stand,
    conclude,
    decide,
    look_over,
    start_down,
)
from console.domain.worker_verdicts import (
    HostAim,
    Standing,
    WorkerVerdict,
    aim_at,
    hidden_programs,
    listed,
    plain_programs,
)
from console.errors import OpsconsoleError, RefusedError
from console.ports import Completed
from console.ports.steps import PerformContext
from console.services.workers.orders import WorkerDeeds
from console.services.workers.survey import Looked, WorkerSurvey, queues_of, reserved_on

FIRST, EVERY = 0.5, 2.0
"""Seconds until the second look, and at most between later ones: idle workers return soon, long jobs need few looks."""
SOON = 30.0
"""Seconds at least until an operator is asked again."""
_SAY_EVERY = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class RestartRequest:
    """What a step asks for. `wanted` are the names under `workers:`, `must` the hosts where each has to be there;
    `release` is the one that must be linked, empty for any; `every` restarts workers that run new code already."""

    wanted: tuple[str, ...]
    hosts: tuple[str, ...]
    must: tuple[str, ...]
    release: str = ""
    become: str = ""
    drain: float | None = None
    term: bool = False
    every: bool = False
    hard: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Begun:
    """What a performance is about, as it is noted: with it another runner goes on where this one stopped."""

    aim: RestartAim
    memory: Memory
    places: tuple[Place, ...]
    queues: WorkerQueues


class WorkerRestart:
    """One performance of one restart."""

    def __init__(self, context: PerformContext, request: RestartRequest) -> None:
        self._context = context
        self._request = request
        self._survey = WorkerSurvey(environment=context.environment, run=self._run, become=request.become)
        self._settings: dict[str, Mapping[str, Settings]] = {}
        self._said = ("", 0.0)

    def perform(self) -> Performed:
        """Performs the restart; ok only when every process is proved to run new code and every program runs."""
        begun = self._begun() if self._request.wanted else self._nothing()
        if isinstance(begun, Performed):
            return begun
        deeds = WorkerDeeds(
            context=self._context,
            become=self._request.become,
            places=begun.places,
            term=self._request.term,
            hard=self._request.hard,
        )
        pause = FIRST
        while True:
            sighting = self._sight(begun)
            memory, stand, moves = decide(begun.aim, begun.memory, sighting, begun.queues)
            before, begun = begun, replace(begun, memory=memory)
            self._progress(begun, stand, sighting)
            for move in moves:
                if move.deed is Deed.END:
                    return _performed(move, stand)
                if move.deed is Deed.ASK:
                    asked = self._ask(begun, move, sighting, deeds)
                    if isinstance(asked, Performed):
                        return asked
                    begun = asked
                    continue
                deeds.do(move, sighting, stand)
            if moves or begun.memory.signals != before.memory.signals:
                self._note(begun)
            if self._context.wait(pause):
                return self._aborted(begun)
            pause = min(EVERY, pause * 1.5)

    # --- the beginning -----------------------------------------------------------------------------------------------

    def _nothing(self) -> Performed:
        """The end where no program is configured: nothing is restarted, and what runs there is named."""
        looked = self._look(settings=False)
        empty = [HostAim(host=host) for host in looked.hosts]
        aim = RestartAim(release=self._request.release, hosts=tuple(empty), notice=0.0, finish=0.0)
        sighting = Sighting(at=self._now(), hosts=looked.hosts, unread=looked.unread)
        _, stand = look_over(aim, Memory(began=self._now()), sighting)
        detail = f"no programs are configured under `workers:`, none was restarted · {conclude(aim, stand).detail}"
        return Performed(outcome=Outcome.SKIPPED, detail=detail)

    def _begun(self) -> Begun | Performed:
        noted = self._context.noted.get("restart")
        if isinstance(noted, dict):
            begun = codec.decode(Begun, noted)
            # A performance that is resumed or tried again gives workers that are late more time.
            later = max(begun.memory.until, self._now() + begun.aim.notice) if begun.memory.until else 0.0
            return replace(begun, memory=replace(begun.memory, until=later, doubtful=()))
        looked = self._look(settings=True)
        if any(self._unclear(seen) for seen in looked.hosts.values()):
            # A program that was started this very moment does not show its worker yet.
            self._context.wait(EVERY)
            looked = self._look(settings=True)
        if looked.unread:
            why = "; ".join(f"{host}: {why}" for host, why in looked.unread.items())
            return Performed(outcome=Outcome.FAILED, detail=f"nothing was sent: {why}")
        wrong = self._wrong_links(looked)
        if wrong:
            return Performed(outcome=Outcome.FAILED, detail=f"nothing was sent: {wrong}")
        found = self._found(looked)
        refused = refusals(found)
        if refused:
            raise RefusedError(f"nothing was sent: {refused[0].what}", done="Nothing was sent.", fix=refused[0].fix)
        notice, finish = limits(found)
        aim = RestartAim(
            release=self._request.release,
            hosts=tuple(
                aim_at(
                    seen,
                    chosen(seen, self._request.wanted),
                    self._request.release,
                    every=self._request.every,
                    hard=self._request.hard,
                )
                for seen in looked.hosts.values()
            ),
            notice=notice,
            finish=finish,
            signal=not (self._request.term or self._request.hard),
            ends=all(answer.pcntl is not False for answer in found.answers),
        )
        self._context.say(jobs_words(found.reserved))
        begun = Begun(
            aim=aim,
            memory=Memory(began=self._now()),
            places=signal_places(found.answers),
            queues=found.queues.only(process.invocation for _, process in found.workers()),
        )
        self._note(begun)
        return begun

    def _unclear(self, seen: HostProcesses) -> bool:
        """Whether a program that is to be restarted shows no worker at this look."""
        programs = chosen(seen, self._request.wanted)
        return bool(plain_programs(seen, programs) or hidden_programs(seen, programs))

    def _found(self, looked: Looked) -> Found:
        """Everything that was read. The linked release comes first, because the queues of the first answer count."""
        answers = self._survey.ask(
            {host: (self._survey.linked(seen), *self._survey.running(seen)) for host, seen in looked.hosts.items()}
        )
        answers = tuple(sorted(answers, key=lambda each: each.release != looked.hosts[each.host].release))
        queues = queues_of(answers)
        return Found(
            wanted=self._request.wanted,
            must=self._request.must,
            hosts=looked.hosts,
            answers=answers,
            queues=queues,
            reserved=reserved_on(self._context.reach, queues, looked.hosts.values()),
            become=self._request.become,
            term=self._request.term,
            hard=self._request.hard,
            drain=self._request.drain,
        )

    def _wrong_links(self, looked: Looked) -> str:
        wanted = self._request.release
        wrong = [
            f"{host} links release {harmless(seen.release)}, not {harmless(wanted)}"
            for host, seen in looked.hosts.items()
            if wanted and seen.release != wanted
        ]
        return "; ".join(wrong)

    # --- looking -----------------------------------------------------------------------------------------------------

    def _run(self, scripts: Mapping[str, str], deadline: float) -> Mapping[str, Completed | OpsconsoleError]:
        return self._context.read(scripts, deadline=deadline)

    def _look(self, *, settings: bool) -> Looked:
        """A look at every host. How supervisord handles its programs is read once in this performance."""
        looked = self._survey.look(self._request.hosts, settings=settings)
        for host, seen in looked.hosts.items():
            if settings:
                self._settings[host] = seen.settings
        hosts = {host: replace(seen, settings=self._settings.get(host, {})) for host, seen in looked.hosts.items()}
        return replace(looked, hosts=hosts)

    def _sight(self, begun: Begun) -> Sighting:
        looked = self._look(settings=not self._settings)
        return Sighting(
            at=self._now(),
            hosts=looked.hosts,
            unread=looked.unread,
            reserved=reserved_on(self._context.reach, begun.queues, looked.hosts.values(), shown=1),
        )

    def _now(self) -> float:
        return self._context.clock.now().timestamp()

    # --- saying ------------------------------------------------------------------------------------------------------

    def _progress(self, begun: Begun, stand: Stand, sighting: Sighting) -> None:
        """A line whenever something changed, and each ten seconds while a job is waited for."""
        old = stand.only(Standing.OLD)
        total = max(len(stand.verdicts) + len(stand.coming), sum(len(each.programs) for each in begun.aim.hosts))
        words = f"{len(stand.only(Standing.NEW))} of {total} new"
        if old:
            words += f" · waiting for {listed(old)}"
        others = (*stand.stale, *stand.coming, *stand.failed, *stand.unread)
        if others:
            words += f" · not yet: {'; '.join(others)}"
        said, at = self._said
        if words != said or (old and sighting.at - at >= _SAY_EVERY):
            jobs = f" · {jobs_words(sighting.reserved)}" if old else ""
            self._context.say(words + jobs)
            self._said = (words, sighting.at)

    def _note(self, begun: Begun) -> None:
        self._context.note({"restart": codec.encode(begun)})

    # --- an operator -------------------------------------------------------------------------------------------------

    def _ask(self, begun: Begun, move: Move, sighting: Sighting, deeds: WorkerDeeds) -> Begun | Performed:
        """Asks an operator about the workers that have not left; none is killed unless its pid is named. Programs whose
        workers leave meanwhile are started where need be, and the question is withdrawn when no old worker is left."""
        self._note(begun)
        kills = {f"kill:{each.host}:{each.process.pid}": each for each in move.verdicts[:6]}

        def settled() -> bool:
            nonlocal begun
            seen = self._sight(begun)
            memory, stand = look_over(begun.aim, begun.memory, seen)
            memory, starts = start_down(memory, stand, seen.at)
            for start in starts:
                deeds.do(start, seen, stand)
            begun = replace(begun, memory=memory)
            self._progress(begun, stand, seen)
            return not stand.only(Standing.OLD) and not stand.unread

        question = _question(move.verdicts, sighting)
        answer = self._context.ask(question, ("wait", "term", "leave", *kills), unless=settled)
        if answer.word == "abort":
            return self._aborted(begun)
        if answer.word == "leave":
            return self._left(begun, answer.who)
        if answer.word == "term":
            deeds.terminate(move.verdicts, asked=True)
        elif answer.word in kills:
            deeds.kill(kills[answer.word], answer.who)
        more = max(SOON, begun.aim.finish if answer.word == "wait" else begun.aim.notice)
        memory = replace(begun.memory, asked=begun.memory.asked + 1, until=self._now() + more)
        begun = replace(begun, memory=memory)
        self._note(begun)
        return begun

    def _left(self, begun: Begun, who: str) -> Performed:
        """The end when an operator leaves old processes as they are: the step has failed, and names them."""
        _, stand = look_over(begun.aim, begun.memory, self._sight(begun))
        end = conclude(begun.aim, stand)
        outcome = Outcome.FAILED if stand.only(Standing.OLD) else end.outcome
        return Performed(outcome=outcome, detail=f"left so by {harmless(who)}: {end.detail}")

    def _aborted(self, begun: Begun) -> Performed:
        """The end after an abort: no further process is signalled, and workers that heard the signal leave after their
        jobs."""
        _, stand = look_over(begun.aim, begun.memory, self._sight(begun))
        who = self._context.aborted() or "an operator"
        sent = "workers were told to leave, and do so after their jobs" if begun.memory.signals else "nothing was sent"
        detail = f"aborted by {who}; {sent} · {conclude(begun.aim, stand).detail}"
        return Performed(outcome=Outcome.CANCELLED, detail=detail)


def _question(verdicts: Iterable[WorkerVerdict], sighting: Sighting) -> str:
    """The question contains nothing that changes between two looks: a runner that resumes this run must ask the same
    question, or the answer to the first would not count."""
    left = list(verdicts)
    once = any(each.process.invocation.once or each.role is Role.LISTEN for each in left)
    tries = {job.tries for job in sighting.reserved.jobs}
    fate = "fails without running again" if tries == {1} else "fails (tries 1) or runs again from its start"
    return (
        f"Workers on old code have not left: {listed(left, 6)}. "
        "wait: for as long again · term: ask the processes to end now; a job goes on to its end, but a sleep in it "
        f"returns early{' (queue:listen and --once are left)' if once else ''} · leave: they go on with old code, and "
        f"this step fails · kill:HOST:PID: cuts its job, which {fate} after retry_after."
    )


def _performed(move: Move, stand: Stand) -> Performed:
    data: dict[str, Json] = {
        standing.value: [f"{each.host} {each.process.pid}" for each in stand.only(standing)] for standing in Standing
    }
    return Performed(outcome=move.outcome, detail=move.detail, data={"processes": data})
