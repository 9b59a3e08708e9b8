"""The JSON documents: exact keys, units, nulls."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

from console.domain.exception_text import Frame, Thrown
from console.domain.failures import FailedDetail, FailedJob, FailedPage, FailedSummary
from console.domain.health import ProbeReading, ProbeResult, Status
from console.domain.queues import QueueDepth, QueueReading
from console.domain.releases import HostReleases, Release, ReleaseReading
from console.domain.snapshot import Snapshot
from console.domain.untrusted import Raw
from console.domain.workers import Worker, WorkerReading
from console.present import payload
from tests.fakes import FakeClock, make_environment
from tests.fakes.declared import Declared

AT = datetime(2026, 1, 2, 4, 4, 5, 678_900, tzinfo=timezone(timedelta(hours=1)))
STAMP = "2026-01-02T03:04:05.678Z"


def snapshot(source: str, value: Any = None, error: str | None = None) -> Snapshot[Any]:
    declared = Declared(FakeClock()).of(source, value)
    return replace(declared, taken_at=AT if value is not None else None, error=error)


def depth(queue: str = "default", **changes: Any) -> QueueDepth:
    counts = {"ready": 3, "delayed": 2, "reserved": 1, "stuck": 1, "oldest_ready_seconds": 9, **changes}
    return QueueDepth(connection="redis", queue=queue, driver="redis", **counts)


def queues(*depths: QueueDepth) -> QueueReading:
    return QueueReading(connection="redis", driver="redis", queues=depths, server_time=1.0)


JOB = FailedJob(
    uuid="u",
    id=7,
    connection="redis",
    queue="default",
    job=Raw(b"App\\Jobs\\X"),
    exception_class=Raw(b"E"),
    message=Raw(b"\x1b[31m\xff"),
    failed_at=AT,
)


def test_a_connection_that_is_only_configured_and_a_default_that_is_not_counted() -> None:
    unused = QueueReading(
        connection="redis", driver="redis", queues=(), server_time=1.0, used=False, uncounted="not used here, refused"
    )
    default = replace(unused, connection="sqs", driver="sqs", used=True, uncounted="not read", bound="not read")
    read = [snapshot("queues:redis", unused), snapshot("queues:sqs", default)]
    document = payload.queues_document("lab", read)
    assert document["connections"] == [
        {"connection": "redis", "driver": "redis", "used": False, "counted": False,
         "detail": "not used here, refused"},
        {"connection": "sqs", "driver": "sqs", "used": True, "counted": False, "detail": "not read"},
    ]  # fmt: skip
    assert (document["errors"], document["is_complete"], document["bound"]) == ([], False, "sqs: not read")
    assert payload.queues_document("lab", read[:1])["is_complete"] is True
    sums = payload._queue_sums([unused], [])
    assert sums["ready"] is None and sums["uncounted"] == {"redis": "not used here, refused"}


def test_queues() -> None:
    document = payload.queues_document(
        "lab", [snapshot("queues:redis", queues(depth())), snapshot("queues:database", error="gone")]
    )
    assert document == {
        "environment": "lab",
        "taken_at": STAMP,
        "queues": [
            {
                "connection": "redis",
                "queue": "default",
                "driver": "redis",
                "ready": 3,
                "delayed": 2,
                "reserved": 1,
                "stuck": 1,
                "oldest_ready_seconds": 9,
                "paused": None,
                "split_is_exact": True,
                "is_complete": True,
                "bound": None,
            }
        ],
        "is_complete": False,
        "connections": [
            {"connection": "redis", "driver": "redis", "used": True, "counted": True, "detail": None},
            {"connection": "database", "driver": None, "used": True, "counted": False, "detail": "gone"},
        ],
        "bound": "queues:database could not be read",
        "errors": [{"source": "queues:database", "error": "gone"}],
        "guesses": [],
    }


def test_workers() -> None:
    worker = Worker(host="web1", name="w", manager="supervisor", status="stopped", running=1, expected=2, detail="d")
    document = payload.workers_document(
        "lab", snapshot("workers", WorkerReading(workers=(worker,), errors=("web2: gone",)))
    )
    assert document["workers"] == [
        {
            "host": "web1",
            "name": "w",
            "manager": "supervisor",
            "status": "stopped",
            "processes": {"running": 1, "expected": 2},
            "detail": "d",
        }
    ]
    assert document["errors"] == [{"source": "workers", "error": "web2: gone"}]


def probe(status: Status, **changes: Any) -> ProbeResult:
    fields = {"latency_ms": 12.345, "http_status": 200, "body_status": "warn", "detail": "x", **changes}
    return ProbeResult(name="up", url="http://x/up", status=status, checked_at=AT, **fields)


def test_health_keeps_what_the_body_says() -> None:
    reading = ProbeReading(probes=(probe(Status.WARNING), probe(Status.FAILED, latency_ms=None, http_status=None)))
    [first, second] = _list(payload.health_document("lab", snapshot("probes", reading))["probes"])
    assert first == {
        "name": "up",
        "url": "http://x/up",
        "status": "warning",
        "latency_ms": 12.3,
        "http_status": 200,
        "body_status": "warn",
        "detail": "x",
        "understood": True,
        "concerns": [],
        "checked_at": STAMP,
    }
    assert (second["latency_ms"], second["http_status"]) == (None, None)


def _list(value: Any) -> list[Any]:
    assert isinstance(value, list)
    return value


def test_failed_list_is_exact() -> None:
    document = payload.failed_list_document(FailedPage(total=1, total_is_exact=False, next=7, jobs=(JOB,)))
    assert document == {
        "total": 1,
        "total_is_exact": False,
        "is_complete": False,
        "bound": "too many to count at each read: counted a while ago, or the server's estimate",
        "next": 7,
        "jobs": [
            {
                "uuid": "u",
                "id": 7,
                "connection": "redis",
                "queue": "default",
                "job": "App\\Jobs\\X",
                "exception_class": "E",
                "message": "\x1b[31m\udcff",
                "failed_at": STAMP,
            }
        ],
    }
    assert json.loads(json.dumps(document)) == document


def detail(payload_value: Any) -> FailedDetail:
    frame = Frame(number=0, location=Raw(b"a.php(3)"), call=Raw(b"f()"), vendor=True)
    thrown = Thrown(exception_class=Raw(b"E"), message=Raw(b"m"), location=Raw(b"a.php:3"), frames=(frame,))
    return FailedDetail(
        job=JOB,
        payload=payload_value,
        payload_text=Raw(b"{broken"),
        payload_bytes=7,
        command={"@class": "X"},
        chain=(thrown,),
        exception_text=Raw(b"E: m"),
        exception_bytes=4,
    )


def test_failed_show() -> None:
    document = payload.failed_show_document(detail({"a": 1}))
    assert (document["payload"], document["payload_text"], document["command"]) == ({"a": 1}, None, {"@class": "X"})
    assert document["exception"] == [
        {
            "exception_class": "E",
            "message": "m",
            "location": "a.php:3",
            "frames": [{"number": 0, "location": "a.php(3)", "call": "f()", "vendor": True}],
        }
    ]
    assert payload.failed_show_document(detail(None))["payload_text"] == "{broken"


def status_of(*snapshots: Snapshot[Any]) -> dict[str, Any]:
    status = payload.EnvironmentStatus(
        environment=make_environment(),
        status="ok",
        snapshots={one.source: one for one in snapshots},
        values={one.source: {"v": 1} for one in snapshots if one.error is None},
    )
    [environment] = _list(payload.status_document([status])["environments"])
    assert isinstance(environment, dict)
    return environment


def test_status_sums_and_every_source() -> None:
    page = FailedPage(total=12, total_is_exact=True, next=None, jobs=())
    host = HostReleases(host="web1", current="2", releases=(Release(name="2"),))
    worker = Worker(host="web1", name="w", manager="supervisor", status="running", running=2, expected=3)
    document = status_of(
        snapshot("queues:redis", queues(depth(), depth("x", ready=10))),
        snapshot("queues:database", error="locked"),
        snapshot("failed", FailedSummary(page=page, since_hour=None)),
        snapshot("probes", ProbeReading(probes=(probe(Status.OK), probe(Status.CRASHED), probe(Status.WARNING)))),
        snapshot("workers", WorkerReading(workers=(worker,))),
        snapshot("releases", ReleaseReading(hosts=(host,))),
    )
    assert list(document) == [
        "name",
        "tier",
        "status",
        "release",
        "queues",
        "failed",
        "health",
        "workers",
        "alerts",
        "hosts",
        "sources",
    ]
    assert (document["name"], document["tier"], document["release"], document["alerts"]) == ("lab", "normal", "2", None)
    assert document["queues"] == {
        "ready": 13,
        "delayed": 4,
        "reserved": 2,
        "stuck": 2,
        "is_complete": False,
        "uncounted": {},
        "bound": "queues:database could not be read",
        "taken_at": STAMP,
        "error": "locked",
    }
    assert document["failed"] == {
        "total": 12,
        "since_hour": None,
        "is_complete": False,
        "bound": "all of the newest 1,000 failed within the last hour",
        "taken_at": STAMP,
        "error": None,
    }
    whole = {"is_complete": True, "bound": None, "taken_at": STAMP, "error": None}
    assert document["health"] == {"ok": 1, "warning": 1, "failed": 1, **whole}
    assert document["workers"] == {"running": 2, "expected": 3, **whole}
    assert document["sources"]["queues:database"] == {"taken_at": None, "error": "locked", "value": None}
    assert document["sources"]["failed"] == {"taken_at": STAMP, "error": None, "value": {"v": 1}}


def test_status_without_the_application_says_why() -> None:
    document = status_of(snapshot("app", error="no route"), snapshot("failed", error="no route"))
    assert document["queues"] == {
        "ready": None,
        "delayed": None,
        "reserved": None,
        "stuck": None,
        "is_complete": False,
        "uncounted": {},
        "bound": "no route",
        "taken_at": None,
        "error": "no route",
    }
    assert document["failed"]["error"] == "no route" and not document["failed"]["is_complete"]
    assert document["workers"] == {
        "running": None,
        "expected": None,
        "is_complete": False,
        "bound": "nothing was read",
        "taken_at": None,
        "error": None,
    }
    assert document["release"] is None


def test_hosts_that_differ_have_no_one_release() -> None:
    hosts = tuple(HostReleases(host=name, current=current, releases=()) for name, current in (("a", "1"), ("b", "2")))
    assert payload.release_document([snapshot("releases", ReleaseReading(hosts=hosts))]) is None
    assert payload.release_document([snapshot("releases", ReleaseReading(hosts=()))]) is None


def test_stamps() -> None:
    assert payload.stamp(AT) == STAMP
    assert payload.stamp(datetime(2026, 1, 2, tzinfo=UTC)) == "2026-01-02T00:00:00.000Z"
    assert payload.stamp(None) is None
