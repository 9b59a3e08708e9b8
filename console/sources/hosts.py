"""Load, memory, disk, uptime and clock of each host.

Owns the script and its parsing. Must not need more than a POSIX shell and /proc.
"""

from __future__ import annotations

import shlex
from typing import ClassVar

from console.domain.readings import HOSTS
from console.domain.snapshot import Trouble
from console.domain.workers import HostFacts, HostReading
from console.errors import OpsconsoleError, RemoteError
from console.present.host_troubles import host_troubles
from console.services.threads.parallel import each_captured
from console.sources.kinds import SOON, SourceContext, SourceParams, TypedSource, doubts

Params = SourceParams


def script(path: str) -> str:
    """POSIX sh that prints one `key value…` line a fact; `path` is on the filesystem whose use counts."""
    where = shlex.quote(path)
    return f"""echo "clock $(date +%s)"
echo "load $(cat /proc/loadavg)"
echo "cores $(grep -c '^processor' /proc/cpuinfo)"
echo "uptime $(cat /proc/uptime)"
sed -n 's/^\\(MemTotal\\|MemAvailable\\|MemFree\\):/mem &/p' /proc/meminfo
echo "disk $(df -P -- {where} 2>/dev/null | tail -n 1)"
:
"""


class HostsSource(TypedSource[HostReading]):
    """`HostReading`, each 30 s, sooner while a host is missing: one script per host, all hosts at once. Raises when
    every host failed."""

    kind: ClassVar = HostReading
    name = HOSTS
    timeout = 10.0
    needs_facts = False

    def __init__(self, context: SourceContext, params: SourceParams) -> None:
        self._context = context
        self._usual = self.every = params.every or 30.0

    def read(self) -> HostReading:
        """All hosts; what one of them failed with is among the reading's errors."""
        environment, reach, clock = self._context.environment, self._context.reach, self._context.clock

        def one(name: str) -> HostFacts:
            begun = clock.now().timestamp()
            path = environment.paths(environment.host(name)).base
            done = reach.shell(name).run(script(path), deadline=self.timeout)
            middle = (begun + clock.now().timestamp()) / 2
            return parse(name, done.stdout.decode("utf-8", "replace"), now=middle)

        hosts: list[HostFacts] = []
        errors: list[str] = []
        failures: list[Exception] = []
        for name, ended in each_captured([host.name for host in environment.hosts], one).items():
            try:
                hosts.append(ended.unwrap())
            except OpsconsoleError as error:
                failures.append(error)
                errors.append(f"{name}: {error.what.removeprefix(name + ': ')}")
        if failures and not hosts:
            raise failures[0]
        self.every = min(self._usual, SOON) if failures else self._usual
        return HostReading(hosts=tuple(hosts), errors=tuple(errors))

    def summary(self, value: HostReading) -> str:
        """The busiest and the fullest of them."""
        if not value.hosts:
            return "no host"
        load, disk = max(host.load for host in value.hosts), [host.disk_percent for host in value.hosts]
        known = [each for each in disk if each is not None]
        fullest = f"≤ {max(known)} %" if known else "unknown"
        unread = [host.host for host in value.hosts if host.disk_percent is None] if known else []
        return f"load ≤ {load:.1f}, disk {fullest}" + (f" (unknown on {', '.join(unread)})" if unread else "")

    def troubles(self, value: HostReading) -> tuple[Trouble, ...]:
        """What is wrong with each host, and each that could not be asked."""
        found = (trouble for host in value.hosts for trouble in host_troubles(host))
        return (*found, *doubts(value.errors))


def build(context: SourceContext, params: SourceParams) -> tuple[HostsSource, ...]:
    """The one source."""
    return (HostsSource(context, params),)


def parse(host: str, output: str, *, now: float) -> HostFacts:
    """The facts of one host; RemoteError when it has no /proc. `now` is our clock in the middle of the asking."""
    found: dict[str, list[str]] = {}
    memory: dict[str, int] = {}
    for line in output.splitlines():
        key, *words = line.split()[:8] or [""]
        if key == "mem" and len(words) > 1 and words[1].isdecimal():
            memory[words[0].rstrip(":")] = int(words[1])
        elif key:
            found[key] = words
    try:
        total = memory["MemTotal"]
        free = memory["MemAvailable"] if "MemAvailable" in memory else memory["MemFree"]
        return HostFacts(
            host=host,
            load=float(found["load"][0]),
            cores=int(found["cores"][0]),
            memory_percent=round(100 * (total - free) / total),
            disk_percent=_percent(found.get("disk", [])),
            uptime=int(float(found["uptime"][0])),
            clock_skew=_skew(int(found["clock"][0]), now),
        )
    except (KeyError, IndexError, ValueError, ZeroDivisionError) as error:
        raise RemoteError(f"{host}: it does not say how it fares (no Linux /proc?)") from error


def _percent(words: list[str]) -> int | None:
    return next((int(word[:-1]) for word in words if word.endswith("%") and word[:-1].isdecimal()), None)


def _skew(theirs: int, ours: float) -> float:
    # `date` tells whole seconds, cut off: anything within that second is no skew at all.
    if theirs <= ours < theirs + 1:
        return 0.0
    return round(theirs - ours if theirs > ours else theirs + 1 - ours, 1)
