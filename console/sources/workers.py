"""Worker programs as supervisord knows them, and the queues they were started for.

Owns the script and the parsing of `supervisorctl status`. Must not start or stop anything. Its exit status 3 (some
program is not running) is data.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import ClassVar

from console.domain.environment import Environment
from console.domain.readings import WORKERS
from console.domain.untrusted import Raw, harmless
from console.domain.workers import Worker, WorkerReading
from console.errors import OpsconsoleError, RemoteError
from console.services.parallel import each_captured
from console.sources.kinds import SourceContext, SourceParams, TypedSource

SCRIPT = r"""
ask() { "$@" status 2>&1; code=$?; [ $code -eq 0 ] || [ $code -eq 3 ]; }
if out=$(ask supervisorctl) || { [ -n "$(command -v sudo)" ] && out=$(ask sudo -n -- supervisorctl); }; then
  printf '=status\n%s\n' "$out"
else
  printf '=refused\n%s\n' "$(ask supervisorctl | head -n 3)"
fi
printf '=workers\n'
ps -eo args= 2>/dev/null | grep -E '[a]rtisan queue:work( |$)' | head -n 200
:
"""
"""POSIX sh: the status as the login may see it (with `sudo -n` where it may not), and running workers' arguments."""

_LINE = re.compile(r"(\S+)\s+(STOPPED|STARTING|RUNNING|BACKOFF|STOPPING|EXITED|FATAL|UNKNOWN)\b\s*(.*)\Z")
_QUEUE_OPTION = re.compile(r"--queue(?:=|\s+)(\S+)")
_CONNECTION = re.compile(r"queue:work\s+(?!-)(\S+)")

Params = SourceParams


@dataclass(frozen=True, slots=True)
class Process:
    """One line of `supervisorctl status`."""

    program: str
    state: str
    detail: str


class WorkersSource(TypedSource[WorkerReading]):
    """`WorkerReading`, each 5 s: one script per worker host, all hosts at once. Raises when every host failed."""

    kind: ClassVar = WorkerReading
    name = WORKERS
    timeout = 10.0

    def __init__(self, context: SourceContext, params: SourceParams) -> None:
        self._context = context
        self.every = params.every or 5.0

    def read(self) -> WorkerReading:
        """All worker hosts; what one of them failed with is among the reading's errors."""
        environment, reach = self._context.environment, self._context.reach
        hosts = worker_hosts(environment)

        def one(host: str) -> str:
            done = reach.shell(host).run(SCRIPT, deadline=self.timeout)
            return done.stdout.decode("utf-8", "surrogateescape")

        workers: list[Worker] = []
        errors: list[str] = []
        failures: list[Exception] = []
        listens: dict[str, dict[str, None]] = {}
        for host, ended in each_captured(hosts, one).items():
            try:
                status, arguments = split_output(host, ended.unwrap())
            except OpsconsoleError as error:
                failures.append(error)
                errors.append(f"{host}: {error.what.removeprefix(host + ': ')}")
                continue
            workers += group(host, parse_status(status), environment.supervisor)
            for connection, queues in listened(arguments):
                listens.setdefault(connection, {}).update(dict.fromkeys(queues))
        if failures and len(failures) == len(hosts):
            raise failures[0]
        for connection, names in listens.items():
            self._context.names.add(connection, names)
        return WorkerReading(
            workers=tuple(workers),
            errors=tuple(errors),
            listens={connection: tuple(names) for connection, names in listens.items()},
        )

    def summary(self, value: WorkerReading) -> str:
        """Running of expected processes."""
        running, expected = sum(w.running for w in value.workers), sum(w.expected for w in value.workers)
        return f"{running}/{expected} worker processes"


def build(context: SourceContext, params: SourceParams) -> tuple[WorkersSource, ...]:
    """The one source; none without programs under `workers:`."""
    return (WorkersSource(context, params),) if context.environment.supervisor else ()


def worker_hosts(environment: Environment) -> tuple[str, ...]:
    """The hosts with the role `worker`; all of them when none has it."""
    chosen = environment.on("worker") or environment.hosts
    return tuple(host.name for host in chosen)


def split_output(host: str, output: str) -> tuple[list[str], list[str]]:
    """The script's two lists of lines; RemoteError when supervisord would not answer."""
    status, _, arguments = output.partition("=workers\n")
    kind, _, rest = status.partition("\n")
    if kind != "=status":
        raise RemoteError(
            f"{host}: supervisorctl does not answer: {Raw.of(rest.strip() or 'no output').show(200)}",
            fix="the login needs access to supervisord's socket, or `sudo -n supervisorctl`",
        )
    return rest.splitlines(), arguments.splitlines()


def parse_status(lines: Iterable[str]) -> tuple[Process, ...]:
    """The processes of `supervisorctl status`; lines that are none are passed over. `GROUP:NAME_00` and `NAME` both
    belong to the program before the colon."""
    found = []
    for line in lines:
        match = _LINE.match(line.strip())
        if match:
            found.append(Process(match[1].partition(":")[0], match[2], harmless(match[3])[:200]))
    return tuple(found)


def group(host: str, processes: Sequence[Process], programs: Sequence[str]) -> list[Worker]:
    """A worker for each configured program, in the config's order; one supervisord does not know is missing."""
    workers = []
    for program in programs:
        own = [process for process in processes if process.program == program]
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


def listened(arguments: Iterable[str]) -> list[tuple[str, tuple[str, ...]]]:
    """Connection (empty: the default one) and queue names of running `queue:work` processes."""
    found = []
    for line in arguments:
        queues, connection = _QUEUE_OPTION.search(line), _CONNECTION.search(line)
        if queues:
            names = tuple(name for name in queues[1].strip("'\"").split(",") if name)
            found.append((connection[1] if connection else "", names))
    return found


def _status(own: Sequence[Process]) -> str:
    states = {process.state for process in own}
    if not own:
        return "missing"
    if states == {"RUNNING"}:
        return "running"
    if states & {"FATAL", "BACKOFF", "EXITED", "UNKNOWN"}:
        return "failed"
    return "starting" if states <= {"RUNNING", "STARTING"} else "stopped"


def _detail(own: Sequence[Process], down: Process | None) -> str:
    if not own:
        return "supervisord does not know this program"
    shown = down or own[0]
    return f"{shown.state} {shown.detail}".strip()
