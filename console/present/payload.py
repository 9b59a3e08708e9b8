"""Readings as the JSON documents that programs get: keys, units and nulls as the reference says, frozen.

Owns every key of `queues`, `failed`, `workers`, `health` and `status`. Must not read, decide an exit code, nor
sanitise: JSON is exact, and ASCII-escaped where it is written.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeVar

from console.domain.counts import bounds
from console.domain.documents import Json
from console.domain.environment import Environment
from console.domain.exception_text import Thrown
from console.domain.failures import FailedDetail, FailedJob, FailedPage, FailedSummary
from console.domain.health import ProbeReading, ProbeResult, Status
from console.domain.queues import QueueDepth, QueueReading, queue_totals
from console.domain.readings import APP
from console.domain.releases import ReleaseReading
from console.domain.snapshot import Snapshot, left_unread
from console.domain.workers import Worker, WorkerReading

T = TypeVar("T")

_FROM_APP = (QueueReading, FailedSummary)
"""Kinds of which there is no source, or none that can be read, before the application was."""


def stamp(at: datetime | None) -> Json:
    """RFC 3339 in UTC with milliseconds, null for none."""
    if at is None:
        return None
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def queue_document(depth: QueueDepth) -> dict[str, Json]:
    """One queue; `split_is_exact` is false where only the sum of ready, delayed and reserved is, `bound` says why."""
    return {
        "connection": depth.connection,
        "queue": depth.queue,
        "driver": depth.driver,
        "ready": depth.ready,
        "delayed": depth.delayed,
        "reserved": depth.reserved,
        "stuck": depth.stuck,
        "oldest_ready_seconds": depth.oldest_ready_seconds,
        "paused": depth.paused,
        "split_is_exact": not depth.approximate,
        **completeness(depth.bound),
    }


def queues_document(environment: str, snapshots: Iterable[Snapshot[Any]]) -> dict[str, Json]:
    """`queues --json`: all connections together; `errors` names each source that could not be read. `is_complete` is
    false when there may be queues that are not among these."""
    read = list(snapshots)
    return {
        "environment": environment,
        "taken_at": _newest(read),
        "queues": [queue_document(depth) for depth in depths(read)],
        "connections": [_connection(each) for each in read if each.kind is QueueReading],
        **completeness(bounds([*_unread(read, QueueReading), *queue_bounds(read)])),
        "errors": errors(read),
        "guesses": list[Json](guesses(read)),
    }


def _connection(snapshot: Snapshot[Any]) -> Json:
    """One queue connection: whether the application uses it, and why its jobs were not counted."""
    value: QueueReading | None = snapshot.value
    return {
        "connection": snapshot.title,
        "driver": value.driver if value else None,
        "used": value.used if value else True,
        "counted": value is not None and not value.uncounted,
        "detail": (value.uncounted or None) if value else snapshot.error,
    }


def completeness(bound: str) -> dict[str, Json]:
    """What stands beside counts: whether they are all there is, and in words what makes them incomplete."""
    return {"is_complete": not bound, "bound": bound or None}


def queue_bounds(read: Iterable[Snapshot[Any]]) -> list[str]:
    """Why a connection may have more queues than were read, by connection."""
    return [
        f"{each.value.connection}: {each.value.bound}"
        for each in read
        if isinstance(each.value, QueueReading) and each.value.bound
    ]


def _unread(read: Iterable[Snapshot[Any]], kind: type) -> list[str]:
    """The sources of one kind of which there is no reading."""
    return [
        f"{each.source} could not be read"
        for each in read
        if each.value is None and each.error is not None and each.kind is kind
    ]


def guesses(read: Iterable[Snapshot[Any]]) -> list[str]:
    """What the numbers of queues stand on that nobody read, by connection."""
    return [
        f"{each.value.connection}: {guess}"
        for each in read
        if isinstance(each.value, QueueReading)
        for guess in each.value.guesses
    ]


def workers_document(environment: str, snapshot: Snapshot[Any]) -> dict[str, Json]:
    """`workers --json`; hosts that could not be asked stand in `errors`."""
    reading = snapshot.value if isinstance(snapshot.value, WorkerReading) else WorkerReading(workers=())
    hosts: list[Json] = [{"source": snapshot.source, "error": text} for text in reading.errors]
    return {
        "environment": environment,
        "taken_at": stamp(snapshot.taken_at),
        "workers": [worker_document(worker) for worker in reading.workers],
        **completeness(bounds([*_unread([snapshot], WorkerReading), *reading.errors])),
        "errors": errors([snapshot]) + hosts,
    }


def worker_document(worker: Worker) -> dict[str, Json]:
    """One program on one host."""
    return {
        "host": worker.host,
        "name": worker.name,
        "manager": worker.manager,
        "status": worker.status,
        "processes": {"running": worker.running, "expected": worker.expected},
        "detail": worker.detail,
    }


def health_document(environment: str, snapshot: Snapshot[Any], hosts: Sequence[Json] = ()) -> dict[str, Json]:
    """`health --json`; `hosts` say which of them turn visitors away meanwhile."""
    reading = snapshot.value if isinstance(snapshot.value, ProbeReading) else ProbeReading(probes=())
    return {
        "environment": environment,
        "taken_at": stamp(snapshot.taken_at),
        "probes": [probe_document(probe) for probe in reading.probes],
        "hosts": list(hosts),
    }


def probe_document(probe: ProbeResult) -> dict[str, Json]:
    """One answer; `body_status` as the body says it. `understood` is false where nobody knows what the answer means,
    `concerns` names what keeps it from being ok."""
    return {
        "name": probe.name,
        "url": probe.url,
        "status": probe.status.value,
        "latency_ms": None if probe.latency_ms is None else round(probe.latency_ms, 1),
        "http_status": probe.http_status,
        "body_status": probe.body_status,
        "detail": probe.detail,
        "understood": probe.understood,
        "concerns": list(probe.concerns),
        "checked_at": stamp(probe.checked_at),
    }


def failed_list_document(page: FailedPage) -> dict[str, Json]:
    """`failed list --json`; `next` is what `--below` takes for the page after."""
    return {
        "total": page.total,
        "total_is_exact": page.total_is_exact,
        **completeness(page.count.bound),
        "next": page.next,
        "jobs": [failed_job_document(job) for job in page.jobs],
    }


def failed_job_document(job: FailedJob) -> dict[str, Json]:
    """The head of one row."""
    return {
        "uuid": job.uuid or None,
        "id": job.id,
        "connection": job.connection,
        "queue": job.queue,
        "job": job.job.exact(),
        "exception_class": job.exception_class.exact(),
        "message": job.message.exact(),
        "failed_at": stamp(job.failed_at),
    }


def failed_show_document(detail: FailedDetail) -> dict[str, Json]:
    """`failed show --json`: the head, the decoded payload and its PHP command, the chain with the thrown exception
    first. `payload_text` stands in when the payload is not JSON."""
    return {
        **failed_job_document(detail.job),
        "payload": detail.payload,
        "payload_text": detail.payload_text.exact() if detail.payload is None else None,
        "payload_bytes": detail.payload_bytes,
        "command": detail.command,
        "exception": [thrown_document(thrown) for thrown in detail.chain],
        "exception_bytes": detail.exception_bytes,
        "truncated": detail.truncated,
    }


def thrown_document(thrown: Thrown) -> dict[str, Json]:
    """One exception of a chain with its frames."""
    return {
        "exception_class": thrown.exception_class.exact(),
        "message": thrown.message.exact(),
        "location": thrown.location.exact(),
        "frames": [
            {
                "number": frame.number,
                "location": frame.location.exact(),
                "call": frame.call.exact(),
                "vendor": frame.vendor,
            }
            for frame in thrown.frames
        ],
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class EnvironmentStatus:
    """Everything read of one environment: `status` is its verdict in one word, `values` the encoded readings by
    source, `hosts` one document for each host."""

    environment: Environment
    status: str
    snapshots: Mapping[str, Snapshot[Any]]
    values: Mapping[str, Json]
    hosts: Sequence[Json] = ()


def status_document(statuses: Sequence[EnvironmentStatus]) -> dict[str, Json]:
    """`status --json` of all environments asked for."""
    return {"environments": [environment_document(status) for status in statuses]}


def environment_document(status: EnvironmentStatus) -> dict[str, Json]:
    """One environment: sums for a glance, and every source whole."""
    read = list(status.snapshots.values())
    return {
        "name": status.environment.name,
        "tier": status.environment.tier.value,
        "status": status.status,
        "release": release_document(read),
        "queues": _part(read, QueueReading, lambda found: _queue_sums(found, _unread(read, QueueReading))),
        "failed": _part(read, FailedSummary, _failed_sums),
        "health": _part(read, ProbeReading, _health_sums),
        "workers": _part(read, WorkerReading, _worker_sums),
        "alerts": None,
        "hosts": list(status.hosts),
        "sources": {
            name: {
                "taken_at": stamp(snapshot.taken_at),
                "error": snapshot.error,
                "value": status.values.get(name),
            }
            for name, snapshot in status.snapshots.items()
        },
    }


def release_document(read: Iterable[Snapshot[Any]]) -> Json:
    """The live release's name; null when there is none, it is not known, or hosts differ."""
    for snapshot in read:
        if isinstance(snapshot.value, ReleaseReading):
            names = {host.current for host in snapshot.value.hosts}
            return names.pop() or None if len(names) == 1 else None
    return None


