"""The reading commands against what the servers themselves say: SQL, Redis, supervisorctl, curl and the framework."""

from __future__ import annotations

import json
import re
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tests.end_to_end.command import Command
from tests.lab import seeding
from tests.lab.seeding import Seeded
from tests.lab.world import Lab

World = tuple[Lab, Seeded]
STATES = ("ready", "delayed", "reserved", "stuck")


def in_sql(lab: Lab, queue: str) -> dict[str, int]:
    """The states of one queue of the database connection."""
    row = lab.sql(
        "select sum(reserved_at is null and available_at <= unix_timestamp()), "
        "sum(reserved_at is null and available_at > unix_timestamp()), sum(reserved_at is not null), "
        "sum(reserved_at <= unix_timestamp() - 90) from jobs where queue = %s",
        (queue,),
    )[0]
    return dict(zip(STATES, (int(each or 0) for each in row), strict=True))


def in_redis(lab: Lab, queue: str) -> dict[str, int]:
    """The states of one queue of the Redis connection."""
    key = f"{lab.redis.prefix}queues:{queue}"
    with lab.redis_client() as client:
        now = client.time()[0]
        counted = (
            client.llen(key),
            client.zcard(f"{key}:delayed"),
            client.zcard(f"{key}:reserved"),
            client.zcount(f"{key}:reserved", "-inf", now),
        )
    return dict(zip(STATES, map(int, counted), strict=True))


def test_each_state_of_each_queue(seeded: World, console: Command) -> None:
    lab, left = seeded
    found = console.read("queues")
    assert found["environment"] == "lab" and found["errors"] == [] and found["schema_version"]
    rows = {(each["connection"], each["queue"]): each for each in found["queues"]}
    for connection, read in (("database", in_sql), ("redis", in_redis)):
        row = rows[connection, "reports"]
        assert {state: row[state] for state in STATES} == read(lab, "reports")
        assert row["driver"] == connection and row["stuck"] == left.stuck
    monitored = lab.artisan(lab.node1, "queue:monitor", ",".join(f"{name}:{queue}" for name, queue in rows))
    sizes = {(c, q): int(n) for c, q, n in re.findall(r"\|\s*(\w+)\s*\|\s*(\w+)\s*\|\s*(\d+)", monitored)}
    totals = {each: row["ready"] + row["delayed"] + row["reserved"] for each, row in rows.items()}
    assert {each: sizes[each] for each in totals} == totals


def test_failed_jobs_equal_the_table(seeded: World, console: Command) -> None:
    lab, left = seeded
    found = console.read("failed", "list")
    assert found["total"] == left.failed and found["total_is_exact"] is True
    table = lab.sql("select id, uuid, connection, queue, failed_at from failed_jobs order by id desc")
    rows = [
        (each["id"], each["uuid"], each["connection"], each["queue"], moment(each["failed_at"]))
        for each in found["jobs"]
    ]
    assert rows == [(*row[:4], row[4].replace(tzinfo=UTC)) for row in table]
    refused = next(each for each in found["jobs"] if each["job"].endswith("ChargeCard"))
    assert refused["exception_class"] == "DomainException" and refused["message"].startswith("Card refused for order 1")


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text.replace("Z", "+00:00"))


def test_failed_jobs_are_dated_in_the_applications_time_zone(lab_alone: Lab, console: Command) -> None:
    lab = lab_alone
    lab.clear_queues()
    lab.set_environment(APP_TIMEZONE="Asia/Kolkata")
    try:
        seeding.fail(lab, "refused", connections=("database",))
        at = moment(console.read("failed", "list")["jobs"][0]["failed_at"])
        assert abs((datetime.now(UTC) - at).total_seconds()) < 60
    finally:
        lab.set_environment()
        lab.clear_queues()


def test_a_hostile_job_is_exact_in_json_and_harmless_in_text(seeded: World, console: Command) -> None:
    lab, _ = seeded
    row = lab.sql("select uuid, exception from failed_jobs where payload like %s limit 1", ("%PrintLabel%",))[0]
    plain = console("failed", "list", "-e", "lab")
    shown = console("failed", "show", row[0], "-e", "lab")
    as_json = console("failed", "show", row[0], "-e", "lab", "--json")
    for done in (plain, shown, as_json):
        assert done.code == 0, done.err
        assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u200b\u202a-\u202e\u2066-\u2069\ufeff]", done.out)
    assert as_json.out.isascii()
    assert "\x1b]52;c;cm0gLXJmIH4=\x07" in json.dumps(as_json.json, ensure_ascii=False).encode().decode(
        "unicode_escape"
    )


def test_workers_equal_supervisorctl(lab: Lab, console: Command) -> None:
    lab.workers("start")
    lab.supervisor(lab.node2, "stop", "laravel-redis-worker")
    try:
        found = console.read("workers")
    finally:
        lab.supervisor(lab.node2, "start", "laravel-redis-worker")
    rows = {(each["host"], each["name"]): each for each in found["workers"]}
    assert {host for host, _ in rows} == {"web1", "web2"}
    stopped = [each for each in rows.values() if each["host"] == "web2" and "redis" in each["name"]]
    assert len(stopped) == 1 and "running" not in json.dumps(stopped[0]["status"]).lower()
    running = [each for each in rows.values() if "running" in json.dumps(each["status"]).lower()]
    assert {each["host"] for each in running} == {"web1", "web2"}


