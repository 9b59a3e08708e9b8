"""When log records were written: their stamps as moments, as far as these are known.

Owns the reading of stamps and of the application's time zone. Must not guess: a stamp without an offset in a zone that
nobody knows, or in the hour that a clock was put back over, has an order among its file's records but no moment.

Times are whole microseconds since 1970 in UTC.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, tzinfo
from itertools import accumulate

from console.domain.log_heads import Head
from console.domain.log_stamps import is_iso, read_stamp

UNTIMED = -(1 << 62)
"""The order of lines that no stamp stands above."""
FARTHEST = 12 * 3_600_000_000
"""Microseconds by which UTC can be ahead of a stamp in an unknown zone."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_KEPT = 50_000
_BACK = 300_000_000
_SECONDS = [b"%02d" % second for second in range(60)]


def micros(at: datetime) -> int:
    """An aware time as microseconds since 1970."""
    return (at - _EPOCH) // _MICROSECOND


@dataclass(frozen=True, slots=True)
class Timed:
    """Of some records of one file: `orders` is each one's own time, or what orders it where none is known; `keys` never
    goes back and is what files are merged by. `unsure` has the places whose order is no moment, each with the latest
    moment that it can be."""

    orders: Sequence[int]
    keys: Sequence[int]
    unsure: Mapping[int, int] = field(default_factory=dict)

    def since(self, begin: int, places: Sequence[int]) -> Sequence[int]:
        """Those of `places` that are not known to be older than `begin`."""
        if not self.orders or min(self.orders) >= begin:
            return places
        return [place for place in places if self._latest(place) >= begin]

    def _latest(self, place: int) -> int:
        latest = self.unsure.get(place, self.orders[place])
        # Lines without a time are as old as the record below them, if one is known.
        return latest if latest != UNTIMED else next((o for o in self.orders[place:] if o != UNTIMED), -UNTIMED)

    def moment(self, place: int) -> int | None:
        """When the record at `place` was written; None when that is not known."""
        order = self.orders[place]
        return None if place in self.unsure or order == UNTIMED else order


class Times:
    """Reads stamps. `zone` gives the application's time zone (None: not known), and is asked once, at the first stamp
    without an offset."""

    def __init__(self, zone: Callable[[], tzinfo | None]) -> None:
        self._ask = zone
        self._asked: tuple[tzinfo | None] | None = None
        self._plain = _Plain(self._learn)
        self._hours: dict[tuple[bytes, bytes], int | None] = {}

    @property
    def asked(self) -> bool:
        """Whether any stamp needed the time zone."""
        return self._asked is not None

    @property
    def zone(self) -> tzinfo | None:
        """The application's time zone, None when it is not known."""
        if self._asked is None:
            self._asked = (self._ask(),)
        return self._asked[0]

    def moment(self, stamp: bytes) -> int | None:
        """The one moment a stamp can mean; None when it is none, or one of several."""
        try:
            return self._plain[stamp]
        except _UnsureError:
            return None

    def latest(self, stamp: bytes) -> int | None:
        """The latest moment that a stamp can mean; None when it is none."""
        known = self.moment(stamp)
        meant = self._meant(stamp, UNTIMED) if known is None else None
        return meant[1] if meant is not None else known

    def read(self, heads: Sequence[Head | None], last: int = UNTIMED) -> Timed:
        """The times of consecutive records; `last` is the newest key of the records before them."""
        plain = self._plain
        try:
            orders = [plain[head[1]] for head in heads if head is not None]
        except _UnsureError:
            return self._slowly(heads, last)
        if len(orders) < len(heads):
            return self._slowly(heads, last)
        if orders and orders[0] >= last and orders == sorted(orders):
            return Timed(orders, orders)
        return Timed(orders, list(accumulate(orders, max, initial=last))[1:])

    def _slowly(self, heads: Sequence[Head | None], last: int) -> Timed:
        """One by one, for what has no head, no readable stamp or several meanings: those before say where it stands."""
        order, newest = last, last
        orders: list[int] = []
        keys: list[int] = []
        unsure: dict[int, int] = {}
        for place, head in enumerate(heads):
            known = self.moment(head[1]) if head is not None else None
            if known is None and head is not None:
                known, unsure[place] = self._meant(head[1], newest) or (order, order)
            order = order if known is None else known
            newest = max(newest, order)
            orders.append(order)
            keys.append(newest)
        return Timed(orders, keys, unsure)

    def _meant(self, stamp: bytes, newest: int) -> tuple[int, int] | None:
        """Of a stamp of several meanings the one that orders it (the first that does not go back; UTC when the zone is
        not known), and the latest. None when it is no stamp."""
        at = read_stamp(stamp)
        if at is None:
            return None
        zone = at.tzinfo or self.zone
        if zone is None:
            order = micros(at.replace(tzinfo=UTC))
            return order, order + FARTHEST
        first, second = sorted(micros(at.replace(tzinfo=zone, fold=fold)) for fold in (0, 1))
        return first if first >= newest - _BACK else second, second

    def _learn(self, stamp: bytes) -> int | None:
        """The one moment of a stamp that was not read before: from its hour, of which many are alike, where that has
        one offset."""
        if not is_iso(stamp):
            return self._one(stamp)
        minute, second, fraction, offset = stamp[14:16], stamp[17:19], b"000000", stamp[19:]
        if offset.startswith(b"."):
            fraction, offset = stamp[20:26], stamp[26:]
        if not (minute + second + fraction).isdigit() or len(fraction) < 6 or minute > b"59" or second > b"59":
            return self._one(stamp)
        begin = self._hour(stamp[:13], offset)
        if begin is None:
            return self._one(stamp)
        return begin + (int(minute) * 60 + int(second)) * 1_000_000 + int(fraction)

    def _hour(self, hour: bytes, offset: bytes) -> int | None:
        """When an hour began; None for one whose minutes do not all follow from that."""
        if (hour, offset) not in self._hours:
            first, last = (self._one(b"%b:%b%b" % (hour, minutes, offset)) for minutes in (b"00:00", b"59:59"))
            regular = first is not None and last == first + 3_599_000_000
            if len(self._hours) >= _KEPT:
                self._hours.clear()
            self._hours[hour, offset] = first if regular else None
        return self._hours[hour, offset]

    def _one(self, stamp: bytes) -> int | None:
        at = read_stamp(stamp)
        zone = self.zone if at is not None and at.tzinfo is None else None
        if at is None or (at.tzinfo is None and zone is None):
            return None
        at = at.replace(tzinfo=zone or at.tzinfo)
        return micros(at) if at.utcoffset() == at.replace(fold=1).utcoffset() else None


class _UnsureError(Exception):
    """A stamp has no one meaning."""


class _Plain(dict[bytes, int]):
    """The stamps of one meaning, each read once; looking up another raises."""

    def __init__(self, learn: Callable[[bytes], int | None]) -> None:
        super().__init__()
        self._learn = learn
        self._minute = b""

    def __missing__(self, stamp: bytes) -> int:
        known = self._learn(stamp)
        if known is None:
            raise _UnsureError
        if len(self) >= _KEPT:
            self.clear()
        self[stamp] = known
        minute, offset = stamp[:17], stamp[19:]
        if minute == self._minute and not offset.startswith(b".") and is_iso(stamp):
            # The second of one minute: then most of its seconds come, and all are as far from each other.
            begin = known - int(stamp[17:19]) * 1_000_000
            self.update((minute + second + offset, begin + n * 1_000_000) for n, second in enumerate(_SECONDS))
        self._minute = minute
        return known
