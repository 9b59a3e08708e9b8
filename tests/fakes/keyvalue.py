"""A Redis database in memory: the few reading commands the console uses, on lists, sorted sets, hashes and strings."""

from __future__ import annotations

import fnmatch
from collections.abc import Callable, Collection, Sequence

from console.errors import QueryError
from console.ports import Scanned

Argument = str | int | float | bytes
_WRONG = "WRONGTYPE Operation against a key holding the wrong kind of value"


def _bytes(value: Argument) -> bytes:
    return value if isinstance(value, bytes) else str(value).encode()


def _bound(text: str) -> tuple[float, bool]:
    open_end = text.startswith("(")
    return float(text.removeprefix("(").replace("+inf", "inf")), open_end


class FakeKeyValue:
    """`lists`, `zsets` ({member: score}), `hashes` and `strings` are plain dicts keyed by the full key.

    `time` is the server's clock in seconds; without `transactions` MULTI is refused;
    `error` makes every call raise; `asked` records commands.
    """

    def __init__(self, *, time: float = 1_767_323_045.0) -> None:
        self.lists: dict[str, list[bytes]] = {}
        self.zsets: dict[str, dict[bytes, float]] = {}
        self.hashes: dict[str, dict[bytes, bytes]] = {}
        self.strings: dict[str, bytes] = {}
        self.time = time
        self.error: Exception | None = None
        self.asked: list[tuple[Argument, ...]] = []
        self.trips = 0
        self.transactions = True
        self.closed = False

    def pipeline(self, commands: Sequence[tuple[Argument, ...]], *, deadline: float = 5.0) -> list[object]:
        self.trips += 1
        self.asked.extend(commands)
        if self.error is not None:
            raise self.error
        replies: list[object] = []
        queued: list[tuple[Argument, ...]] | None = None
        for command in commands:
            name = str(command[0]).upper()
            if name == "MULTI" and self.transactions:
                queued = []
                replies.append(b"OK")
            elif name == "EXEC" and queued is not None:
                replies.append([self._one(each) for each in queued])
                queued = None
            elif queued is not None:
                queued.append(command)
                replies.append(b"QUEUED")
            else:
                replies.append(self._one(command))
        return replies

    def scan(self, pattern: str, *, cursor: bytes = b"0", budget: int = 100_000, deadline: float = 5.0) -> Scanned:
        self.asked.append(("SCAN", pattern))
        if self.error is not None:
            raise self.error
        every, begin = [*self.lists, *self.zsets, *self.hashes, *self.strings], int(cursor)
        keys = every[begin : begin + budget]
        found = tuple(key.encode() for key in keys if fnmatch.fnmatchcase(key, pattern))
        end = begin + budget
        return Scanned(found, b"%d" % end if end < len(every) else None, len(keys))

    def close(self) -> None:
        self.closed = True

    def _one(self, command: tuple[Argument, ...]) -> object:
        name = str(command[0]).upper()
        handlers: dict[str, Callable[..., object]] = {
            "TIME": self._time,
            "LLEN": lambda key: len(self._list(key)),
            "LINDEX": self._lindex,
            "LRANGE": lambda key, start, stop: self._list(key)[int(start) : None if int(stop) == -1 else int(stop) + 1],
            "ZCARD": lambda key: len(self._zset(key)),
            "ZCOUNT": self._zcount,
            "HGETALL": lambda key: self.hashes.get(key, {}),
            "GET": lambda key: self.strings.get(key),
            "GETRANGE": lambda key, first, last: self.strings.get(key, b"")[int(first) : int(last) + 1],
            "PING": lambda: b"PONG",
            "TYPE": self._type,
        }
        if name not in handlers:
            return QueryError(f"this user has no permission to run the '{name.lower()}' command")
        try:
            return handlers[name](*(str(argument) for argument in command[1:]))
        except TypeError as error:
            return QueryError(str(error))

    def _time(self) -> list[bytes]:
        return [str(int(self.time)).encode(), str(int(self.time % 1 * 1_000_000)).encode()]

    def _type(self, key: str) -> bytes:
        kinds: dict[bytes, Collection[str]] = {
            b"list": self.lists,
            b"zset": self.zsets,
            b"hash": self.hashes,
            b"string": self.strings,
        }
        return next((kind for kind, keys in kinds.items() if key in keys), b"none")

    def _list(self, key: str) -> list[bytes]:
        if key in self.zsets or key in self.hashes or key in self.strings:
            raise TypeError(_WRONG)
        return self.lists.get(key, [])

    def _zset(self, key: str) -> dict[bytes, float]:
        if key in self.lists or key in self.hashes or key in self.strings:
            raise TypeError(_WRONG)
        return self.zsets.get(key, {})

    def _lindex(self, key: str, index: str) -> bytes | None:
        items = self._list(key)
        return items[int(index)] if -len(items) <= int(index) < len(items) else None

    def _zcount(self, key: str, low: str, high: str) -> int:
        (least, least_open), (most, most_open) = _bound(low.replace("-inf", "-inf")), _bound(high)
        return sum(
            (score > least if least_open else score >= least) and (score < most if most_open else score <= most)
            for score in self._zset(key).values()
        )
