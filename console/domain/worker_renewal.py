"""The wait for workers that were asked to leave: from one look to the next, what is to be done now.

Owns the decision: when a signal is sent again, what is started, what may be ended, when an operator is asked, and what
is called done. Pure: it sees readings and remembers what it did. It never kills, and never calls unknown good.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum

from console.domain.runs import Outcome
from console.domain.supervisor import DOWN, Supervised
from console.domain.worker_arguments import Role
from console.domain.worker_processes import Evidence, HostProcesses
from console.domain.worker_queues import Reserved, WorkerQueues
from console.domain.worker_verdicts import HostAim, Standing, WorkerVerdict, judge, listed

COMING_FOR = 60.0
"""Seconds that programs get to come up after the last old process has left, however late that was."""
DOWN_FOR = 5.0
"""Seconds a program may stay down before it is started; supervisord starts it again by itself within one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RestartAim:
    """What a restart is about. `release` is the wanted one, empty for the linked one of each host. `notice` is within
    how many seconds an idle worker sees the signal, `finish` how long jobs in flight are waited for. Without `signal`
    the workers cannot be told by the cache, and are ended one by one. `ends` says that a TERM lets a job finish."""

    release: str
    hosts: tuple[HostAim, ...]
    notice: float
    finish: float
    signal: bool = True
    ends: bool = True

    def of(self, host: str) -> HostAim:
        """What it wants of one host; KeyError when nothing."""
        return {each.host: each for each in self.hosts}[host]


@dataclass(frozen=True, slots=True, kw_only=True)
class Memory:
    """What was done so far, in seconds since the epoch by the runner's clock. `started` and `down` are by
    `HOST PROGRAM`, `steady` has the pid with which a program was last seen running. `ended` are processes that were
    asked to end one by one, `doubtful` those of which nothing could be told at the last look, `idle` the old ones that
    could run no job then, `spare` that they were more than the jobs on their queues. `clear` is since when nothing old
    is left."""

    began: float
    until: float = 0.0
    signals: tuple[float, ...] = ()
    started: Mapping[str, float] = field(default_factory=dict)
    ended: tuple[str, ...] = ()
    asked: int = 0
    down: Mapping[str, float] = field(default_factory=dict)
    steady: Mapping[str, int] = field(default_factory=dict)
    doubtful: tuple[str, ...] = ()
    idle: tuple[str, ...] = ()
    spare: bool = False
    clear: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Sighting:
    """One look at everything. `unread` says of a host why it could not be looked at."""

    at: float
    hosts: Mapping[str, HostProcesses]
    unread: Mapping[str, str] = field(default_factory=dict)
    reserved: Reserved = field(default_factory=Reserved)


class Deed(StrEnum):
    """What is to be done now."""

    SIGNAL = "signal"
    START = "start"
    TERMINATE = "terminate"
    ASK = "ask"
    END = "end"


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """One thing to be done: on `verdicts` (signal, terminate, ask), with `programs` of a host (start), or the end with
    its outcome and words."""

    deed: Deed
    verdicts: tuple[WorkerVerdict, ...] = ()
    host: str = ""
    programs: tuple[str, ...] = ()
    outcome: Outcome = Outcome.UNKNOWN
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stand:
    """Where everything stands at one look: the judged processes; of the programs (`HOST NAME`) those that are `stale`
    (not restarted yet), `coming` up, `settling` (up, and to be seen so once more) and `failed`; `startable` by host."""

    verdicts: tuple[WorkerVerdict, ...] = ()
    stale: tuple[str, ...] = ()
    coming: tuple[str, ...] = ()
    settling: tuple[str, ...] = ()
    failed: tuple[str, ...] = ()
    unread: tuple[str, ...] = ()
    startable: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def only(self, standing: Standing) -> tuple[WorkerVerdict, ...]:
        """The processes of one standing."""
        return tuple(each for each in self.verdicts if each.standing is standing)


def decide(
    aim: RestartAim, memory: Memory, sighting: Sighting, queues: WorkerQueues
) -> tuple[Memory, Stand, tuple[Move, ...]]:
    """What is to be done after this look, and what is to be remembered until the next. No move: look again soon."""
    memory = replace(memory, until=memory.until or memory.began + aim.finish)
    memory, stand = look_over(aim, memory, sighting)
    old = stand.only(Standing.OLD)
    late = sighting.at >= memory.until
    if (old or stand.stale) and not memory.signals:
        return replace(memory, signals=(sighting.at,)), stand, (Move(deed=Deed.SIGNAL, verdicts=old),)
    memory, starts = start_down(memory, stand, sighting.at)
    if starts:
        return memory, stand, starts
    if old:
        # A process that leaves while it is looked at seems to be idle; one that is so at two looks is.
        before, now, spare = memory, _idle(old, sighting, queues), _is_one_idle(old, sighting, queues)
        memory = replace(memory, idle=now, spare=spare, clear=0.0)
        idle = tuple(each for each in old if key(each) in now and key(each) in before.idle)
        memory, moves = _second(aim, memory, sighting, old, idle, again=spare and before.spare)
        if not moves and (late or _in_vain(aim, memory, sighting, old, idle)):
            moves = (Move(deed=Deed.ASK, verdicts=old),)
        return memory, stand, moves
    doubtful = tuple(key(each) for each in stand.only(Standing.UNKNOWN))
    open_ends = (*stand.unread, *stand.coming, *stand.settling, *stand.stale)
    settled = not open_ends and set(doubtful) <= set(memory.doubtful)
    memory = replace(memory, doubtful=doubtful, clear=memory.clear or sighting.at)
    late = sighting.at >= max(memory.until, memory.clear + COMING_FOR)
    return memory, stand, (conclude(aim, stand),) if settled or late else ()


