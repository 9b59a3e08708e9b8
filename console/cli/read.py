"""`opsconsole queues|workers|health|hosts`: one reading of a part of an environment, for people or as JSON.

Owns the commands and their tables. Must not know drivers nor where a number comes from.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import click

from console.cli.environment import exit_code, load_config, opened, raise_if_nothing, read
from console.cli.options import config_option, environment_option, json_option
from console.cli.output import write_json, write_note, write_table
from console.domain.health import ProbeReading, Status
from console.domain.maintenance import MaintenanceReading
from console.domain.queues import QueueReading
from console.domain.readings import HOSTS, MAINTENANCE, PROBES, RELEASES, WORKERS
from console.domain.snapshot import left_unread
from console.domain.workers import WorkerReading
from console.errors import UsageError
from console.present import payload
from console.present.hosts import host_documents, host_lines, hosts_document, mode_documents
from console.present.maintenance import down_words
from console.present.unread import uncounted_words
from console.services.polling.single import SingleRead

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
        everything = read(target, lambda source: source.kind is QueueReading, discover=True, names=True)
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
                    depth.label,
                    *(f"{each.sign}{each.number}" for each in depth.counts.all),
                    "-" if depth.oldest_ready_seconds is None else f"{depth.oldest_ready_seconds}s",
                ]
                for depth in depths
            ],
        )
        notes = (*uncounted_words(snapshots), *payload.guesses(snapshots), *payload.queue_bounds(snapshots))
        for words in dict.fromkeys(notes):
            write_note(words)
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
        both = read(target, lambda source: source.name in (PROBES, MAINTENANCE))
    found, mode = [both[PROBES]], both[MAINTENANCE]
    raise_if_nothing(found)
    reading = found[0].snapshot.value
    assert isinstance(reading, ProbeReading)  # noqa: S101 - likewise
    if as_json:
        modes = mode_documents(chosen, mode.snapshot)
        write_json(payload.health_document(environment, found[0].snapshot, modes))
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
        _note_maintenance(mode)
    statuses = {probe.status for probe in reading.probes}
    bad = statuses & {Status.FAILED, Status.CRASHED}
    return judged(exit_code(found), _FAILED if bad else _WARNING if Status.WARNING in statuses else "", fail_on)


@click.command()
@config_option
@environment_option
@json_option
@fail_on_option
def hosts(config_path: Path | None, environment: str, as_json: bool, fail_on: str | None) -> int:
    """Each host: its release, maintenance mode, load, disk use and clock. Maintenance mode counts as a warning."""
    config = load_config(config_path)
    chosen = config.environment(environment)
    with opened(config, chosen) as target:
        everything = read(target, lambda source: source.name in (HOSTS, RELEASES, MAINTENANCE))
    found = list(everything.values())
    raise_if_nothing(found)
    snapshots = [one.snapshot for one in found]
    if as_json:
        write_json(hosts_document(chosen, snapshots))
    else:
        rows = host_lines(host_documents(chosen, snapshots))
        write_table(["host", "release", "maintenance", "load", "disk", "clock"], rows)
        _note_errors(found)
        for error in dict.fromkeys(each for one in found for each in _left_out(one)):
            write_note(error)
    reading = everything[MAINTENANCE].snapshot.value
    down = isinstance(reading, MaintenanceReading) and bool(reading.down)
    partial = any(_left_out(one) for one in found)
    return judged(exit_code(found, partial=partial), _WARNING if down else "", fail_on)


def _left_out(one: SingleRead) -> Sequence[str]:
    """The hosts that a source could not read, each with its reason."""
    errors: Sequence[str] = getattr(one.snapshot.value, "errors", ())
    return errors


def _note_maintenance(mode: SingleRead) -> None:
    """Probes may be exempt from maintenance mode (the framework's own is): what visitors get stands beside them."""
    value = mode.snapshot.value
    if isinstance(value, MaintenanceReading):
        if value.down and mode.snapshot.taken_at is not None:
            write_note(f"maintenance mode: {down_words(value, mode.snapshot.taken_at)}")
        for error in value.errors:
            write_note(f"whether it is in maintenance mode is not known: {error}")
    elif mode.error is not None:
        write_note(f"whether it is in maintenance mode is not known: {mode.error.what}")


def _note_errors(found: Sequence[SingleRead]) -> None:
    for one in found:
        if one.error is not None:
            write_note(f"{one.source.name}: {one.error.what}")
        for words in left_unread(one.snapshot):
            write_note(words)


def judged(code: int, worst: str, fail_on: str | None) -> int:
    """What could not be read outranks what was read to be bad."""
    if code == 0 and worst and fail_on in (_WARNING, worst):
        return 1
    return code
