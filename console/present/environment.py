"""An environment in full, as lines: what is wrong with it, and what its hosts are doing, in words.

Owns that text. Must not judge: it is handed the verdict.
"""

from __future__ import annotations

from collections.abc import Sequence

from console.domain.snapshot import Snapshot
from console.domain.untrusted import harmless
from console.domain.workers import HostReading, WorkerReading
from console.present.readings import Verdict, host_troubles
from console.present.text import FAILED, OK, WARNING, Line, age, plural, span


def environment_lines(
    verdict: Verdict,
    hosts: Sequence[Snapshot[HostReading]],
    workers: Sequence[Snapshot[WorkerReading]],
    mono: float,
) -> tuple[Line, ...]:
    """Troubles first, whole; then each host's load, memory, disk, uptime and clock; then each program by host."""
    lines: list[Line] = [(("troubles", "accent-bold"),)]
    lines += [((f"  {harmless(part)}", "warning"),) for each in verdict.troubles for part in each.splitlines()]
    if not verdict.troubles:
        known = verdict.state == "ok"
        lines.append((("  nothing is wrong" if known else "  nothing was read yet", "ok" if known else "dim"),))
    for snapshot in hosts:
        lines += [(), (("hosts", "accent-bold"), (f"  {age(snapshot.age(mono))}", "dim"))]
        lines += _hosts(snapshot.value)
    for programs in workers:
        lines += [(), (("workers", "accent-bold"), (f"  {age(programs.age(mono))}", "dim"))]
        lines += _workers(programs.value)
    return tuple(lines)


def _hosts(reading: HostReading | None) -> list[Line]:
    if reading is None:
        return [(("  not read", "dim"),)]
    lines: list[Line] = []
    for host in reading.hosts:
        found = host_troubles(host)
        state = "error" if any(bad for _, bad in found) else "warning" if found else "ok"
        glyph = {"ok": OK, "warning": WARNING, "error": FAILED}[state]
        lines.append(
            (
                (f"  {glyph} ", state),
                (f"{harmless(host.host):<12} ", ""),
                (f"load {host.load:.2f} (1 min) on {plural(host.cores, 'core')}", ""),
            )
        )
        lines.append(
            (
                (f"{'':<17}memory {host.memory_percent} % used, disk {host.disk_percent} % used", ""),
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
