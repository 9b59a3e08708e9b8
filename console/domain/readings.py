"""The names of sources, and the two readings that belong to no pane of their own.

Owns the table of names that panes, `status --json` and the board share. Must not read anything.

| source | kind: the type of its readings | read |
| --- | --- | --- |
| `app` | `AppReading`: what discovery found; failing, it says why the sources that need it are not there yet | 30 s |
| `queues:CONNECTION` | `domain.queues.QueueReading`, one source per queue connection | 1 s |
| `failed` | `domain.failures.FailedSummary` | 1 s |
| `workers` | `domain.workers.WorkerReading` | 5 s |
| `releases` | `domain.releases.ReleaseReading` | 5 s |
| `probes` | `domain.health.ProbeReading` | 15 s |
| `hosts` | `domain.workers.HostReading` | 30 s |
| `maintenance` | `domain.maintenance.MaintenanceReading` | 10 s, 5 s while a host is down |
| `light` | `LightReading`, the only one of an environment that is not selected | 30 s |
"""

from __future__ import annotations

from dataclasses import dataclass

from console.domain.facts import Fact
from console.domain.health import Status

APP = "app"
QUEUES = "queues:"
"""The beginning of each queue connection's source; the connection's name follows."""
FAILED = "failed"
WORKERS = "workers"
RELEASES = "releases"
PROBES = "probes"
HOSTS = "hosts"
MAINTENANCE = "maintenance"
LIGHT = "light"


@dataclass(frozen=True, slots=True, kw_only=True)
class AppReading:
    """What the application says of itself, without secrets. `unread` names queue connections this console cannot
    read, each `NAME: reason`, harmless. `facts` says on what each thing stands, `origin` on what most of them do, and
    `problem` why that is not PHP's word."""

    laravel: str
    app_env: str
    timezone: str
    database: str
    queues: tuple[str, ...]
    unread: tuple[str, ...] = ()
    facts: tuple[Fact, ...] = ()
    origin: str = ""
    problem: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class LightReading:
    """One light question to an environment that is not selected: its first health URL, or whether SSH answers."""

    status: Status
    detail: str