def start_down(memory: Memory, stand: Stand, now: float) -> tuple[Memory, tuple[Move, ...]]:
    """The programs that nobody else starts, each once."""
    begun = {f"{host} {name}": now for host, names in stand.startable.items() for name in names}
    starts = tuple(Move(deed=Deed.START, host=host, programs=names) for host, names in stand.startable.items())
    return replace(memory, started={**memory.started, **begun}), starts


def conclude(aim: RestartAim, stand: Stand) -> Move:
    """The end as it stands: the worst of what is known, and everything that is not good by name."""
    old, new, unknown = (stand.only(each) for each in (Standing.OLD, Standing.NEW, Standing.UNKNOWN))
    by_start = sum(each.proof.evidence is Evidence.START for each in new)
    names = sorted({each.proof.release for each in new}) or ([aim.release] if aim.release else [])
    total = len(old) + len(new) + len(unknown)
    words = [f"{len(new)} of {total} processes run release {', '.join(names)}"] if total else ["no worker runs"]
    if new:
        words[0] += f" ({len(new) - by_start} by script or directory, {by_start} by start time)"
    words += [f"{len(old)} on old code: {listed(old)}"] if old else []
    words += [f"{len(unknown)} unknown: {listed(unknown)}"] if unknown else []
    words += [f"could not be looked at: {'; '.join(stand.unread)}"] if stand.unread else []
    words += [f"not restarted: {'; '.join(stand.stale)}"] if stand.stale else []
    down = (*stand.failed, *stand.coming, *(f"{place}: it does not stay up" for place in stand.settling))
    words += [f"not running: {'; '.join(down)}"] if down else []
    words += [f"left stopped: {each.host} {name}" for each in aim.hosts for name in each.stopped]
    hidden = [f"{each.host} {name}" for each in aim.hosts for name in each.hidden]
    words += [f"cannot be seen: {', '.join(hidden)}"] if hidden else []
    if old or down or stand.stale:
        outcome = Outcome.FAILED
    else:
        outcome = Outcome.UNKNOWN if unknown or hidden or stand.unread else Outcome.OK
    return Move(deed=Deed.END, outcome=outcome, detail=" · ".join(words))


def remember_ended(memory: Memory, verdicts: Iterable[WorkerVerdict]) -> Memory:
    """Notes which processes were asked to end one by one: none is asked twice without an operator."""
    return replace(memory, ended=tuple(dict.fromkeys((*memory.ended, *map(key, verdicts)))))


def key(verdict: WorkerVerdict) -> str:
    """A process for the memory: host, boot, pid and start."""
    identity = verdict.identity
    return f"{verdict.host} {identity.boot} {identity.pid} {identity.start}"


def may_end(verdict: WorkerVerdict) -> bool:
    """Whether TERM lets this process finish its job: what runs a single job has no handler for it."""
    return verdict.role in (Role.WORK, Role.HORIZON_WORK, Role.SUPERVISOR) and not verdict.process.invocation.once


# --- the second choice ------------------------------------------------------------------------------------------------


def _second(
    aim: RestartAim,
    memory: Memory,
    sighting: Sighting,
    old: tuple[WorkerVerdict, ...],
    idle: tuple[WorkerVerdict, ...],
    *,
    again: bool,
) -> tuple[Memory, tuple[Move, ...]]:
    """Once every idle worker must have seen the signal: the signal once more where one of them is idle, then the end
    of those that are idle for certain."""
    if sighting.at - memory.signals[-1] < aim.notice:
        return memory, ()
    if aim.signal and len(memory.signals) == 1 and again:
        # Two signals within one second are one to a worker that started between them, and a key that was cleared
        # is never seen by a worker that started without it.
        return replace(memory, signals=(*memory.signals, sighting.at)), (Move(deed=Deed.SIGNAL, verdicts=old),)
    ends = tuple(each for each in idle if aim.ends and may_end(each) and key(each) not in memory.ended)
    if not ends:
        return memory, ()
    return remember_ended(memory, ends), (Move(deed=Deed.TERMINATE, verdicts=ends),)


def _in_vain(
    aim: RestartAim, memory: Memory, sighting: Sighting, old: tuple[WorkerVerdict, ...], idle: tuple[WorkerVerdict, ...]
) -> bool:
    """Whether waiting on is no use: each that is left is idle for certain and heard nothing, and nobody was asked."""
    return not memory.asked and len(idle) == len(old) and sighting.at - memory.signals[-1] >= 2 * aim.notice


