"""Everything a restart of workers must know before it begins: processes, programs, caches, queues, jobs in flight.

Owns the order of the questions, for the plan and for the run alike. Changes nothing. Must not judge what it found.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from console.domain.environment import Environment, Host
from console.domain.worker_arguments import Role
from console.domain.worker_cache import ReleaseAnswer
from console.domain.worker_processes import HostProcesses, prove
from console.domain.worker_queues import QueueName, Reserved, WorkerQueues
from console.domain.worker_verdicts import own_workers
from console.errors import OpsconsoleError
from console.ports import Completed, Reach
from console.services.workers import probe as worker_probe
from console.services.workers.jobs_in_flight import read_reserved
from console.services.workers.probe import AskedRelease, Probe, release_directory
from console.services.workers.process_question import DEADLINE, ProcessQuestion

Run = Callable[[Mapping[str, str], float], Mapping[str, "Completed | OpsconsoleError"]]
"""Runs a script on each host at the same time, within so many seconds: what came of each."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Looked:
    """The processes of each host that answered, and for each other host why it did not."""

    hosts: Mapping[str, HostProcesses]
    unread: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerSurvey:
    """The questions about one environment's workers. `run` reaches the hosts; `become` is the account whose processes
    are to be looked into."""

    environment: Environment
    run: Run
    become: str = ""

    def look(self, hosts: Iterable[str], *, settings: bool = False) -> Looked:
        """The processes of these hosts; with `settings` also how supervisord handles its programs."""
        looks = {
            name: ProcessQuestion(
                environment=self.environment, host=self._host(name), become=self.become, settings=settings
            )
            for name in hosts
        }
        seen: dict[str, HostProcesses] = {}
        unread: dict[str, str] = {}
        done = self.run({name: look.script for name, look in looks.items()}, DEADLINE)
        for name, answer in done.items():
            try:
                seen[name] = looks[name].read(_answered(answer))
            except OpsconsoleError as error:
                unread[name] = error.what.removeprefix(f"{name}: ")
        return Looked(hosts=seen, unread=unread)

    def ask(self, asked: Mapping[str, Iterable[AskedRelease]]) -> tuple[ReleaseAnswer, ...]:
        """What these releases say of themselves; for a host that cannot be reached, why."""
        probes = {
            name: Probe(environment=self.environment, host=self._host(name), asked=tuple(dict.fromkeys(each)))
            for name, each in asked.items()
        }
        done = self.run({name: probe.script for name, probe in probes.items()}, worker_probe.DEADLINE)
        answers: list[ReleaseAnswer] = []
        for name, answer in done.items():
            if isinstance(answer, OpsconsoleError):
                answers += [
                    ReleaseAnswer(host=name, release=each.release, directory=each.directory, why=answer.what)
                    for each in probes[name].asked
                ]
            else:
                answers += probes[name].read(answer)
        return tuple(answers)

    def running(self, seen: HostProcesses) -> tuple[AskedRelease, ...]:
        """The releases beside the linked one that this host's workers are proved to run."""
        host = self._host(seen.host)
        names = {
            proof.release
            for process in own_workers(seen)
            if process.invocation.role in (Role.WORK, Role.HORIZON_WORK) and (proof := prove(process, seen)).known
        } - {seen.release}
        return tuple(
            AskedRelease(release=name, directory=release_directory(self.environment, host, name))
            for name in sorted(names)
        )

    def linked(self, seen: HostProcesses, *, fresh: bool = False) -> AskedRelease:
        """The release that is linked on this host; `fresh`: as it would be read without its cached configuration."""
        root = self.environment.paths(self._host(seen.host)).root
        return AskedRelease(release=seen.release, directory=root, fresh=fresh)

    def _host(self, name: str) -> Host:
        return self.environment.host(name)


def worked_queues(queues: WorkerQueues, hosts: Iterable[HostProcesses]) -> tuple[QueueName, ...]:
    """The queues that workers of these hosts take jobs from."""
    found: dict[QueueName, None] = {}
    for seen in hosts:
        for process in own_workers(seen):
            if process.invocation.role is not Role.HORIZON:
                found.update(dict.fromkeys(queues.of(process.invocation)))
    return tuple(found)


def queues_of(answers: Iterable[ReleaseAnswer]) -> WorkerQueues:
    """The queue connections as the first release that answered has them."""
    return next((each.queues for each in answers if each.cache is not None), WorkerQueues())


def reserved_on(reach: Reach, queues: WorkerQueues, hosts: Iterable[HostProcesses], *, shown: int = 20) -> Reserved:
    """The reserved jobs of the queues that these hosts' workers take jobs from."""
    return read_reserved(reach, worked_queues(queues, hosts), shown=shown)


def _answered(answer: Completed | OpsconsoleError) -> Completed:
    if isinstance(answer, OpsconsoleError):
        raise answer
    return answer