def depths(read: Iterable[Snapshot[Any]]) -> list[QueueDepth]:
    """Every queue of every connection."""
    return [depth for snapshot in read if isinstance(snapshot.value, QueueReading) for depth in snapshot.value.queues]


def errors(read: Iterable[Snapshot[Any]]) -> list[Json]:
    """Each source that could not be read, and each part that one had to leave out, and why."""
    return [
        {"source": snapshot.source, "error": words}
        for snapshot in read
        for words in ([snapshot.error] if snapshot.error is not None else left_unread(snapshot))
    ]


def _newest(read: Iterable[Snapshot[Any]]) -> Json:
    return stamp(max((snapshot.taken_at for snapshot in read if snapshot.taken_at is not None), default=None))


def _part(
    read: Sequence[Snapshot[Any]], kind: type[T], sums: Callable[[Sequence[T]], dict[str, Json]]
) -> dict[str, Json]:
    own = [snapshot for snapshot in read if isinstance(snapshot.value, kind)]
    failed = [snapshot.error for snapshot in read if snapshot.kind is kind and snapshot.error]
    if not own and not failed and kind in _FROM_APP:
        # Without the application nobody knows which sources there would be.
        failed = [snapshot.error for snapshot in read if snapshot.source == APP and snapshot.error]
    counted = sums([value for snapshot in own if isinstance(value := snapshot.value, kind)])
    if not own:
        counted |= completeness(failed[0] if failed else "nothing was read")
    return {
        **counted,
        "taken_at": stamp(min((snapshot.taken_at for snapshot in own if snapshot.taken_at is not None), default=None)),
        "error": failed[0] if failed else None,
    }


