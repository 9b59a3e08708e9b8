"""Worker programs as supervisord knows them, and the queues that this application's workers were started for.

Owns what the states of a program's processes come to. Must not start or stop anything.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import ClassVar

from console.domain.environment import Environment
from console.domain.readings import WORKERS
from console.domain.snapshot import Trouble
from console.domain.supervisor import Supervised, selects
from console.domain.worker_arguments import Role
from console.domain.worker_processes import HostProcesses, started_here, works_here
from console.domain.workers import Worker, WorkerReading
from console.errors import OpsconsoleError, RemoteError
from console.ports import Reach
from console.services.threads.loop import Captured
from console.services.threads.parallel import each_captured
from console.services.workers.process_question import ProcessQuestion
from console.sources.kinds import SourceContext, SourceParams, TypedSource, doubts

Params = SourceParams
SETTINGS_EVERY = 60.0
"""Seconds between two readings of supervisord's files: what they start changes seldom."""


class WorkersSource(TypedSource[WorkerReading]):
    """`WorkerReading`, each 5 s: one script per worker host, all hosts at once. Raises when every host failed."""

    kind: ClassVar = WorkerReading
    name = WORKERS
    timeout = 10.0
    needs_facts = False

    def __init__(self, context: SourceContext, params: SourceParams) -> None:
        self._context = context
        self.every = params.every or 5.0
        self._settings_at = -math.inf

    def read(self) -> WorkerReading:
        """All worker hosts; what one of them failed with is among the reading's errors."""
        environment = self._context.environment
        # Until every host told its files, each look asks for them.
        asked_at = self._context.clock.monotonic()
        settings = asked_at - self._settings_at >= SETTINGS_EVERY
        looked = look_at_workers(self._context.reach, settings=settings, deadline=self.timeout)
        workers: list[Worker] = []
        errors: list[str] = []
        failures: list[Exception] = []
        listens: dict[str, dict[str, None]] = {}
        for host, ended in looked.items():
            try:
                seen = ended.unwrap()
                workers += group(host, supervised(seen), environment.supervisor)
            except OpsconsoleError as error:
                failures.append(error)
                errors.append(f"{host}: {error.what.removeprefix(host + ': ')}")
                continue
            for connection, queues in listened(seen, environment.supervisor):
                listens.setdefault(connection, {}).update(dict.fromkeys(queues))
            self._context.used.add(told.connection for told in started_here(seen, environment.supervisor))
        if failures and len(failures) == len(looked):
            raise failures[0]
        for connection, names in listens.items():
            self._context.names.add(connection, names)
        used = self._context.used
        used.add(listens)
        if settings and not failures:
            self._settings_at = asked_at
            used.note_workers()
        return WorkerReading(
            workers=tuple(workers),
            errors=tuple(errors),
            listens={connection: tuple(names) for connection, names in listens.items()},
        )

    def summary(self, value: WorkerReading) -> str:
        """Running of expected processes."""
        running, expected = sum(w.running for w in value.workers), sum(w.expected for w in value.workers)
        return f"{running}/{expected} worker processes"

    def troubles(self, value: WorkerReading) -> tuple[Trouble, ...]:
        """Each program that does not run, and each host that could not be asked."""
        down = [f"{w.name} {w.status} on {w.host}" for w in value.workers if w.status != "running"]
        return doubts((*down, *value.errors))


def build(context: SourceContext, params: SourceParams) -> tuple[WorkersSource, ...]:
    """The one source; none without programs under `workers:`."""
    return (WorkersSource(context, params),) if context.environment.supervisor else ()


def worker_hosts(environment: Environment) -> tuple[str, ...]:
    """The hosts with the role `worker`; all of them when none has it."""
    chosen = environment.on("worker") or environment.hosts
    return tuple(host.name for host in chosen)


def look_at_workers(reach: Reach, *, settings: bool, deadline: float) -> Mapping[str, Captured[HostProcesses]]:
    """The processes of each worker host, all hosts at once, with `settings` also what supervisord's files start."""
    environment = reach.environment

    def one(host: str) -> HostProcesses:
        look = ProcessQuestion(environment=environment, host=environment.host(host), settings=settings)
        return look.read(reach.shell(host).run(look.script, deadline=deadline))

    return each_captured(worker_hosts(environment), one)


def supervised(seen: HostProcesses) -> tuple[Supervised, ...]:
    """What supervisord said; RemoteError when it would not answer."""
    if seen.supervised is None:
        raise RemoteError(
            f"{seen.host}: supervisorctl does not answer: {seen.refusal[:200] or 'no output'}",
            fix="the login needs access to supervisord's socket, or `sudo -n supervisorctl`",
        )
    return seen.supervised


def group(host: str, processes: Sequence[Supervised], programs: Sequence[str]) -> list[Worker]:
    """A worker for each configured program, in the config's order; one supervisord does not know is missing."""
    workers = []
    for program in programs:
        own = [process for process in processes if selects(program, process)]
        running = sum(process.state == "RUNNING" for process in own)
        down = next((process for process in own if process.state != "RUNNING"), None)
        workers.append(
            Worker(
                host=host,
                name=program,
                manager="supervisor",
                status=_status(own),
                running=running,
                expected=len(own),
                detail=_detail(own, down),
            )
        )
    return workers


def listened(seen: HostProcesses, programs: Iterable[str]) -> list[tuple[str, tuple[str, ...]]]:
    """Connection (empty: the default one) and queue names of this application's running workers, not of others on the
    host. Without names a worker takes the connection's own queue."""
    stated = tuple(programs)
    found = []
    for process in seen.processes:
        told = process.invocation
        if told.role.works and told.role is not Role.HORIZON and works_here(process, seen, stated):
            found.append((told.connection, tuple(name for name in told.queues if name)))
    return found


def _status(own: Sequence[Supervised]) -> str:
    states = {process.state for process in own}
    if not own:
        return "missing"
    if states == {"RUNNING"}:
        return "running"
    if states & {"FATAL", "BACKOFF", "EXITED", "UNKNOWN"}:
        return "failed"
    return "starting" if states <= {"RUNNING", "STARTING"} else "stopped"


def _detail(own: Sequence[Supervised], down: Supervised | None) -> str:
    if not own:
        return "supervisord does not know this program"
    shown = down or own[0]
    return f"{shown.state} {shown.detail}".strip()
