"""The words of the banner: which environment every key acts on, and how it is protected.

Owns what the top line says. Pure: must not read services nor a clock.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from console.domain.maintenance import MaintenanceReading
from console.domain.releases import ReleaseReading
from console.domain.untrusted import harmless
from console.present.maintenance import banner_words
from console.present.text import moment, plural, stopwatch
from console.ui.widgets.status_bar import Piece

if TYPE_CHECKING:
    from console.domain.environment import Environment
    from console.domain.policy import ChangeWindow, Operator
    from console.domain.snapshot import Snapshot

BANNER_READS: tuple[type, ...] = (ReleaseReading, MaintenanceReading)
"""The kinds of sources that the banner shows."""


def banner(
    environment: Environment,
    *,
    releases: Sequence[Snapshot[ReleaseReading]],
    maintenance: Sequence[Snapshot[MaintenanceReading]],
    window: ChangeWindow | None,
    operator: Operator,
    alerts: int,
    now: datetime,
    local: bool,
) -> tuple[tuple[Piece, ...], tuple[Piece, ...], str]:
    """Left pieces, right pieces, and the state that gives the whole line its background."""
    left = [Piece(" PROTECTED ", "inverse") if environment.protected else Piece(" NORMAL ", "accent-bold")]
    left.append(Piece(f"  {harmless(environment.name)}", "bold"))
    # However short the line is, it keeps mode, release, protection and operator; what else there is goes first.
    left += (mode := _maintenance(maintenance, now))
    if site := urlsplit(environment.url).netloc:
        left.append(Piece(f" · {harmless(site)}", "", 6))
    left += _release(releases)
    left += _protection(environment, window, now, spare=5 if mode else 0)
    # On the band of a protected environment only its own text colour is readable.
    alert = "bold" if environment.protected else "warning"
    label = harmless(operator.label)
    right = [Piece(f"  {label}", "" if environment.protected else "dim", short=f"  {label.partition('@')[0]}")]
    if alerts:
        right.append(Piece(f"  ▲ {plural(alerts, 'alert')}", alert, 1, short=f"  ▲ {alerts}"))
    right.append(Piece(f"  {moment(now, local=local, seconds=False)} ", "", 5))
    return tuple(left), tuple(right), "band" if environment.protected else "raised"


def _maintenance(found: Sequence[Snapshot[MaintenanceReading]], now: datetime) -> list[Piece]:
    """The one piece that says that visitors are turned away; it stays on the line however short that is."""
    for snapshot in found:
        long, short = banner_words(snapshot.value, now) if snapshot.value is not None else ("", "")
        if long:
            # A mode that could not be read again may be over by now, so the time of the reading is told.
            old = f" at {moment(snapshot.taken_at, seconds=False)}" if snapshot.error is not None else ""
            long, short = long + old, short + old
            return [Piece("  "), Piece(f" {long} ", "inverse", short=f" {short} ")]
    return []


def _release(releases: Sequence[Snapshot[ReleaseReading]]) -> list[Piece]:
    value = next((snapshot.value for snapshot in releases if snapshot.value is not None), None)
    if value is None or not value.hosts:
        return []
    current = {host.current for host in value.hosts}
    if len(current) > 1:
        names = ", ".join(sorted(harmless(name) or "none" for name in current))
        return [Piece(f" · hosts on different releases: {names}", "bold", short=f" · {len(current)} releases")]
    name = value.hosts[0].current
    if not name:
        return [Piece(" · no release linked", short=" · no release")]
    commit = next((release.commit for release in value.hosts[0].releases if release.name == name), "")
    known = f" ({harmless(commit)[:7]})" if commit else ""
    return [Piece(f" · release {harmless(name)}{known}", short=f" · {harmless(name)}")]


def _protection(environment: Environment, window: ChangeWindow | None, now: datetime, *, spare: int) -> list[Piece]:
    if not environment.protected:
        return []
    if window is None:
        return [Piece(" · read-only", "bold", spare), Piece(", U opens a change window", "", 7)]
    left = stopwatch((window.until - now).total_seconds())
    return [Piece(f" · change window {left} left", "bold", short=f" · window {left}")]


def starting(words: str) -> tuple[Piece, ...]:
    """The banner before services exist."""
    return (Piece(" opsconsole ", "accent-bold"), Piece(f"  {words}", "dim"))
