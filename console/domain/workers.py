"""Workers and hosts as their own tools report them.

Owns the values of the worker and host sources. Must not parse: each source does that for its tool.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class Worker:
    """One program on one host. `processes` is (running, expected); `status` is running, stopped, failed or missing."""

    host: str
    name: str
    manager: str
    status: str
    running: int
    expected: int
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerReading:
    """Every configured program on every host; `errors` are `HOST: reason`, harmless. `listens` maps Laravel's queue
    connections (empty: the default one) to the queue names that running workers were started with."""

    workers: tuple[Worker, ...]
    errors: tuple[str, ...] = ()
    listens: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class HostFacts:
    """One host: load average of a minute, cores, memory and disk use of the application's filesystem in percent,
    uptime in seconds, and its clock minus ours in seconds."""

    host: str
    load: float
    cores: int
    memory_percent: int
    disk_percent: int | None
    uptime: int
    clock_skew: float


@dataclass(frozen=True, slots=True, kw_only=True)
class HostReading:
    """All hosts; `errors` are `HOST: reason`, harmless."""

    hosts: tuple[HostFacts, ...]
    errors: tuple[str, ...] = ()
