"""Maintenance mode in words: for the banner, tables and status pages.

Owns those words. Must not read anything.
"""

from __future__ import annotations

from datetime import datetime

from console.domain.maintenance import HostMaintenance, MaintenanceReading
from console.domain.untrusted import harmless
from console.present.text import brief

UNSEEN = "ok, though visitors get the maintenance page"
"""What is said of a probe that answers well while the application is in maintenance mode: it is exempt from it."""


def lasting(since: datetime | None, now: datetime) -> str:
    """`12m`; empty where nothing tells since when."""
    return "" if since is None else brief((now - since).total_seconds())


def banner_words(reading: MaintenanceReading, now: datetime) -> tuple[str, str]:
    """`MAINTENANCE 12m`, or `MAINTENANCE 1 of 2 hosts 12m`, and the same shorter; both empty when no host is down."""
    down = len(reading.down)
    if not down:
        return "", ""
    every = down == len(reading.hosts) and not reading.errors
    where = "" if every else f" {down} of {len(reading.hosts) + len(reading.errors)} hosts"
    age = lasting(reading.since, now)
    short = "MAINTENANCE" if every else f"MAINTENANCE {down}/{len(reading.hosts) + len(reading.errors)}"
    return f"MAINTENANCE{where}{f' {age}' if age else ''}", f"{short}{f' {age}' if age else ''}"


def down_words(reading: MaintenanceReading, now: datetime) -> str:
    """`web1, web2 down for 12m`; empty when no host is down."""
    if not reading.down:
        return ""
    names = ", ".join(harmless(host.host) for host in reading.down)
    age = lasting(reading.since, now)
    return f"{names} down" + (f" for {age}" if age else "") + _meaning(reading.down[0])


def trouble(host: HostMaintenance, now: datetime) -> str:
    """`web1 in maintenance mode for 12m`."""
    age = lasting(host.since, now)
    return f"{harmless(host.host)} in maintenance mode" + (f" for {age}" if age else "")


def host_line(host: HostMaintenance, now: datetime) -> str:
    """One host in full, for its details."""
    if not host.down:
        return "not in maintenance mode"
    age = lasting(host.since, now) or "an unknown time"
    return f"in maintenance mode for {age}{_meaning(host)}, kept in {host.driver}"


def _meaning(host: HostMaintenance) -> str:
    """What visitors get, and whether some come in."""
    said = [f"visitors get {host.http_status or 503}"]
    if host.bypass:
        said.append("a secret lets people in")
    return f" ({', '.join(said)})"
