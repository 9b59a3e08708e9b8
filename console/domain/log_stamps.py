"""The forms in which log lines write a date and a time.

Owns the forms. Must not guess: a date whose day and month could change places, or whose zone is not known by its name,
is no time.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

_MONTHS = (b"jan", b"feb", b"mar", b"apr", b"may", b"jun", b"jul", b"aug", b"sep", b"oct", b"nov", b"dec")
_ISO = re.compile(rb"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d")
_DATES = (
    re.compile(rb"(?P<year>\d{4})([-/.])(?P<month>\d\d)\2(?P<day>\d\d)(?!\d)"),
    re.compile(rb"(?P<day>\d\d?)\.(?P<month>\d\d?)\.(?P<year>\d{4})(?!\d)"),
    re.compile(rb"(?:[A-Z][a-z]{2,8}, )?(?P<day>\d\d?)([- /])(?P<name>[A-Za-z]{3})[a-z]{0,6}\2(?P<year>\d{4})(?!\d)"),
    re.compile(rb"(?:[A-Z][a-z]{2} )?(?P<name>[A-Z][a-z]{2})[a-z]{0,6} (?P<day>\d\d?),? (?P<year>\d{4})(?!\d)"),
    re.compile(rb"(?P<one>\d\d?)([/-])(?P<other>\d\d?)\2(?P<year>\d{4})(?!\d)"),
)
_TIME = re.compile(
    rb"(?:[T:]|,? | - )(?P<hour>\d\d?):(?P<minute>\d\d)(?::(?P<second>\d\d)(?:[.,](?P<fraction>\d{1,9}))?)?"
    rb"(?: ?(?P<half>[AaPp])[Mm])?"
    rb"(?: ?(?P<offset>Z|[+-]\d\d(?::?\d\d)?)| (?P<zone>UTC|GMT|[A-Z][A-Za-z]{1,20}(?:/[A-Z][A-Za-z_+-]{1,30}){1,2}))?"
)
_EPOCH = re.compile(rb"(\d{9,11})(?:[.,](\d{1,9}))?|(\d{12,13})")
_CLOCK = re.compile(rb"(?<!\d)\d\d:\d\d(?::\d\d)?")


def is_iso(stamp: bytes) -> bool:
    """Whether it begins as `2026-11-29 10:00:00` or with a T, so that its parts stand at known places."""
    return _ISO.match(stamp) is not None


def read_stamp(stamp: bytes) -> datetime | None:
    """The date and time that a stamp says, without a zone when it names none; None when it does not say one for
    certain: `01/02/2026` has two meanings, and `CST` five."""
    if is_iso(stamp):
        try:
            return datetime.fromisoformat(stamp.decode("ascii"))
        except ValueError:
            pass
    since = _EPOCH.fullmatch(stamp)
    try:
        return _since_1970(since) if since is not None else _written(stamp)
    except (ValueError, OverflowError):
        return None


def day_and_clock(stamp: bytes) -> tuple[bytes, bytes]:
    """The day (as ISO where it is certain, else as written) and the time of day of a stamp, as far as they stand in
    it; both empty where there is none."""
    if is_iso(stamp):
        return stamp[:10], stamp[11:19]
    at = read_stamp(stamp)
    if at is not None:
        return f"{at:%d}".join((f"{at.year:04}-{at.month:02}-", "")).encode(), f"{at:%H:%M:%S}".encode()
    found = _CLOCK.search(stamp)
    return (stamp[: found.start()].strip(b" ,T"), found[0]) if found is not None else (b"", b"")


def _since_1970(found: re.Match[bytes]) -> datetime:
    if found[3]:
        return datetime.fromtimestamp(int(found[3][:-3]), UTC).replace(microsecond=int(found[3][-3:]) * 1000)
    at = datetime.fromtimestamp(int(found[1]), UTC)
    return at.replace(microsecond=int((found[2] or b"")[:6].ljust(6, b"0")))


def _written(stamp: bytes) -> datetime | None:
    date = next((found for form in _DATES if (found := form.match(stamp))), None)
    clock = _TIME.fullmatch(stamp, date.end()) if date is not None else None
    ordered = _ordered(date.groupdict()) if date is not None else None
    if clock is None or ordered is None:
        return None
    hour = int(clock["hour"])
    if clock["half"]:
        if not 1 <= hour <= 12:
            return None
        hour = hour % 12 + (12 if clock["half"] in b"Pp" else 0)
    fraction = int((clock["fraction"] or b"")[:6].ljust(6, b"0"))
    named = clock["offset"] or clock["zone"]
    zone = _zone(named.decode("ascii")) if named else None
    if named and zone is None:
        return None
    clocked = (hour, int(clock["minute"]), int(clock["second"] or 0), fraction)
    return datetime(*ordered, *clocked, tzinfo=zone)


def _ordered(date: dict[str, bytes | None]) -> tuple[int, int, int] | None:
    """Year, month and day; None when a date does not say which of two numbers is the month."""
    year, day, month, name = date["year"] or b"", date.get("day"), date.get("month"), date.get("name")
    if name is not None:
        month = b"%d" % (_MONTHS.index(name.lower()) + 1) if name.lower() in _MONTHS else None
    one, other = int(date.get("one") or 0), int(date.get("other") or 0)
    if one and other:
        if one <= 12 and other <= 12 and one != other:
            return None
        return int(year), min(one, other), max(one, other)
    return (int(year), int(month), int(day)) if month and day else None


def _zone(named: str) -> tzinfo | None:
    if named in ("Z", "UTC", "GMT"):
        return UTC
    if named[0] in "+-":
        digits = named[1:].replace(":", "").ljust(4, "0")
        away = timedelta(hours=int(digits[:2]), minutes=int(digits[2:]))
        return timezone(-away if named[0] == "-" else away)
    try:
        return ZoneInfo(named)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return None
