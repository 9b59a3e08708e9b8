"""What is wrong with a host by its numbers: for the verdict, rows and details alike.

Owns the limits and their words. Must not read anything.
"""

from __future__ import annotations

from console.domain.snapshot import Trouble
from console.domain.workers import HostFacts
from console.present.text import plural

DISK_DOUBTFUL, DISK_BAD = 90, 97
"""Percent of a host's disk from which it is a trouble, and a bad one."""
_OVERLOAD = 4
"""Load for each core from which a host is in trouble."""
_SKEW = 30
"""Seconds by which a host's clock may differ from ours."""


def host_troubles(host: HostFacts) -> tuple[Trouble, ...]:
    """What is wrong with one host."""
    found = []
    if host.disk_percent is None:
        found.append(Trouble(f"{host.host} disk unknown"))
    elif host.disk_percent >= DISK_DOUBTFUL:
        found.append(Trouble(f"{host.host} disk {host.disk_percent} %", bad=host.disk_percent >= DISK_BAD))
    if host.load > _OVERLOAD * max(1, host.cores):
        found.append(Trouble(f"{host.host} load {host.load:.2f} on {plural(host.cores, 'core')}"))
    if skewed(host):
        found.append(Trouble(f"{host.host} clock {host.clock_skew:+.0f}s from ours"))
    return tuple(found)


def strained(host: HostFacts) -> bool:
    """Whether more wants to run than there are cores: worth a colour, no trouble yet, for busy hosts do that daily."""
    return host.load > max(1, host.cores)


def skewed(host: HostFacts) -> bool:
    """Whether its clock is not ours."""
    return abs(host.clock_skew) > _SKEW
