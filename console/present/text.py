"""Words and numbers for people: counts, ages, times, glyphs and small bars.

Owns how a value reads on a screen. Must not know colours, widgets nor where a value came from.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from console.domain.counts import Count

OK, WARNING, FAILED, OPEN, DONE, CURRENT, PAUSED, DUE = "●", "▲", "✖", "○", "✓", "▶", "‖", "◷"
NONE = "–"
SPARKS = "▁▂▃▄▅▆▇█"

ASCII = {
    ord(OK): "*",
    ord(WARNING): "!",
    ord(FAILED): "x",
    ord(OPEN): "o",
    ord(DONE): "v",
    ord(CURRENT): ">",
    ord(PAUSED): "|",
    ord(DUE): "@",
    ord(NONE): "-",
    ord("·"): "-",
    ord("…"): "~",
    ord("≈"): "~",
    ord("≥"): ">",
    ord("→"): ">",
    ord("↑"): "^",
    ord("↓"): "v",
    ord("×"): "x",
    ord("▓"): "#",
    ord("░"): ".",
    ord("✚"): "+",
    ord("‹"): "<",
    ord("›"): ">",
    ord("◆"): "*",
    ord("◈"): "#",
    **{ord(spark): form for spark, form in zip(SPARKS, "__..--==", strict=True)},
    **dict.fromkeys(map(ord, "─━═╌"), "-"),
    **dict.fromkeys(map(ord, "│┃║▏▕▎▐▌▊"), "|"),
    **dict.fromkeys(map(ord, "┌┐└┘├┤┬┴┼╭╮╰╯┏┓┗┛╔╗╚╝"), "+"),
}
"""What each glyph becomes on a terminal without UTF-8; one column each."""

Line = tuple[tuple[str, str], ...]
"""One line as (text, state) pieces; the states are those of a `Cell`."""

_MINUTE, _HOUR, _DAY = 60, 3600, 86400


def count(number: int | None) -> str:
    """`4,812`; a dash for unknown."""
    return NONE if number is None else f"{number:,}"


def counted(found: Count) -> str:
    """`4,812`, `≥4,812` or `~4,812`: a number that says whether it is whole."""
    return f"{found.sign}{found.number:,}"


def rounded(number: int) -> str:
    """`12,000` for 12,345: a number that moves all the time, rounded down to two digits."""
    step = 10 ** max(0, len(str(number)) - 2)
    return f"{number // step * step:,}"


def span(seconds: float | None) -> str:
    """A duration in at most two units: `8s`, `9m 12s`, `1h 04m`, `3d 2h`; a dash for unknown."""
    if seconds is None:
        return NONE
    whole = max(0, int(seconds))
    if whole < _MINUTE:
        return f"{whole}s"
    if whole < _HOUR:
        return f"{whole // 60}m {whole % 60:02}s"
    if whole < _DAY:
        return f"{whole // _HOUR}h {whole % _HOUR // 60:02}m"
    return f"{whole // _DAY}d {whole % _DAY // _HOUR}h"


def brief(seconds: float | None) -> str:
    """A duration in its largest unit: `8s`, `9m`, `1h`, `12d`."""
    return span(seconds).split(" ", maxsplit=1)[0]


def age(seconds: float | None) -> str:
    """How old a reading is, in steps a reader can live with: `now`, `5 s ago`, `3 m ago`, `2 h ago`."""
    if seconds is None:
        return "not read yet"
    if seconds < 5:
        return "now"
    if seconds < _MINUTE:
        return f"{int(seconds) // 5 * 5} s ago"
    if seconds < _HOUR:
        return f"{int(seconds) // 60} m ago"
    return f"{int(seconds) // _HOUR} h ago" if seconds < _DAY else f"{int(seconds) // _DAY} d ago"


def stopwatch(seconds: float | None) -> str:
    """`0:48`, `12:05`, `1:02:03`: how long something has been going on."""
    if seconds is None:
        return NONE
    whole = max(0, int(seconds))
    hours, rest = divmod(whole, _HOUR)
    return f"{hours}:{rest // 60:02}:{rest % 60:02}" if hours else f"{rest // 60}:{rest % 60:02}"


def moment(at: datetime | None, *, local: bool = False, seconds: bool = True) -> str:
    """A time of day, `20:51:03Z` or local without the Z; a dash for unknown."""
    if at is None:
        return NONE
    form = "%H:%M:%S" if seconds else "%H:%M"
    return at.astimezone().strftime(form) if local else at.astimezone(UTC).strftime(form) + "Z"


def day(at: datetime | None, *, local: bool = False) -> str:
    """A date with the time: `2026-11-21 20:51:03Z`."""
    if at is None:
        return NONE
    return (at.astimezone() if local else at.astimezone(UTC)).strftime("%Y-%m-%d ") + moment(at, local=local)


def millis(value: float | None) -> str:
    """A latency: `42 ms`, `1.8 s`."""
    if value is None:
        return NONE
    return f"{value:.0f} ms" if value < 1000 else f"{value / 1000:.1f} s"


def plural(number: int, word: str, words: str = "") -> str:
    """`1 job`, `3 jobs`."""
    return f"{number:,} {word if number == 1 else words or word + 's'}"


def spark(values: Sequence[float], width: int, *, top: float = 0.0) -> str:
    """The newest `width` values as bars from zero to their maximum, or to `top` when that is more."""
    shown = list(values)[-width:]
    top = max([top, *shown])
    if top <= 0:
        return SPARKS[0] * len(shown)
    return "".join(SPARKS[min(7, int(max(0.0, value) / top * 7.999))] for value in shown)


def bar(done: int, total: int, width: int) -> str:
    """`▓▓▓░░░░`: how much of `total` is done."""
    filled = 0 if total <= 0 else min(width, done * width // total)
    return "▓" * filled + "░" * (width - filled)
