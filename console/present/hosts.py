"""Hosts as the JSON documents that programs get: what each of several sources said of the same host, in one place.

Owns the keys of `hosts[]`. Must not read anything; a part that was not read is null, never a value.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from console.domain.documents import Json
from console.domain.environment import Environment
from console.domain.maintenance import HostMaintenance, MaintenanceReading
from console.domain.releases import ReleaseReading
from console.domain.snapshot import Snapshot
from console.domain.workers import HostReading
from console.present.payload import stamp
from console.present.text import brief


def host_documents(environment: Environment, read: Iterable[Snapshot[Any]]) -> list[Json]:
    """One for each configured host, in the configuration's order."""
    found: dict[str, dict[str, Json]] = {
        host.name: {
            "name": host.name,
            "release": None,
            "maintenance": None,
            "load": None,
            "disk": None,
            "clock_offset_seconds": None,
        }
        for host in environment.hosts
    }
    for snapshot in read:
        for name, parts in _parts(snapshot):
            found.get(name, {}).update(parts)
    return list(found.values())


def mode_documents(environment: Environment, snapshot: Snapshot[Any]) -> list[Json]:
    """Each host with its maintenance mode alone, null where that was not read."""
    at, value = snapshot.taken_at, snapshot.value
    modes = {mode.host: mode for mode in value.hosts} if isinstance(value, MaintenanceReading) else {}
    return [
        {
            "name": host.name,
            "maintenance": maintenance_document(modes[host.name], at) if at and host.name in modes else None,
        }
        for host in environment.hosts
    ]


def maintenance_document(host: HostMaintenance, now: datetime) -> dict[str, Json]:
    """`hosts[].maintenance`; `since` and `seconds` are null where nothing tells them."""
    return {
        "down": host.down,
        "since": stamp(host.since),
        "seconds": None if host.since is None else max(0, round((now - host.since).total_seconds())),
        "driver": host.driver,
        "origin": host.origin,
        "retry_after": host.retry,
        "http_status": host.http_status,
        "bypass": host.bypass,
    }


def _parts(snapshot: Snapshot[Any]) -> Iterable[tuple[str, dict[str, Json]]]:
    value = snapshot.value
    if isinstance(value, ReleaseReading):
        for release in value.hosts:
            yield release.host, {"release": release.current or None}
    elif isinstance(value, MaintenanceReading) and snapshot.taken_at is not None:
        for mode in value.hosts:
            yield mode.host, {"maintenance": maintenance_document(mode, snapshot.taken_at)}
    elif isinstance(value, HostReading):
        for host in value.hosts:
            yield (
                host.host,
                {"load": host.load, "disk": host.disk_percent, "clock_offset_seconds": host.clock_skew},
            )


def hosts_document(environment: Environment, read: Iterable[Snapshot[Any]]) -> dict[str, Json]:
    """`hosts --json`."""
    found = list(read)
    taken = max((snapshot.taken_at for snapshot in found if snapshot.taken_at is not None), default=None)
    return {
        "environment": environment.name,
        "taken_at": stamp(taken),
        "hosts": host_documents(environment, found),
        "errors": source_errors(found),
    }


def source_errors(read: Iterable[Snapshot[Any]]) -> list[Json]:
    """Each source that could not be read, and each host that one of them could not read."""
    found: list[Json] = []
    for snapshot in read:
        whys = [snapshot.error] if snapshot.error is not None else list(getattr(snapshot.value, "errors", ()))
        found += [{"source": snapshot.source, "error": why} for why in whys]
    return found


def host_lines(hosts: Iterable[Json]) -> list[list[str]]:
    """Rows of `hosts` for people: what was not read is a dash."""
    return [
        [
            _cell(host["name"]),
            _cell(host["release"]),
            _mode(host["maintenance"]),
            _cell(host["load"]),
            _cell(host["disk"], " %"),
            _cell(host["clock_offset_seconds"], "s"),
        ]
        for host in hosts
        if isinstance(host, dict)
    ]


def _mode(document: Json) -> str:
    if not isinstance(document, dict):
        return "-"
    seconds = document["seconds"]
    return ("down" + (f" {brief(seconds)}" if isinstance(seconds, int) else "")) if document["down"] else "off"


def _cell(value: Json, unit: str = "") -> str:
    return "-" if value is None else f"{value}{unit}"
