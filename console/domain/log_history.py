"""How far back log files are read, and what is said of what was not.

Owns the words of `--since` and the account of a reading. Must not read a file or a clock.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime

from console.domain.log_times import UNTIMED, micros

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604_800}
_AGO = re.compile(r"([0-9]{1,9})([smhdw])")
_SECOND = 1_000_000


@dataclass(frozen=True, slots=True)
class Span:
    """How far back to read: to `begin` (microseconds since 1970), `ago` seconds before each host's now, or, with
    neither, the last `tail` bytes of each file."""

    begin: int | None = None
    ago: int | None = None
    tail: int = 0

    @classmethod
    def typed(cls, text: str, now: datetime) -> Span:
        """`10m` before each host's now, or a date with time, UTC without an offset. ValueError says what it is not."""
        ago = _AGO.fullmatch(text)
        if ago is not None:
            return cls(ago=int(ago[1]) * _UNITS[ago[2]])
        try:
            at = datetime.fromisoformat(text)
        except ValueError:
            raise ValueError("is neither a duration nor a date") from None
        at = at if at.tzinfo else at.replace(tzinfo=UTC)
        if at > now:
            raise ValueError(f"is ahead of now ({now:%Y-%m-%dT%H:%M:%SZ})")
        return cls(begin=micros(at))

    @property
    def by_time(self) -> bool:
        """Whether records are chosen by their time."""
        return self.begin is not None or self.ago is not None

    def begin_at(self, now: int) -> int:
        """The oldest time to show on a host whose clock says `now` (seconds); UNTIMED when any will do."""
        if self.begin is not None:
            return self.begin
        return UNTIMED if self.ago is None else max(UNTIMED, (now - self.ago) * _SECOND)


@dataclass(frozen=True, slots=True)
class LeftOut:
    """Something that was asked for and not read. `size` in bytes of the file as it lies on the host, None when it is
    not known; `lost` when it was the host that could not be reached."""

    host: str
    file: str
    why: str
    size: int | None = None
    lost: bool = False
