"""Which processes of an application run the wanted release, which still run old code, and of which nobody can tell.

Owns the judgement of one look against what a restart is about, and the words for single processes. Unknown is never
counted as good. Must not decide what to do about any of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from enum import StrEnum

from console.domain.supervisor import Supervised
from console.domain.untrusted import harmless
from console.domain.worker_arguments import Role
from console.domain.worker_processes import HostProcesses, Process, ProcessIdentity, ReleaseProof, belongs, prove


class Standing(StrEnum):
    """What a process is to a restart: `old` must leave, `new` is proved, `unknown` is neither."""

    OLD = "old"
    NEW = "new"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class HostAim:
    """What a restart wants of one host: that the `old` processes leave, and that the `programs` of supervisord run.

    `plain` are those among them that work no queue, with the pid that must be another one; `stopped` were stopped by
    hand and stay so; `fleeting` are programs whose processes come and go by themselves, `hidden` those whose processes
    cannot be seen at all. `names` has the program of each old process by its pid: while one leaves, supervisord already
    knows its successor only.
    """

    host: str
    old: tuple[ProcessIdentity, ...] = ()
    programs: tuple[str, ...] = ()
    plain: Mapping[str, int] = field(default_factory=dict)
    stopped: tuple[str, ...] = ()
    fleeting: tuple[str, ...] = ()
    hidden: tuple[str, ...] = ()
    names: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerVerdict:
    """One process as judged: `program` is its name at supervisord, empty when supervisord does not know it. `direct`
    says that supervisord's own child is this very process, and not a shell around it."""

    host: str
    process: Process
    identity: ProcessIdentity
    standing: Standing
    proof: ReleaseProof
    program: str = ""
    since: float = 0.0
    direct: bool = False

    @property
    def role(self) -> Role:
        """What the process is for."""
        return self.process.invocation.role


def own_workers(seen: HostProcesses) -> tuple[Process, ...]:
    """The processes that take this application's jobs, or start those that do.

    One of which nothing tells whose it is counts when its account is that of others that are ours.
    """
    working = [process for process in seen.processes if process.invocation.role.works]
    whose = {process.pid: belongs(process, seen) for process in working}
    accounts = {process.uid for process in working if whose[process.pid]}
    return tuple(
        process for process in working if whose[process.pid] or (whose[process.pid] is None and process.uid in accounts)
    )


def strangers(seen: HostProcesses) -> tuple[Process, ...]:
    """Queue workers of which nothing tells whether they are this application's."""
    ours = own_workers(seen)
    return tuple(
        process
        for process in seen.processes
        if process.invocation.role.works and process not in ours and belongs(process, seen) is None
    )


def judge(seen: HostProcesses, aim: HostAim, release: str) -> tuple[WorkerVerdict, ...]:
    """Every process that counts, judged; `release` is the wanted one, empty for the one that is linked."""
    judged = [*own_workers(seen)]
    judged += [
        process
        for process in seen.processes
        if process not in judged and (program := seen.program(process)) is not None and program.name in aim.plain
    ]
    wanted = release or seen.release
    old = frozenset(aim.old)
    verdicts = (_verdict(process, seen, old, wanted) for process in judged)
    return tuple(
        replace(each, program=each.program or aim.names.get(str(each.process.pid), ""))
        if each.identity in old
        else each
        for each in verdicts
    )


def _verdict(process: Process, seen: HostProcesses, old: frozenset[ProcessIdentity], wanted: str) -> WorkerVerdict:
    identity, proof = seen.identity(process), prove(process, seen)
    if identity in old:
        standing = Standing.OLD
    elif not proof.known:
        standing = Standing.UNKNOWN
    else:
        standing = Standing.NEW if proof.release == wanted else Standing.OLD
    program = seen.program(process)
    return WorkerVerdict(
        host=seen.host,
        process=process,
        identity=identity,
        standing=standing,
        proof=proof,
        program=program.name if program else "",
        since=seen.began(process),
        direct=program is not None and program.pid == process.pid,
    )


