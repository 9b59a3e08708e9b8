"""The words of the banner: which environment every key acts on, and how it is protected.

Owns what the top line says. Pure: must not read services nor a clock.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from console.domain.untrusted import harmless
from console.present.text import moment, plural, stopwatch
from console.ui.widgets.status_bar import Piece

if TYPE_CHECKING:
    from console.domain.environment import Environment
    from console.domain.policy import ChangeWindow, Operator
    from console.domain.releases import ReleaseReading
    from console.domain.snapshot import Snapshot


def banner(
    environment: Environment,
    *,
    releases: Sequence[Snapshot[ReleaseReading]],
    window: ChangeWindow | None,
    operator: Operator,
    alerts: int,
    now: datetime,
    local: bool,
) -> tuple[tuple[Piece, ...], tuple[Piece, ...], str]:
    """Left pieces, right pieces, and the state the line lies on."""
    left = [Piece(" PROTECTED ", "inverse") if environment.protected else Piece(" NORMAL ", "accent-bold")]
    left.append(Piece(f"  {harmless(environment.name)}", "bold"))
    if site := urlsplit(environment.url).netloc:
        left.append(Piece(f" · {harmless(site)}", "", 2))
    left += [Piece(f" · {text}", state, priority) for text, state, priority in _release(releases)]
    left += _protection(environment, window, now)
    # On the band only its own colour is readable; elsewhere states keep theirs.
    alert = "bold" if environment.protected else "warning"
    right = [Piece(f"  {harmless(operator.label)}", "" if environment.protected else "dim", 4)]
    if alerts:
        right.append(Piece(f"  ▲ {plural(alerts, 'alert')}", alert, 2))
    right.append(Piece(f"  {moment(now, local=local, seconds=False)} ", "", 1))
    return tuple(left), tuple(right), "band" if environment.protected else "raised"


def _release(releases: Sequence[Snapshot[ReleaseReading]]) -> list[tuple[str, str, int]]:
    value = next((snapshot.value for snapshot in releases if snapshot.value is not None), None)
    if value is None or not value.hosts:
        return []
    current = {host.current for host in value.hosts}
    if len(current) > 1:
        return [("hosts on different releases: " + ", ".join(sorted(name or "none" for name in current)), "bold", 1)]
    name = value.hosts[0].current
    if not name:
        return [("no release linked", "", 2)]
    commit = next((release.commit for release in value.hosts[0].releases if release.name == name), "")
    return [(f"release {harmless(name)}" + (f" ({harmless(commit)[:7]})" if commit else ""), "", 3)]


def _protection(environment: Environment, window: ChangeWindow | None, now: datetime) -> list[Piece]:
    if not environment.protected:
        return []
    if window is None:
        return [Piece(" · read-only", "bold"), Piece(", U opens a change window", "", 5)]
    return [Piece(f" · change window {stopwatch((window.until - now).total_seconds())} left", "bold")]


def starting(words: str) -> tuple[Piece, ...]:
    """What stands there before services exist."""
    return (Piece(" opsconsole ", "accent-bold"), Piece(f"  {words}", "dim"))