@pytest.mark.parametrize("mode", ["normal", "503", "500", "badjson", "empty"])
def test_health_equals_curl(lab_alone: Lab, console: Command, mode: str) -> None:
    lab = lab_alone
    lab.set_web_mode(lab.node1, mode)
    found = console.read("health")
    assert [each["name"] for each in found["probes"]][-1] == "mail" and len(found["probes"]) == 3
    for probe in found["probes"]:
        status, body = curl(probe["url"])
        assert probe["http_status"] == status
        assert probe["body_status"] == body_status(body)
        good = mode == "normal" or (mode == "empty" and probe["name"] != "mail")
        assert (probe["status"] == "ok") is good, probe


def curl(url: str) -> tuple[int, str]:
    done = subprocess.run(["curl", "-s", "-w", "\n%{http_code}", url], capture_output=True, text=True, check=True)
    body, _, status = done.stdout.rpartition("\n")
    return int(status), body


def body_status(body: str) -> Any:
    try:
        return json.loads(body).get("status")
    except ValueError:
        return None


def test_a_degraded_application_says_which_part_fails(lab_alone: Lab, console: Command) -> None:
    lab_alone.stop("mail")
    probes = {each["name"]: each for each in console.read("health")["probes"]}
    mail = probes["mail"]
    assert (mail["http_status"], mail["body_status"], mail["status"]) == (503, "fail", "failed")


def test_status_is_the_sum_of_the_others(seeded: World, console: Command) -> None:
    lab, left = seeded
    found = console.read("status")["environments"]
    assert [each["name"] for each in found] == ["lab"]
    one = found[0]
    assert one["tier"] == "normal" and lab.release(lab.node1) in json.dumps(one["release"])
    expected = {state: in_sql(lab, "reports")[state] + in_redis(lab, "reports")[state] for state in STATES}
    assert {state: one["queues"][state] for state in STATES} == expected
    assert one["failed"]["total"] == left.failed == one["failed"]["since_hour"]
    assert (one["health"]["ok"], one["health"]["warning"], one["health"]["failed"]) == (3, 0, 0)
    assert one["workers"]["running"] == 0
    assert all(
        one[part]["error"] is None and one[part]["taken_at"] for part in ("queues", "failed", "health", "workers")
    )


def test_all_environments_without_a_name(lab: Lab, console: Command) -> None:
    done = console("status", "--json")
    assert done.code == 0, done.err
    assert [each["name"] for each in done.json["environments"]] == ["lab", "labprod"]


def test_an_unknown_environment(console: Command, lab: Lab) -> None:
    done = console("queues", "-e", "labb", "--json")
    assert done.code == 2 and done.out == ""
    assert "lab" in done.err and "labb" in json.loads(done.err)["error"]["message"]


def test_a_wrong_configuration_is_reported_where_it_is(lab: Lab, tmp_path: Path) -> None:
    config = lab.write_config(tmp_path / "config", top={"environmentz": {}}, tier="nromal")
    console = Command(config, tmp_path / "home")
    done = console("status", "-e", "lab")
    assert done.code == 2
    for word in ("tier", "environmentz"):
        line = next(n for n, text in enumerate(config.read_text().splitlines(), 1) if word in text)
        assert f"{config.name}:{line}:" in done.err


def test_a_changed_host_key_is_refused(lab: Lab, tmp_path: Path) -> None:
    known = tmp_path / "known_hosts"
    other = Path(f"{lab.stranger_key}.pub").read_text().split()
    known.write_text(f"[{lab.node1.ip}]:{lab.node1.ssh_port} {other[0]} {other[1]}\n")
    known.chmod(0o600)
    config = lab.write_config(tmp_path / "config")
    config.write_text(config.read_text().replace(lab.known_hosts, str(known)))
    done = Command(config, tmp_path / "home")("queues", "-e", "lab", "--json")
    assert done.code == 4
    assert "SHA256:" in done.err and str(known) in done.err


def test_a_host_that_is_gone(lab_alone: Lab, console: Command) -> None:
    lab_alone.stop("sshd2")
    done = console("workers", "-e", "lab", "--json")
    assert done.code == 3, "a document about the other host is still printed"
    assert {each["host"] for each in done.json["workers"]} == {"web1"} and "web2" in json.dumps(done.json["errors"])
    lab_alone.stop("sshd1")
    assert console("queues", "-e", "lab").code == 6


def test_a_read_only_redis_user_suffices(still: Lab, tmp_path: Path) -> None:
    """A user without KEYS, MONITOR, EVAL and FLUSH."""
    seeding.dispatch(still, "ok", connection="redis", queue="reports", count=4)
    redis = {
        "host": still.redis.host, "port": still.redis.port, "prefix": still.redis.prefix,
        "user": still.redis.acl_user, "password": f"file:{tmp_path}/secret",
    }  # fmt: skip
    (tmp_path / "secret").write_text(still.redis.acl_password)
    (tmp_path / "secret").chmod(0o600)
    console = Command(still.write_config(tmp_path / "config", redis=redis), tmp_path / "home")
    rows = {(each["connection"], each["queue"]): each for each in console.read("queues")["queues"]}
    assert rows["redis", "reports"]["ready"] == 4
