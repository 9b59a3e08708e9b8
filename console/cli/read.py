"""`opsconsole queues|workers|health`: one reading of a part of an environment, for people or as JSON.

Owns the commands and their tables. Must not know drivers nor where a number comes from.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import click

from console.cli.options import config_option, environment_option, json_option
from console.cli.output import write_json, write_note, write_table
from console.cli.reading import exit_code, load_config, opened, raise_if_nothing, read
from console.domain.health import ProbeReading, Status
from console.domain.readings import PROBES, QUEUES, WORKERS
from console.domain.workers import WorkerReading
from console.errors import UsageError
from console.present import payload
from console.services.once import Once

F = TypeVar("F", bound=Callable[..., Any])

_WARNING, _FAILED = "warning", "failed"


def fail_on_option(command: F) -> F:
    """Adds `--fail-on warning|failed` as `fail_on: str`, empty when not given."""
    return click.option(
        "--fail-on",
        type=click.Choice([_WARNING, _FAILED]),
        default=None,
        help="Exit 1 when something is that bad or worse (default: reading it is success).",
    )(command)


@click.command()
@config_option
@environment_option
@json_option
@fail_on_option
def queues(config_path: Path | None, environment: str, as_json: bool, fail_on: str | None) -> int:
    """Depth of each queue: ready, delayed, reserved, stuck. A stuck job counts as a warning."""
    config = load_config(config_path)
    with opened(config, config.environment(environment)) as target:
        everything = read(target, lambda source: source.name.startswith(QUEUES), discover=True, names=True)
    found = [one for name, one in everything.items() if name != WORKERS]
    raise_if_nothing(found)
    snapshots = [one.snapshot for one in found]
    depths = payload.depths(snapshots)
    if as_json:
        write_json(payload.queues_document(environment, snapshots))
    else:
        write_table(
            ["connection", "queue", "ready", "delayed", "reserved", "stuck", "oldest"],
            [
                [
                    depth.connection,
                    depth.queue,
                    *(
                        ("~" if depth.approximate else "") + str(n)
                        for n in (depth.ready, depth.delayed, depth.reserved)
                    ),
                    str(depth.stuck),
                    "-" if depth.oldest_ready_seconds is None else f"{depth.oldest_ready_seconds}s",
                ]
                for depth in depths
            ],
        )
        _note_errors(found)
    return judged(exit_code(found), _WARNING if any(depth.stuck for depth in depths) else "", fail_on)


@click.command()
@config_option
@environment_option
@json_option
@fail_on_option
def workers(config_path: Path | None, environment: str, as_json: bool, fail_on: str | None) -> int:
    """Worker programs on each host, as their own manager reports them."""
    config = load_config(config_path)
    chosen = config.environment(environment)
    if not chosen.supervisor:
        raise UsageError(
            f"{environment} names no workers", fix="name supervisord's programs under `workers: {supervisor: [...]}`"
        )
    with opened(config, chosen) as target:
        found = list(read(target, lambda source: source.name == WORKERS).values())
    raise_if_nothing(found)
    reading = found[0].snapshot.value
    assert isinstance(reading, WorkerReading)  # noqa: S101 - it did not fail, so it is one
    if as_json:
        write_json(payload.workers_document(environment, found[0].snapshot))
    else:
        write_table(
            ["host", "program", "status", "running", "detail"],
            [[w.host, w.name, w.status, f"{w.running}/{w.expected}", w.detail] for w in reading.workers],
        )
        for error in reading.errors:
            write_note(error)
    states = {worker.status for worker in reading.workers}
    worst = _FAILED if states & {"failed", "missing"} else _WARNING if states - {"running"} else ""
    return judged(exit_code(found, partial=bool(reading.errors)), worst, fail_on)


@click.command()
@config_option
@environment_option
@json_option
@fail_on_option
def health(config_path: Path | None, environment: str, as_json: bool, fail_on: str | None) -> int:
    """Asks the environment's health URLs now."""
    config = load_config(config_path)
    chosen = config.environment(environment)
    if not chosen.health:
        raise UsageError(f"{environment} names no health URLs", fix="name them under `health:`, for example [/up]")
    with opened(config, chosen) as target:
        found = list(read(target, lambda source: source.name == PROBES).values())
    raise_if_nothing(found)
    reading = found[0].snapshot.value
    assert isinstance(reading, ProbeReading)  # noqa: S101 - likewise
    if as_json:
        write_json(payload.health_document(environment, found[0].snapshot))
    else:
        write_table(
            ["probe", "status", "http", "ms", "says", "detail"],
            [
                [
                    probe.name,
                    probe.status.value,
                    "-" if probe.http_status is None else str(probe.http_status),
                    "-" if probe.latency_ms is None else f"{probe.latency_ms:.0f}",
                    probe.body_status or "",
                    probe.detail,
                ]
                for probe in reading.probes
            ],
        )
    statuses = {probe.status for probe in reading.probes}
    bad = statuses & {Status.FAILED, Status.CRASHED}
    return judged(exit_code(found), _FAILED if bad else _WARNING if Status.WARNING in statuses else "", fail_on)


def _note_errors(found: Sequence[Once]) -> None:
    for one in found:
        if one.error is not None:
            write_note(f"{one.source.name}: {one.error.what}")


def judged(code: int, worst: str, fail_on: str | None) -> int:
    """What could not be read outranks what was read to be bad."""
    if code == 0 and worst and fail_on in (_WARNING, worst):
        return 1
    return code
