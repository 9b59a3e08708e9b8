"""A world of workers under supervisord in time that is counted, not waited for: what the decisions of a restart do to
it can be tried a thousand times a second. Workers notice a signal as Laravel's do: when idle and able to see it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from console.domain.supervisor import Settings, Supervised
from console.domain.worker_arguments import read_arguments
from console.domain.worker_processes import HostProcesses, Process
from console.domain.worker_queues import Connection, QueueJobs, Reserved, WorkerQueues
from console.domain.worker_renewal import Deed, Memory, Move, RestartAim, Sighting, Stand, decide
from console.domain.worker_verdicts import WorkerVerdict, aim_at

BASE = "/srv/app"
NEW, OLD = "42", "41"
EVERY = 2.0


@dataclass(slots=True)
class Body:
    """One worker process. It is busy until `busy`; `deaf` sees no cache signal, `blocked` heeds nothing while idle,
    `hidden` may not be looked into, `crashing` dies whenever it is started."""

    pid: int
    release: str
    program: str = ""
    queue: str = "default"
    busy: float = 0.0
    deaf: bool = False
    blocked: bool = False
    hidden: bool = False
    command: str = "queue:work"
    heard: bool = False
    told: bool = False
    start: int = 0


@dataclass(slots=True)
class Host:
    """One host: its link, its programs (state and pid) and its processes."""

    name: str
    current: str
    states: dict[str, str] = field(default_factory=dict)
    bodies: list[Body] = field(default_factory=list)
    autorestart: dict[str, str] = field(default_factory=dict)
    crashing: set[str] = field(default_factory=set)
    linked_at: float = 1900.0


class World:
    """Hosts that move on by seconds. `jobs` that came to an end early, and processes ended while busy, are counted."""

    def __init__(self, hosts: list[Host]) -> None:
        self.hosts = {host.name: host for host in hosts}
        self.now = 2000.0
        self.pid = 100
        self.cut = 0
        self.moves: list[Move] = []
        self.readable = True

    def add(self, host: str, body: Body, autorestart: str = "true") -> Body:
        """A process that has been there for long."""
        self.pid += 1
        body.pid, body.start = self.pid, 100_000 + self.pid
        found = self.hosts[host]
        found.bodies.append(body)
        if body.program:
            found.states[body.program] = "RUNNING"
            found.autorestart[body.program] = autorestart
        return body

    def sight(self) -> Sighting:
        """One look at everything."""
        return Sighting(
            at=self.now,
            hosts={name: self._seen(host) for name, host in self.hosts.items()},
            reserved=self._reserved(),
        )

    def _reserved(self) -> Reserved:
        counts: dict[str, int] = {}
        for host in self.hosts.values():
            for body in host.bodies:
                counts[body.queue] = counts.get(body.queue, 0) + (body.busy > self.now)
        if not self.readable:
            return Reserved(unread={f"redis:{name}": "no" for name in counts})
        return Reserved(queues=tuple(QueueJobs(connection="redis", queue=q, reserved=n) for q, n in counts.items()))

    def _seen(self, host: Host) -> HostProcesses:
        processes = tuple(self._process(body) for body in host.bodies)
        pids = {body.program: body.pid for body in host.bodies if body.program}
        return HostProcesses(
            host=host.name,
            boot="b",
            now=self.now,
            boot_time=0.0,
            ticks=100,
            uid=1000,
            bases=(BASE,),
            current=f"{BASE}/releases/{host.current}",
            releases=f"{BASE}/releases",
            linked_at=host.linked_at,
            visible=frozenset(body.pid for body in host.bodies),
            processes=processes,
            supervised=tuple(
                Supervised(name, state, "", pids.get(name) if state == "RUNNING" else None)
                for name, state in host.states.items()
            ),
            settings={name: Settings(program=name, autorestart=each) for name, each in host.autorestart.items()},
        )

    def _process(self, body: Body) -> Process:
        argv = ("php", f"{BASE}/current/artisan", body.command, "redis", f"--queue={body.queue}", "--sleep=1")
        invocation = read_arguments(argv)
        assert invocation is not None
        scripts = None if body.hidden else (f"{BASE}/releases/{body.release}/artisan",)
        return Process(
            pid=body.pid, ppid=1, uid=1000, start=body.start, argv=argv, invocation=invocation, scripts=scripts
        )

    def apply(self, move: Move) -> None:
        """What a runner would do."""
        self.moves.append(move)
        if move.deed is Deed.SIGNAL:
            for host in self.hosts.values():
                for body in host.bodies:
                    body.heard = body.heard or not body.deaf
        if move.deed is Deed.START:
            for name in move.programs:
                assert self.hosts[move.host].states[name] in ("EXITED", "FATAL")
                self._start(self.hosts[move.host], name)
        if move.deed is Deed.TERMINATE:
            for verdict in move.verdicts:
                body = self.body(verdict)
                self.cut += body.busy > self.now
                body.told = True

    def body(self, verdict: WorkerVerdict) -> Body:
        """The process that a verdict is about."""
        return next(b for b in self.hosts[verdict.host].bodies if b.pid == verdict.process.pid)

    def pass_time(self, seconds: float) -> None:
        """Time passes: jobs end, workers notice, supervisord starts what it should."""
        self.now += seconds
        for host in self.hosts.values():
            for body in list(host.bodies):
                if (body.heard or body.told) and body.busy <= self.now and not body.blocked:
                    self._leave(host, body)

    def _leave(self, host: Host, body: Body) -> None:
        host.bodies.remove(body)
        if not body.program:
            return
        if host.autorestart[body.program] == "true" and body.program not in host.crashing:
            self._start(host, body.program)
        else:
            host.states[body.program] = "FATAL" if body.program in host.crashing else "EXITED"

    def _start(self, host: Host, name: str) -> None:
        if name in host.crashing:
            host.states[name] = "FATAL"
            return
        self.pid += 1
        host.states[name] = "RUNNING"
        host.bodies.append(
            Body(pid=self.pid, release=host.current, program=name, start=int(self.now * 100), hidden=False)
        )


QUEUES = WorkerQueues(default="redis", connections={"redis": Connection(name="redis", driver="redis", retry_after=90)})


def blocking() -> WorkerQueues:
    """The same connection, waiting for ever."""
    return WorkerQueues(
        default="redis", connections={"redis": Connection(name="redis", driver="redis", retry_after=90, block_for=0)}
    )


def aim_of(
    world: World, *, every: bool = False, release: str = NEW, notice: float = 11.0, finish: float = 90.0
) -> RestartAim:
    """What a restart of everything here would be about."""
    seen = world.sight().hosts
    return RestartAim(
        release=release,
        hosts=tuple(aim_at(each, each.supervised or (), release, every=every) for each in seen.values()),
        notice=notice,
        finish=finish,
    )


def go(
    world: World, aim: RestartAim, *, queues: WorkerQueues = QUEUES, looks: int = 400
) -> Iterator[tuple[Stand, Move | None]]:
    """Looks and acts until something must be asked or it has ended: each stand with the last move, if any."""
    memory = Memory(began=world.now)
    for _ in range(looks):
        memory, stand, moves = decide(aim, memory, world.sight(), queues)
        for move in moves:
            if move.deed in (Deed.ASK, Deed.END):
                yield stand, move
                return
            world.apply(move)
        yield stand, None
        world.pass_time(EVERY)


def end(world: World, aim: RestartAim, *, queues: WorkerQueues = QUEUES) -> Move:
    """The move that ends it, or asks."""
    *_, (_, last) = go(world, aim, queues=queues)
    assert last is not None, "it never ended"
    return last