def _hears(verdict: WorkerVerdict) -> bool:
    """Whether the signal in the cache is meant for it."""
    return verdict.role is Role.WORK and not verdict.process.invocation.once


def _is_one_idle(old: Iterable[WorkerVerdict], sighting: Sighting, queues: WorkerQueues) -> bool:
    """Whether one of those that hear the signal must be idle: they are more than the jobs on their queues."""
    hearing = [each for each in old if _hears(each)]
    for each in hearing:
        own = set(queues.of(each.process.invocation))
        jobs = sighting.reserved.count(own)
        if jobs is None or jobs < sum(bool(own & set(queues.of(one.process.invocation))) for one in hearing):
            return True
    return any(queues.blocks_for_ever(each.process.invocation) for each in hearing)


def _idle(old: Iterable[WorkerVerdict], sighting: Sighting, queues: WorkerQueues) -> tuple[str, ...]:
    """Those that can run no job: none is reserved on their queues, or they wait for one without an end."""
    return tuple(
        key(each)
        for each in old
        if sighting.reserved.count(queues.of(each.process.invocation)) == 0
        or queues.blocks_for_ever(each.process.invocation)
    )


# --- where everything stands ------------------------------------------------------------------------------------------


def look_over(aim: RestartAim, memory: Memory, sighting: Sighting) -> tuple[Memory, Stand]:
    """Every process and program judged at one look, and what of it the next look must know."""
    stand = Stand()
    for each in aim.hosts:
        seen = sighting.hosts.get(each.host)
        if seen is None or (seen.supervised is None and each.programs):
            why = sighting.unread.get(each.host, "it was not looked at") if seen is None else seen.refusal
            stand = replace(stand, unread=(*stand.unread, f"{each.host}: {why}"))
        if seen is None:
            continue
        own = judge(seen, each, aim.release)
        memory, programs = _programs(each, memory, sighting.at, seen)
        stand = replace(
            stand,
            verdicts=(*stand.verdicts, *own),
            stale=(*stand.stale, *programs.stale),
            coming=(*stand.coming, *programs.coming, *_half_up(each.host, own)),
            settling=(*stand.settling, *programs.settling),
            failed=(*stand.failed, *programs.failed),
            startable={**stand.startable, **programs.startable},
        )
    return memory, stand


def _half_up(host: str, verdicts: Iterable[WorkerVerdict]) -> list[str]:
    """A master of Horizon that has started no supervisor yet works no queue."""
    own = list(verdicts)
    parents = {parent for each in own if each.role is Role.SUPERVISOR for parent in each.process.parents}
    return [
        f"{host} {each.program or each.process.pid}: Horizon has started no supervisor yet"
        for each in own
        if each.role is Role.HORIZON and each.standing is Standing.NEW and each.process.pid not in parents
    ]


def _programs(aim: HostAim, memory: Memory, now: float, seen: HostProcesses) -> tuple[Memory, Stand]:
    """The programs of one host that must run. One that somebody stopped by hand meanwhile is left, as one before."""
    states = {each.name: each for each in seen.supervised or ()}
    mine = f"{aim.host} "
    down = {place: at for place, at in memory.down.items() if not place.startswith(mine)}
    steady = {place: pid for place, pid in memory.steady.items() if not place.startswith(mine)}
    stale, coming, settling, failed, start = [], [], [], [], []
    for name in aim.programs if seen.supervised is not None else ():
        place, state = mine + name, states.get(name)
        if state is None:
            failed.append(f"{place}: supervisord does not know it any more")
        elif state.state in DOWN:
            down[place] = memory.down.get(place, now)
            patience = DOWN_FOR if place in memory.started else _patience(state, seen)
            if now - max(down[place], memory.started.get(place, 0.0)) < patience:
                coming.append(f"{place}: {state.state}")
            elif place in memory.started:
                failed.append(f"{place}: {state.state} {state.detail}".strip())
            else:
                start.append(name)
        elif state.pid is not None and state.pid == aim.plain.get(name):
            stale.append(place)
        elif state.state != "STOPPED":
            if state.pid is not None:
                steady[place] = state.pid
            if name in aim.fleeting:
                continue
            if state.state != "RUNNING":
                coming.append(f"{place}: {state.state}")
            elif state.pid != memory.steady.get(place) and (memory.signals or place in memory.started):
                # One that dies again and again runs at each look, but never with the pid of the look before.
                settling.append(place)
    found = Stand(
        stale=tuple(stale),
        coming=tuple(coming),
        settling=tuple(settling),
        failed=tuple(failed),
        startable={aim.host: tuple(start)} if start else {},
    )
    return replace(memory, down=down, steady=steady), found


def _patience(state: Supervised, seen: HostProcesses) -> float:
    """How long a program may be down: nobody but us starts one that exited without autorestart."""
    settings = seen.settings.get(state.name)
    alone = settings is not None and settings.autorestart in ("false", "unexpected")
    return 0.0 if alone and state.state == "EXITED" else DOWN_FOR