def _queue_sums(readings: Sequence[QueueReading], missing: Sequence[str]) -> dict[str, Json]:
    sums = queue_totals(readings, missing=missing)
    known = any(not reading.uncounted for reading in readings)
    return {
        "ready": sums.ready.number if known else None,
        "delayed": sums.delayed.number if known else None,
        "reserved": sums.reserved.number if known else None,
        "stuck": sums.stuck.number if known else None,
        **completeness(sums.bound if known else bounds([sums.bound, *(each.uncounted for each in readings)])),
        "uncounted": {each.connection: each.uncounted for each in readings if each.uncounted},
    }


def _failed_sums(readings: Sequence[FailedSummary]) -> dict[str, Json]:
    summary = readings[0] if readings else None
    return {
        "total": summary.page.total if summary else None,
        "since_hour": summary.since_hour if summary else None,
        **completeness(bounds([summary.page.count.bound, summary.recent.bound]) if summary else ""),
    }


def _health_sums(readings: Sequence[ProbeReading]) -> dict[str, Json]:
    statuses = [probe.status for reading in readings for probe in reading.probes]
    known = bool(readings)
    return {
        "ok": statuses.count(Status.OK) if known else None,
        "warning": statuses.count(Status.WARNING) if known else None,
        "failed": statuses.count(Status.FAILED) + statuses.count(Status.CRASHED) if known else None,
        **completeness(""),
    }


def _worker_sums(readings: Sequence[WorkerReading]) -> dict[str, Json]:
    workers = [worker for reading in readings for worker in reading.workers]
    known = bool(readings)
    return {
        "running": sum(worker.running for worker in workers) if known else None,
        "expected": sum(worker.expected for worker in workers) if known else None,
        **completeness(bounds(error for reading in readings for error in reading.errors)),
    }
