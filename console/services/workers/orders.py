"""What is done to workers while they are restarted: the signals, starts and ends that were decided, on their hosts.

Owns carrying them out and saying what came of each in the step's output. Must not decide, nor signal a process that is
no longer the one that was looked at.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from console.domain.untrusted import Raw, harmless
from console.domain.worker_arguments import Role
from console.domain.worker_cache import Place
from console.domain.worker_renewal import Deed, Move, Sighting, Stand, may_end
from console.domain.worker_verdicts import WorkerVerdict, process_words
from console.errors import OpsconsoleError
from console.ports import Completed
from console.ports.steps import PerformContext
from console.services.workers.signals import (
    Sent,
    horizon_text,
    read_sent,
    restart_programs_text,
    restart_text,
    restarted,
    signal_text,
    start_programs_text,
    terminated,
)

_DEADLINE = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerDeeds:
    """The deeds of one restart. `places` are the releases from which the restart signal reaches every worker."""

    context: PerformContext
    become: str
    places: tuple[Place, ...]
    term: bool = False
    hard: bool = False

    def do(self, move: Move, sighting: Sighting, stand: Stand) -> None:
        """Carries out one move."""
        if move.deed is Deed.SIGNAL:
            self._signal(move.verdicts, sighting, stand)
        elif move.deed is Deed.START:
            self._start(move.host, move.programs)
        elif move.deed is Deed.TERMINATE:
            self.terminate(move.verdicts)

    def terminate(self, verdicts: Iterable[WorkerVerdict], *, asked: bool = False) -> None:
        """Sends TERM to those that may be ended by it; `asked` says that an operator asked for it."""
        left = [each for each in verdicts if may_end(each)]
        self._send(left, "TERM", "an operator asked" if asked else "idle, and the signal was not heard")

    def kill(self, verdict: WorkerVerdict, who: str) -> None:
        """Sends KILL to one process that an operator named by its pid."""
        self._send([verdict], "KILL", f"named by {harmless(who)}")

    # --- the signal --------------------------------------------------------------------------------------------------

    def _signal(self, verdicts: tuple[WorkerVerdict, ...], sighting: Sighting, stand: Stand) -> None:
        if self.hard:
            self._restart_plain(sighting, stand)
            return
        daemons = [each for each in verdicts if each.role is Role.WORK]
        if self.term:
            self._send([each for each in daemons if may_end(each)], "TERM", "the step says so")
        elif any(not each.process.invocation.once for each in daemons):
            self._broadcast()
        masters = [each for each in verdicts if each.role is Role.HORIZON]
        if masters:
            self._end_horizon(masters)
        # A listener that nobody starts again is left to an operator: its queue would be without a worker.
        listeners = [each for each in verdicts if each.role is Role.LISTEN and each.program]
        self._send(listeners, "TERM", "queue:listen hears no other signal; its job goes on to its end")
        self._restart_plain(sighting, stand)

    def _broadcast(self) -> None:
        places: dict[str, list[str]] = {}
        for place in self.places:
            places.setdefault(place.host, []).append(place.directory)
        php = self.context.environment.app.php
        done = self._run({host: restart_text(names, php, self.become) for host, names in places.items()})
        for host, answer in done.items():
            why = answer.what if isinstance(answer, OpsconsoleError) else restarted(answer, places[host])
            where = ", ".join(f"release {harmless(each.release)}" for each in self.places if each.host == host)
            self.context.say(f"{host}: {why}" if why else f"{host}: queue:restart was written from {where}")

    def _end_horizon(self, masters: list[WorkerVerdict]) -> None:
        environment = self.context.environment
        by_host = _by_host(masters)
        scripts = {}
        for host in by_host:
            directory = environment.paths(environment.host(host)).root
            scripts[host] = horizon_text(directory, environment.app.php, self.become)
        for host, answer in self._run(scripts).items():
            own = by_host[host]
            pids = [each.process.pid for each in own]
            missed = tuple(pids) if isinstance(answer, OpsconsoleError) else terminated(answer, pids)
            if missed:
                said = answer.what if isinstance(answer, OpsconsoleError) else _said(answer)
                self.context.say(f"{host}: horizon:terminate did not end {', '.join(map(str, missed))}: {said}")
                self._send([each for each in own if each.process.pid in missed], "TERM", "Horizon's own command failed")
            else:
                self.context.say(f"{host}: horizon:terminate sent TERM to {', '.join(map(str, pids))}")

    def _restart_plain(self, sighting: Sighting, stand: Stand) -> None:
        """Programs that work no queue have no job to finish: supervisord stops and starts them."""
        scripts = {}
        for host, seen in sighting.hosts.items():
            stale = [
                (each.name, each.pid)
                for each in seen.supervised or ()
                if f"{host} {each.name}" in stand.stale and each.pid is not None
            ]
            if stale:
                scripts[host] = restart_programs_text(stale, self.become)
        if scripts:
            names = ", ".join(stand.stale)
            # supervisorctl stops one after another, and waits for each as long as its stopwaitsecs say.
            waits = [
                settings.stopwaitsecs or 0
                for host, seen in sighting.hosts.items()
                for name, settings in seen.settings.items()
                if f"{host} {name}" in stand.stale
            ]
            ended = self.context.start(
                "stop and start", scripts, text=f"supervisorctl restart {names}", timeout=sum(waits) + 120.0
            )
            for host, one in ended.items():
                self.context.say(f"{host}: stopped and started ({one.outcome.value}): {names}")

    # --- programs and processes --------------------------------------------------------------------------------------

    def _start(self, host: str, programs: tuple[str, ...]) -> None:
        for answer in self._run({host: start_programs_text(programs, self.become)}).values():
            said = answer.what if isinstance(answer, OpsconsoleError) else _said(answer)
            self.context.say(f"{host}: started, because nobody else does: {said or ', '.join(programs)}")

    def _send(self, verdicts: Iterable[WorkerVerdict], signal: str, why: str) -> None:
        by_host = _by_host(verdicts)
        programs = signal == "TERM"
        scripts = {host: signal_text(own, signal, self.become, programs=programs) for host, own in by_host.items()}
        for host, answer in self._run(scripts).items():
            if isinstance(answer, OpsconsoleError):
                self.context.say(f"{host}: {signal} could not be sent: {answer.what}")
                continue
            sent = read_sent(answer)
            for each in by_host[host]:
                self.context.say(f"{signal} to {process_words(each)}: {_fate(each.process.pid, sent)} ({why})")

    def _run(self, scripts: Mapping[str, str]) -> Mapping[str, Completed | OpsconsoleError]:
        return self.context.read(scripts, deadline=_DEADLINE) if scripts else {}


def _said(answer: Completed) -> str:
    """The last lines of an answer for one line of output."""
    return "; ".join(line.strip() for line in Raw.of(answer.stdout[-400:]).lines() if line.strip())


def _fate(pid: int, sent: Sent) -> str:
    if pid in sent.sent:
        return "sent"
    return "it had left by itself" if pid in sent.gone else "refused for want of rights"


def _by_host(verdicts: Iterable[WorkerVerdict]) -> dict[str, list[WorkerVerdict]]:
    found: dict[str, list[WorkerVerdict]] = {}
    for each in verdicts:
        found.setdefault(each.host, []).append(each)
    return found
