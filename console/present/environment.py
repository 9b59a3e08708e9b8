"""An environment in full, as lines: what is wrong with it, and what its hosts are doing, in words.

Owns that text. Must not judge: it is handed the verdict.
"""

from __future__ import annotations

from collections.abc import Sequence

from console.domain.maintenance import MaintenanceReading
from console.domain.origins import Origin
from console.domain.readings import AppReading
from console.domain.snapshot import Snapshot
from console.domain.untrusted import harmless
from console.domain.workers import HostReading, WorkerReading
from console.present.host_troubles import host_troubles
from console.present.maintenance import host_line
from console.present.readings import EnvironmentVerdict
from console.present.text import FAILED, OK, WARNING, Line, age, plural, span


def environment_lines(
    verdict: EnvironmentVerdict,
    hosts: Sequence[Snapshot[HostReading]],
    workers: Sequence[Snapshot[WorkerReading]],
    app: Snapshot[AppReading] | None,
    mono: float,
    *,
    maintenance: Sequence[Snapshot[MaintenanceReading]] = (),
) -> tuple[Line, ...]:
    """Troubles first, whole; then maintenance mode by host; each host's load, memory, disk, uptime and clock; each
    program by host; and what the application says of itself, and on what that stands."""
    lines: list[Line] = [(("troubles", "accent-bold"),)]
    lines += [((f"  {harmless(part)}", "warning"),) for each in verdict.troubles for part in each.splitlines()]
    if not verdict.troubles:
        known = verdict.state == "ok"
        lines.append((("  nothing is wrong" if known else "  nothing was read yet", "ok" if known else "dim"),))
    for mode in maintenance:
        lines += [(), (("maintenance mode", "accent-bold"), (f"  {age(mode.age(mono))}", "dim"))]
        lines += _modes(mode)
    for snapshot in hosts:
        lines += [(), (("hosts", "accent-bold"), (f"  {age(snapshot.age(mono))}", "dim"))]
        lines += _hosts(snapshot.value)
    for programs in workers:
        lines += [(), (("workers", "accent-bold"), (f"  {age(programs.age(mono))}", "dim"))]
        lines += _workers(programs.value)
    if app is not None:
        lines += [(), (("application", "accent-bold"), (f"  {age(app.age(mono))}", "dim"))]
        lines += _application(app.value)
    return tuple(lines)


def _application(reading: AppReading | None) -> list[Line]:
    if reading is None:
        return [(("  not read", "dim"),)]
    return [
        (
            (f"  {harmless(fact.name):<28} ", ""),
            (f"{fact.origin.value:<13} ", "dim" if fact.origin.proves or fact.origin is Origin.STATED else "warning"),
            (harmless(fact.value) if fact.value is not None else "–", ""),
        )
        for fact in reading.facts
    ]


def _modes(snapshot: Snapshot[MaintenanceReading]) -> list[Line]:
    if snapshot.value is None or snapshot.taken_at is None:
        return [(("  not read", "dim"),)]
    at = snapshot.taken_at
    lines: list[Line] = [
        (
            (f"  {WARNING if host.down else OK} ", "warning" if host.down else "ok"),
            (f"{harmless(host.host):<12} {host_line(host, at)}", ""),
        )
        for host in snapshot.value.hosts
    ]
    return lines + [((f"  {harmless(error)}", "error"),) for error in snapshot.value.errors]


def _hosts(reading: HostReading | None) -> list[Line]:
    if reading is None:
        return [(("  not read", "dim"),)]
    lines: list[Line] = []
    for host in reading.hosts:
        found = host_troubles(host)
        state = "error" if any(trouble.bad for trouble in found) else "warning" if found else "ok"
        glyph = {"ok": OK, "warning": WARNING, "error": FAILED}[state]
        disk = "unknown" if host.disk_percent is None else f"{host.disk_percent} % used"
        lines.append(
            (
                (f"  {glyph} ", state),
                (f"{harmless(host.host):<12} ", ""),
                (f"load {host.load:.2f} (1 min) on {plural(host.cores, 'core')}", ""),
            )
        )
        lines.append(
            (
                (f"{'':<17}memory {host.memory_percent} % used, disk {disk}", ""),
                (f"  up {span(host.uptime)}  clock {host.clock_skew:+.0f}s", "dim"),
            )
        )
    return lines + [((f"  {harmless(error)}", "error"),) for error in reading.errors]


def _workers(reading: WorkerReading | None) -> list[Line]:
    if reading is None:
        return [(("  not read", "dim"),)]
    lines: list[Line] = [
        (
            (f"  {OK if worker.status == 'running' else FAILED} ", "ok" if worker.status == "running" else "error"),
            (f"{harmless(worker.host):<12} {harmless(worker.name):<20} ", ""),
            (f"{harmless(worker.status)} {worker.running}/{worker.expected}", ""),
            (f"  {harmless(worker.manager)}  {harmless(worker.detail)}", "dim"),
        )
        for worker in reading.workers
    ]
    return lines + [((f"  {harmless(error)}", "error"),) for error in reading.errors]
