"""What a hard restart of workers cuts: which jobs may be at work, how long supervisord waits, what becomes of them.

Owns the sentences of a plan about it. Must not refuse: who writes `hard: true` wants it, and has to know.
"""

from __future__ import annotations

from collections.abc import Iterator

from console.domain.supervisor import Settings, Supervised
from console.domain.untrusted import harmless
from console.domain.worker_arguments import Role
from console.domain.worker_found import Found, chosen, programs_words
from console.domain.worker_processes import HostProcesses, Process
from console.domain.worker_queues import FlightJob, jobs_words


def hard_headline(found: Found) -> str:
    """What is stopped and started, and what may be at work meanwhile."""
    return (
        f"Restart workers hard: {programs_words(found)} · {jobs_words(found.reserved)} · supervisord kills what has "
        "not ended in time."
    )


def hard_warnings(found: Found) -> tuple[str, ...]:
    """For how long each program may finish, and what becomes of jobs that take longer."""
    sentences: dict[str, None] = {}
    for seen in found.hosts.values():
        for program in chosen(seen, found.wanted):
            if program.state != "STOPPED":
                for sentence in _of_program(found, seen, program):
                    sentences[f"{seen.host}: {harmless(program.group)}: {sentence}"] = None
    for job in found.reserved.jobs[:5]:
        sentences[f"A job in flight, {harmless(job.name)} since {round(job.age)} s: killed, {_fate(job)}."] = None
    retry = sorted({each.retry_after for each in found.queues.connections.values() if each.retry_after is not None})
    if sentences and retry:
        waits = " or ".join(str(each) for each in retry)
        sentences[
            f"A killed job stays reserved; what becomes of it happens when retry_after ({waits} s) has passed."
        ] = None
    return tuple(sentences)


def _of_program(found: Found, seen: HostProcesses, program: Supervised) -> Iterator[str]:
    members = [each for each in seen.of_program(program) if each.invocation.role.works]
    settings = seen.settings.get(program.name)
    if not members:
        return
    yield _patience(members, settings)
    answers = [each for each in found.answers if each.host == seen.host]
    signal = settings.stopsignal if settings else None
    if signal == "KILL" or any(each.pcntl is False for each in answers):
        yield "nothing lets a job finish here: the stop itself kills."
    elif signal == "QUIT" and any(each.major in (0, 8) for each in answers):
        yield "stopsignal is QUIT, which Laravel 8 does not handle: the stop itself kills."
    if settings is not None and settings.stopasgroup and any(_single(each) for each in members):
        yield "a process that works a single job (queue:listen, --once) has no handler for the stop: it is cut at once."
    if not any(each.pid == program.pid for each in members) and not (settings and settings.stopasgroup):
        yield "its worker runs under a shell: the stop ends the shell alone and leaves the worker behind, an orphan."


def _patience(members: list[Process], settings: Settings | None) -> str:
    allowed = [each.invocation.timeout for each in members if each.invocation.role is not Role.HORIZON]
    longest = 0 if 0 in allowed or not allowed else max(allowed)
    limit = f"up to {longest} s" if longest else "without a limit"
    if settings is None or settings.stopwaitsecs is None:
        return f"its stopwaitsecs could not be read; jobs may take {limit}, and are killed when it is shorter."
    if longest and settings.stopwaitsecs >= longest:
        return f"stopwaitsecs {settings.stopwaitsecs} is long enough for jobs that may take {limit}."
    return f"would kill jobs after {settings.stopwaitsecs} s (stopwaitsecs); they may take {limit}."


def _single(process: Process) -> bool:
    return process.invocation.role is Role.LISTEN or process.invocation.once


def _fate(job: FlightJob) -> str:
    if job.tries is None:
        return "it fails or runs again from its start, as its worker's --tries says"
    return "it fails without running again (tries 1)" if job.tries == 1 else "it runs again from its start"
