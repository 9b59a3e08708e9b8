"""What a plan says before workers are restarted: what is waited for, what works otherwise, what must not be done.

Owns the sentences and which of them are refusals. Everything in them was read; what could not be read is said to be
so. Must not read anything itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from console.domain.supervisor import DOWN, Settings, Supervised
from console.domain.untrusted import harmless
from console.domain.worker_arguments import Role
from console.domain.worker_cache import ReleaseAnswer
from console.domain.worker_found import Found, chosen, duration, limits, programs_words, unknown_names
from console.domain.worker_processes import HostProcesses, Process, prove
from console.domain.worker_queues import jobs_words
from console.domain.worker_verdicts import hidden_programs, own_workers, plain_programs, strangers


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """Why a restart must not be planned like this, and what to do instead."""

    what: str
    fix: str


def refusals(found: Found) -> tuple[Refusal, ...]:
    """Why this restart must not be planned; empty when it may."""
    return (*_unreachable(found), *_out_of_order(found), *_unheard(found))


def _unreachable(found: Found) -> Iterator[Refusal]:
    for host in found.must if found.wanted else ():
        seen = found.hosts.get(host)
        if seen is None:
            continue
        if seen.supervised is None:
            yield Refusal(
                what=f"{host}: supervisorctl does not answer: {seen.refusal or 'it said nothing'}.",
                fix="Let the login use supervisord's socket, or `sudo -n supervisorctl`.",
            )
            continue
        missing = unknown_names(seen, found.wanted)
        known = ", ".join(dict.fromkeys(harmless(each.group) for each in seen.supervised)) or "none at all"
        for name in missing:
            yield Refusal(
                what=f"{host}: supervisord does not know the program {harmless(name)}; it knows {known}.",
                fix="Correct `workers: {supervisor: […]}`: a program, a group, `GROUP:*` or `GROUP:PROCESS`.",
            )


def _out_of_order(found: Found) -> Iterator[Refusal]:
    if found.links:
        yield Refusal(
            what=f"The step {found.links[0]} switches the link after the workers are restarted: they would come back "
            "on old code.",
            fix="Put the restart of the workers behind the step that switches the link.",
        )
    if (
        found.clears
        and not (found.term or found.hard)
        and any(process.invocation.role is Role.WORK for _, process in found.workers())
    ):
        yield Refusal(
            what=f"The step {found.clears[0]} clears a cache after the workers are told to leave by it: one that is "
            "busy then never hears of it, one that is idle restarts twice.",
            fix="Put the step that clears the cache before the restart of the workers.",
        )


def _unheard(found: Found) -> Iterator[Refusal]:
    daemons = [process for _, process in found.workers() if process.invocation.role is Role.WORK]
    if not daemons or found.hard or not found.wanted:
        return
    if found.term:
        if any(answer.pcntl is False for answer in found.answers):
            yield Refusal(
                what="PHP has no pcntl on this host: TERM would kill workers in the middle of their jobs.",
                fix="Install pcntl for the command line, or leave `via: term` out.",
            )
        return
    for answer in (*found.answers, *found.coming):
        if answer.cache is not None and answer.cache.reaches_nobody:
            yield Refusal(
                what=f"The restart signal cannot reach the workers: on {answer.host} the cache store of "
                f"{_release(answer)} is {harmless(answer.cache.store)} ({harmless(answer.cache.driver)}).",
                fix="Use a cache store that all processes share, or `service: {restart: workers, via: term}`.",
            )
            return


def headline(found: Found) -> str:
    """What is restarted, what is waited for, and for how long."""
    _, finish = limits(found)
    programs = programs_words(found)
    asked = f"wait at most {duration(finish)}, then ask"
    return f"Restart workers gently: {programs} · {jobs_words(found.reserved)} · {asked} · nothing is killed."


def idle_line(found: Found) -> str:
    """What a plan says where no program is configured: which workers go on as they are."""
    going = [f"{seen.host} pid {process.pid} ({process.invocation.command})" for seen, process in found.workers()]
    running = f" These go on with the code they run: {', '.join(going)}." if going else " No worker runs here."
    return f"No programs are configured under `workers:`, so none is restarted.{running}"


def warnings(found: Found) -> tuple[str, ...]:
    """Everything else an operator should know, one sentence each, without repeating itself."""
    sentences: dict[str, None] = {}
    for host, why in found.unread.items():
        sentences[f"{host}: its workers could not be looked at: {why}"] = None
    for seen in found.hosts.values():
        for sentence in (*_of_programs(found, seen), *_of_processes(found, seen)):
            sentences[f"{seen.host}: {sentence}"] = None
    for sentence in (*_of_caches(found), *_of_hosts(found)):
        sentences[sentence] = None
    return tuple(sentences)


def _of_programs(found: Found, seen: HostProcesses) -> Iterator[str]:
    picked = chosen(seen, found.wanted)
    working = {program.name: program for process in own_workers(seen) if (program := seen.program(process))}
    for each in picked:
        if each.state == "STOPPED":
            yield f"{harmless(each.name)} is stopped, and is left so."
        elif each.state in DOWN:
            yield f"{harmless(each.name)} is {each.state} now; this step starts it."
    for each in hidden_programs(seen, picked):
        yield (
            f"{harmless(each.name)} runs as a process that could not be seen (pid {each.pid}): it has just ended, or "
            "this login may not see it, and then it stays unknown whether it comes back on new code."
        )
    for each in plain_programs(seen, picked):
        yield f"{harmless(each.name)} works no queue, as far as can be seen: it is stopped and started by supervisord."
    for name, program in working.items():
        if program not in picked:
            yield (
                f"{harmless(name)} runs this application's workers and is not under `workers:`; it hears the same "
                "signal and is waited for as well."
            )
    # Of a group's processes one whose settings are known speaks for all.
    known = sorted((*working.values(), *picked), key=lambda program: program.name in seen.settings)
    groups = {program.group: program for program in known if program.state != "STOPPED"}
    unread = [harmless(group) for group, program in groups.items() if not _autorestart(seen, program)]
    if unread:
        yield (
            f"autorestart of {', '.join(unread)} could not be read; workers that leave and stay away are started by "
            "this step."
        )
    for group, program in groups.items():
        yield from _of_settings(seen, harmless(group), program, seen.settings.get(program.name))


def _autorestart(seen: HostProcesses, program: Supervised) -> str | None:
    settings = seen.settings.get(program.name)
    return settings.autorestart if settings is not None else None


def _of_settings(seen: HostProcesses, group: str, program: Supervised, settings: Settings | None) -> Iterator[str]:
    if settings is not None and settings.autorestart in ("false", "unexpected"):
        yield f'{group}: autorestart is "{settings.autorestart}": workers that leave are started by this step.'
    members = seen.of_program(program)
    wrapped = members and not any(process.pid == program.pid for process in members)
    if wrapped and (settings is None or not settings.stopasgroup):
        yield (
            f"{group} runs its worker under a shell without stopasgroup: a stop by supervisord leaves the worker "
            "behind, an orphan. `exec php …` in its command avoids that."
        )
    if settings is not None and settings.killasgroup and any(p.invocation.role.horizon for p in members):
        yield (
            f"{group} is Horizon with killasgroup: a stop by supervisord that takes longer than "
            f"{settings.stopwaitsecs} s kills jobs."
        )


def _of_processes(found: Found, seen: HostProcesses) -> Iterator[str]:
    workers = own_workers(seen)
    for process in workers:
        program, invocation = seen.program(process), process.invocation
        name = harmless(program.group) if program else f"pid {process.pid}"
        connection = found.queues.connection(invocation)
        if program is None:
            proof = prove(process, seen)
            code = f"release {harmless(proof.release)}" if proof.known else proof.why
            yield (
                f"pid {process.pid} ({invocation.command}, {code}) is not known to supervisor: it is told as well, and "
                "nobody starts it again."
            )
        if invocation.role is Role.LISTEN:
            yield f"{name} is queue:listen, which never hears the signal: it gets TERM, and its job goes on to its end."
        elif invocation.once and invocation.role is Role.WORK and program is not None and program.pid == process.pid:
            yield f"{name} works one job at a time (--once): it comes back by itself and is never signalled."
        if found.queues.blocks_for_ever(invocation):
            yield (
                f"{name} waits inside Redis for ever (block_for 0): an idle worker notices nothing until a job comes; "
                "the step will ask."
            )
        if connection is not None and connection.retry_after is not None and invocation.role is not Role.HORIZON:
            limit = invocation.timeout
            if limit == 0 or limit >= connection.retry_after:
                yield (
                    f"{name}: its --timeout ({limit or 'none'}) is not below retry_after {connection.retry_after} of "
                    f"{harmless(connection.name)}: a longer job is taken by a second worker, with or without a restart."
                )
    yield from _of_accounts(found, seen, workers)


def _of_accounts(found: Found, seen: HostProcesses, workers: Iterable[Process]) -> Iterator[str]:
    hidden = [process for process in workers if process.scripts is None]
    for uid in sorted({process.uid for process in hidden}):
        pids = ", ".join(str(process.pid) for process in hidden if process.uid == uid)
        asked = f" (sudo -n does not let the login become {harmless(found.become)})" if found.become else ""
        yield (
            f"processes of another account (uid {uid}) may not be looked into{asked}: pid {pids}. What they run is "
            "taken from their start where that proves anything, and is unknown otherwise. `become:` with that account "
            "lets the step look."
        )
    for process in strangers(seen):
        yield (
            f"pid {process.pid} ({process.invocation.command}, uid {process.uid}) may be another application's: "
            "nothing that may be read tells. It is left out."
        )


def _of_caches(found: Found) -> Iterator[str]:
    for answer in found.answers:
        if answer.cache is None:
            yield f"{answer.host}: the cache of {_release(answer)} could not be read: {answer.why}."
            continue
        began = [
            seen.began(process)
            for seen, process in found.workers()
            if seen.host == answer.host and process.invocation.role is Role.WORK
        ]
        if answer.changed_at and any(at < answer.changed_at - 1 for at in began) and not found.term:
            yield (
                f"{answer.host}: the configuration of {_release(answer)} was written after some of its workers began: "
                "the cache they look into may be another. Those that do not hear the signal are asked about."
            )
        for coming in found.coming:
            if coming.host == answer.host and coming.cache is not None and coming.cache != answer.cache:
                moves = f"changes from {answer.cache.words} to {coming.cache.words}"
                if answer.cache.words == coming.cache.words:
                    moves = "moves to another server, database or directory"
                yield f"{answer.host}: the cache {moves}: the signal is also written by {_release(answer)}."


def _of_hosts(found: Found) -> Iterator[str]:
    if found.left:
        yield (
            f"{', '.join(found.left)}: not among this step's hosts; workers there may hear the same signal, and nobody "
            "waits for them."
        )


def _release(answer: ReleaseAnswer) -> str:
    return f"release {harmless(answer.release)}" if answer.release else "the application"
