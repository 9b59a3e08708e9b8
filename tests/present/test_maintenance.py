"""Maintenance mode in words and in documents."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from console.domain.environment import Environment
from console.domain.maintenance import HostMaintenance, MaintenanceReading
from console.domain.snapshot import Snapshot
from console.present.hosts import host_documents, host_lines, hosts_document, mode_documents
from console.present.maintenance import banner_words, down_words, host_line
from tests.fakes.reach import make_environment
from tests.fakes.world_values import make_hosts, make_releases

NOW = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)
DOWN = HostMaintenance(host="web1", down=True, since=NOW - timedelta(minutes=12), retry=60, bypass=True)
UP = HostMaintenance(host="web2", down=False)


def reading(*hosts: HostMaintenance, errors: tuple[str, ...] = ()) -> MaintenanceReading:
    return MaintenanceReading(hosts=hosts, errors=errors)


def environment() -> Environment:
    return make_environment("lab")


def test_the_banner_says_how_many_hosts_and_for_how_long() -> None:
    both = HostMaintenance(host="web2", down=True, since=NOW - timedelta(hours=3))
    assert banner_words(reading(DOWN, both), NOW) == ("MAINTENANCE 3h", "MAINTENANCE 3h")
    assert banner_words(reading(DOWN, UP), NOW) == ("MAINTENANCE 1 of 2 hosts 12m", "MAINTENANCE 1/2 12m")
    assert banner_words(reading(DOWN, errors=("web2: no link",)), NOW)[1] == "MAINTENANCE 1/2 12m"
    assert banner_words(reading(HostMaintenance(host="web1", down=True)), NOW)[0] == "MAINTENANCE"
    assert banner_words(reading(UP), NOW) == ("", "")


def test_sentences_say_what_visitors_get() -> None:
    assert down_words(reading(DOWN, UP), NOW) == "web1 down for 12m (visitors get 503, a secret lets people in)"
    assert down_words(reading(UP), NOW) == ""
    assert host_line(UP, NOW) == "not in maintenance mode"
    hidden = HostMaintenance(host="web1", down=True, http_status=200, driver="cache redis")
    assert host_line(hidden, NOW) == "in maintenance mode for an unknown time (visitors get 200), kept in cache redis"


def test_hosts_are_gathered_from_every_source_and_unread_parts_are_null() -> None:
    read = [
        Snapshot(source="maintenance", value=reading(DOWN, errors=("web2: no link",)), taken_at=NOW),
        Snapshot(source="hosts", value=make_hosts(), taken_at=NOW),
        Snapshot(source="releases", value=make_releases(), taken_at=NOW),
    ]
    first, second = host_documents(environment(), read)
    assert isinstance(first, dict) and isinstance(second, dict)
    assert (first["name"], first["release"], first["disk"]) == ("web1", "20261121-3", 71)
    assert first["maintenance"] == {
        "down": True,
        "since": "2026-03-04T04:54:07.000Z",
        "seconds": 720,
        "driver": "file",
        "origin": "unknown",
        "retry_after": 60,
        "http_status": None,
        "bypass": True,
    }
    assert second["maintenance"] is None
    assert [row[2] for row in host_lines([first, second])] == ["down 12m", "-"]
    assert hosts_document(environment(), read)["errors"] == [{"source": "maintenance", "error": "web2: no link"}]


def test_beside_probes_only_the_mode_is_told() -> None:
    unread: Snapshot[object] = Snapshot(source="maintenance", error="no route")
    assert mode_documents(environment(), unread) == [
        {"name": "web1", "maintenance": None},
        {"name": "web2", "maintenance": None},
    ]