def aim_at(
    seen: HostProcesses,
    chosen: Iterable[Supervised],
    release: str,
    *,
    every: bool,
    hard: bool = False,
) -> HostAim:
    """What a restart wants of this host, from how it is now. `chosen` are the programs to be restarted; those that run
    this application's workers without being chosen hear the same signal, and must come back as well.

    With `every` all workers have to leave, else those that are not proved to run the release. With `hard` the chosen
    programs are stopped and started whatever they do, and no other hears anything.
    """
    workers = own_workers(seen)
    empty = HostAim(host=seen.host)
    old = [each for each in judge(seen, empty, release) if every or each.standing is not Standing.NEW]
    picked = {each.name: each for each in chosen}
    working = {program.name: program for process in workers if (program := seen.program(process)) is not None}
    programs = picked if hard else {**picked, **working}
    plain = {
        name: program.pid
        for name, program in picked.items()
        if program.pid is not None
        # What cannot be seen may well be a worker in the middle of a job.
        and (hard or (name not in working and program.pid in seen.visible))
        and (every or not _is_new(program, seen, release))
    }
    fleeting = {
        program.name
        for process in workers
        if process.invocation.fleeting and (program := seen.program(process)) is not None and program.pid == process.pid
    }
    return HostAim(
        host=seen.host,
        old=tuple(each.identity for each in old),
        programs=tuple(name for name, program in programs.items() if program.state != "STOPPED"),
        plain=plain,
        stopped=tuple(name for name, program in picked.items() if program.state == "STOPPED"),
        hidden=() if hard else tuple(each.name for each in hidden_programs(seen, picked.values())),
        fleeting=tuple(sorted(fleeting)),
        names={str(each.process.pid): each.program for each in old if each.program},
    )


def hidden_programs(seen: HostProcesses, programs: Iterable[Supervised]) -> tuple[Supervised, ...]:
    """Programs that run, by supervisord's word, as processes that this account cannot see."""
    return tuple(each for each in programs if each.pid is not None and each.pid not in seen.visible)


def plain_programs(seen: HostProcesses, programs: Iterable[Supervised]) -> tuple[Supervised, ...]:
    """Programs that run and work no queue, as far as their processes can be seen."""
    working = {program.name for process in own_workers(seen) if (program := seen.program(process)) is not None}
    return tuple(each for each in programs if each.pid in seen.visible and each.name not in working)


def _is_new(program: Supervised, seen: HostProcesses, release: str) -> bool:
    """Whether what a program runs is proved to be the release; of what is not PHP nothing is known."""
    proofs = [prove(process, seen) for process in seen.of_program(program)]
    wanted = release or seen.release
    return bool(proofs) and all(proof.known and proof.release == wanted for proof in proofs)


def process_words(verdict: WorkerVerdict) -> str:
    """One process for a sentence: where it is, its pid, what it runs and since when."""
    name = harmless(verdict.program.rpartition(":")[2]) if verdict.program else ""
    if verdict.role in (Role.SUPERVISOR, Role.HORIZON_WORK):
        name = f"{name} {verdict.role.value}".strip()
    since = datetime.fromtimestamp(verdict.since, UTC).strftime("%H:%M:%SZ")
    code = f"release {harmless(verdict.proof.release)}" if verdict.proof.known else verdict.proof.why
    known = "" if verdict.program else ", not known to supervisor"
    return f"{verdict.host} {name + ' ' if name else ''}(pid {verdict.process.pid}, {code}, since {since}{known})"


def listed(verdicts: Iterable[WorkerVerdict], most: int = 3) -> str:
    """The first few processes, the rest counted."""
    words = [process_words(each) for each in verdicts]
    return "; ".join(words[:most]) + (f" and {len(words) - most} more" if len(words) > most else "")
