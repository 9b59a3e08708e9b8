"""What each pane says of what it was given."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from console.domain.failures import group
from console.domain.health import Status
from console.domain.queues import queue_totals
from console.domain.workers import HostFacts, HostReading, WorkerReading
from console.present.detail import failed_lines
from console.present.environment_rows import environment_rows, host_rows, worker_rows
from console.present.failed_rows import failed_rows, group_rows
from console.present.health_rows import health_rows
from console.present.queue_rows import queue_key, queue_rows
from console.present.readings import EnvironmentVerdict
from console.present.table import Row
from console.present.trends import Trend
from tests.fakes.world_values import (
    START,
    make_detail,
    make_hosts,
    make_jobs,
    make_probes,
    make_production,
    make_queues,
    make_sql_queues,
    make_staging,
    make_workers,
    queue,
)


def cells(row: Row) -> list[str]:
    return [cell.text for cell in row.cells]


def test_environments_say_their_verdict_in_glyph_and_word() -> None:
    environments = (make_production(), make_staging())
    verdicts = {
        "production": EnvironmentVerdict("failed", ("mail failed", "disk")),
        "staging": EnvironmentVerdict("ok"),
    }
    production, staging = environment_rows(environments, "production", verdicts)
    assert cells(production)[:3] == ["✖", "production", "✖2"] and production.cells[1].state == "bold"
    assert cells(staging)[:3] == ["●", "staging", "probe ok"] and staging.cells[1].state == ""
    unknown, lost = environment_rows(environments, "", {"staging": EnvironmentVerdict("lost", ("x",))})
    assert (cells(unknown)[2], cells(lost)[2]) == ("…", "unread")
    _, staging = environment_rows(environments, "staging", verdicts)
    assert cells(staging)[2] == "ok", "all of it is read while it is looked at"
    bare = environment_rows((replace(make_staging(), health=()),), "", verdicts)
    assert cells(bare[0])[2] == "ssh ok", "without a health URL nothing but SSH is asked"


def test_hosts_stand_out_when_something_is_wrong_with_them() -> None:
    def host(name: str, load: float = 0.1, disk: int | None = 50, skew: float = 0.0) -> HostFacts:
        return HostFacts(host=name, load=load, cores=2, memory_percent=1, disk_percent=disk, uptime=1, clock_skew=skew)

    hosts = (host("calm"), host("busy", load=9), host("full", disk=98), host("late", skew=-90), host("mute", disk=None))
    rows = host_rows(HostReading(hosts=hosts, errors=("gone: no route to host",)))
    assert [row.cells[0].state for row in rows] == ["ok", "warning", "error", "warning", "warning", "error"]
    assert cells(rows[4])[3] == "?", "no figure that was not read"
    assert cells(rows[3])[2] == "clock -90s"
    assert cells(rows[5])[1:3] == ["gone", "no route to host"]
    assert host_rows(None) == ()


def test_workers_add_up_over_hosts() -> None:
    rows = worker_rows(make_workers())
    assert [cells(row)[1:3] for row in rows] == [
        ["laravel-worker", "8/8"],
        ["bulk-worker", "1/2"],
        ["scheduler", "1/1"],
    ]
    stopped = replace(make_workers().workers[3], running=0, status="stopped")
    (row,) = worker_rows(WorkerReading(workers=(stopped,)))
    assert (cells(row)[0], cells(row)[2]) == ("✖", "stopped")


def test_queues_name_trouble_and_never_count_stuck_twice() -> None:
    readings = (make_queues(), make_sql_queues())
    rows = {row.key: row for row in queue_rows(readings, {})}
    bulk, reports = rows["redis:bulk-actions"], rows["database:reports"]
    assert cells(bulk)[:6] == ["bulk-actions", "4,812", "0", "8", "1", "9m 12s"]
    assert cells(reports)[0] == "‖ reports" and cells(reports)[7] == "‖ paused"
    totals = queue_totals(readings)
    assert [each.number for each in totals.all] == [4862, 143, 11, 1] and not totals.bound


def test_the_drain_is_an_estimate_from_own_history() -> None:
    depth = queue("default", 600, 0, 0)
    reading = replace(make_queues(), queues=(depth,))
    key = queue_key(depth)

    def drain(trend: Trend | None) -> str:
        return cells(queue_rows((reading,), {key: trend} if trend else {})[0])[7]

    assert drain(None) == ""
    assert drain(Trend(-60.0, 120)) == "≈ 10m"
    assert drain(Trend(-6000.0, 120)) == "now"
    assert drain(Trend(12.0, 120)) == "growing"
    assert drain(Trend(0.0, 120)) == "steady"


def test_queues_of_one_name_on_two_connections_say_which() -> None:
    other = replace(make_queues(), connection="other", queues=(replace(queue("default", 1, 0, 0), connection="other"),))
    names = [cells(row)[0] for row in queue_rows((make_queues(), other), {})]
    assert "default·redis" in names and "default·other" in names


def test_probes_show_latency_while_well_and_reasons_when_not() -> None:
    now = START + timedelta(minutes=4)
    since = {"mail": START, "queue": START}
    rows = {row.key: row for row in health_rows(make_probes(START), since, now, {"/health": [40, 42]})}
    assert cells(rows["probe:/health"])[2] == "42 ms" and cells(rows["probe:/health"])[3] == "▂▃"
    assert cells(rows["probe:mail"])[:4] == ["✖", "mail", "503", "4m"]
    assert cells(rows["probe:queue"])[:4] == ["▲", "queue", "backlog", "4m"]
    crashed = replace(make_probes(START).probes[0], status=Status.CRASHED, http_status=None, body_status=None)
    (row,) = health_rows(replace(make_probes(START), probes=(crashed,)), {}, now, {})
    assert cells(row)[2] == "crashed" and row.cells[0].state == "error"


def test_failed_jobs_by_one_and_by_cause() -> None:
    jobs = make_jobs()
    rows = failed_rows(jobs, START)
    assert cells(rows[0])[:3] == ["ProcessCvReview", "RateLimited: 429 from api.reviews for account 1000", "2m"]
    groups = group_rows(group(jobs), START)
    assert [(cells(row)[0], cells(row)[2]) for row in groups] == [
        ("ProcessCvReview", "61"),
        ("SendInvoice", "24"),
        ("SyncLedger", "11"),
        ("GenerateReport", "4"),
    ]
    assert len({row.key for row in groups}) == 4
    fresh = group_rows(group(jobs[:2]), START)
    assert fresh[0].cells[2].state == "error", "a cause first seen within the hour stands out"


def test_a_failed_job_in_full_folds_vendor_frames() -> None:
    text = "\n".join("".join(part for part, _ in line) for line in failed_lines(make_detail(make_jobs()[0])))
    assert "… 14 vendor frames" in text and "#0  /srv/app/app/Jobs" in text and "caused by Guzzle" in text
    assert "payload  1,843 bytes" in text and "maxTries  3" in text and "language  en" in text
    assert len(make_hosts().hosts) == 2
