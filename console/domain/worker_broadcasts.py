"""What a plan says of a step that tells workers to leave and looks no further: `artisan: [queue:restart]` and its like.

Owns the sentences about those that never hear it, and those that nobody starts again. Must not refuse: such a step may
be one of several means.
"""

from __future__ import annotations

from collections.abc import Iterator

from console.domain.untrusted import harmless
from console.domain.worker_arguments import Role
from console.domain.worker_found import Found
from console.domain.worker_processes import HostProcesses, Process

INSTEAD = "`service: {restart: workers}` waits for them, and proves what they run."


def broadcast_warnings(found: Found, *, horizon: bool) -> tuple[str, ...]:
    """Who does not hear the step, and who stays away after it; `horizon` says that it ends Horizon's masters too."""
    sentences = dict.fromkeys(
        sentence for seen, process in found.workers() for sentence in _of_process(found, seen, process, horizon)
    )
    for answer in found.answers:
        if answer.cache is not None and answer.cache.reaches_nobody:
            sentences[f"{answer.host}: its cache store {harmless(answer.cache.store)} reaches no worker."] = None
    if found.clears:
        sentences[
            f"The step {found.clears[0]} clears a cache after it: a worker that is busy then never hears of it."
        ] = None
    return (*sentences, INSTEAD) if sentences else ()


def _of_process(found: Found, seen: HostProcesses, process: Process, horizon: bool) -> Iterator[str]:
    program, role = seen.program(process), process.invocation.role
    name = f"{seen.host}: {harmless(program.group) if program else f'pid {process.pid}'}"
    if role is Role.LISTEN:
        yield f"{name} is queue:listen, which never hears it and goes on with old code."
    elif role is Role.HORIZON and not horizon:
        yield f"{name} is Horizon, whose master does not hear it: its workers come back on the old release."
    elif found.queues.blocks_for_ever(process.invocation):
        yield f"{name} waits inside Redis for ever (block_for 0) and hears nothing until a job comes."
    settings = seen.settings.get(program.name) if program is not None else None
    if settings is not None and settings.autorestart in ("false", "unexpected"):
        yield f'{name}: autorestart is "{settings.autorestart}": once it has left, nobody starts it again.'
