"""Depth of Redis queues: one pipeline a poll, for all queues of one connection.

Owns the key names, the search for queues and the arithmetic. Must not use KEYS, EVAL or any command that walks a whole
key.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import ClassVar

from console.domain.environment import QueueConnection
from console.domain.queues import QueueDepth, QueueReading
from console.domain.readings import QUEUES
from console.domain.untrusted import harmless
from console.errors import QueryError
from console.ports import KeyValue
from console.sources.kinds import SourceContext, SourceParams, TypedSource

_SUFFIXES = (":delayed", ":reserved", ":notify")
_LONG = 16_384
_LONG_EVERY = 30
_CREATED = re.compile(rb'"createdAt"\s*:\s*(\d{9,11})\b')
_WITH_AGE = (12, 11)

Command = tuple[str | int | float | bytes, ...]
Params = SourceParams


class RedisQueuesSource(TypedSource[QueueReading]):
    """`QueueReading` of one Redis queue connection, each second. UnreachableError, QueryError."""

    kind: ClassVar = QueueReading

    def __init__(self, context: SourceContext, connection: QueueConnection, params: SourceParams) -> None:
        self._context = context
        self._connection = connection
        self.name = QUEUES + connection.name
        self.every = params.every or 1.0
        self._searched = -1
        self._ahead: float | None = None
        self._together = True
        self._reads = 0
        self._long: dict[str, int] = {}

    def read(self) -> QueueReading:
        """All queues in one round trip (two more at the first read and after a refresh)."""
        store = self._context.reach.redis(self._connection.target)
        self._search(store)
        names = self._names()
        prefix = self._prefix()
        now = self._context.clock.now().timestamp() + (self._ahead or 0.0)
        asked = [name for name in names if self._asks_age(name)]
        counts: list[Command] = []
        for name in names:
            key = f"{prefix}queues:{name}"
            counts += [
                ("LLEN", key),
                ("ZCARD", key + ":delayed"),
                ("ZCARD", key + ":reserved"),
                ("ZCOUNT", key + ":reserved", "-inf", int(now)),
            ]
        heads: list[Command] = [("LINDEX", f"{prefix}queues:{name}", 0) for name in asked]
        time, numbers, texts = self._ask(store, counts, heads)
        self._reads += 1
        server = _seconds(time)
        self._ahead = server - self._context.clock.now().timestamp()
        ages = self._ages(asked, texts, server)
        queues = tuple(
            QueueDepth(
                connection=self._connection.name,
                queue=name,
                driver="redis",
                ready=ready,
                delayed=delayed,
                reserved=reserved,
                stuck=min(stuck, reserved),
                oldest_ready_seconds=ages.get(name) if ready else None,
            )
            for name, (ready, delayed, reserved, stuck) in zip(names, _fours(numbers), strict=True)
        )
        return QueueReading(connection=self._connection.name, driver="redis", queues=queues, server_time=server)

    def summary(self, value: QueueReading) -> str:
        """How many jobs in how many queues."""
        return summary(value)

    def _ask(
        self, store: KeyValue, counts: Sequence[Command], heads: Sequence[Command]
    ) -> tuple[object, Sequence[object], Sequence[object]]:
        """Time, counts and heads. The counts are one transaction: a job that a worker takes meanwhile is neither missed
        nor counted twice. A user who may not have one gets the same commands without."""
        begin: list[Command] = [("TIME",), ("MULTI",)] if self._together else [("TIME",)]
        end: list[Command] = [("EXEC",)] if self._together else []
        replies = store.pipeline([*begin, *counts, *end, *heads], deadline=self.timeout)
        first, last = len(begin), len(begin) + len(counts)
        numbers, texts = replies[first:last], replies[last + len(end) :]
        if not self._together:
            return replies[0], numbers, texts
        answer = replies[last]
        if isinstance(replies[1], Exception):
            self._together = False
        elif isinstance(answer, list):
            numbers = answer
        else:
            refused = [reply for reply in (*numbers, answer) if isinstance(reply, Exception)]
            raise refused[0] if refused else QueryError("Redis answered a transaction with something else")
        return replies[0], numbers, texts

    def _prefix(self) -> str:
        return self._context.reach.facts().redis[self._connection.target].prefix

    def _names(self) -> tuple[str, ...]:
        default = self._context.reach.facts().default_queue == self._connection.name
        return self._context.names.of(self._connection.name, default=default)

    def _search(self, store: KeyValue) -> None:
        """Looks for queues at the first read and whenever a refresh asked for it, and learns the server's time."""
        asked = self._context.names.asked
        if asked == self._searched and self._ahead is not None:
            return
        connection = self._connection
        self._context.names.add(connection.name, (connection.queue, *connection.names))
        server = _seconds(store.pipeline([("TIME",)], deadline=self.timeout)[0])
        self._ahead = server - self._context.clock.now().timestamp()
        prefix = f"{self._prefix()}queues:"
        try:
            keys = store.scan(re.sub(r"([*?\[\]\\])", r"\\\1", prefix) + "*", deadline=self.timeout)
        except QueryError:
            # This user may not SCAN: the names of the configuration and of the workers are all there is.
            keys = ()
        begin = prefix.encode("utf-8", "surrogateescape")
        self._context.names.add(connection.name, sorted({_queue(key, begin) for key in keys}))
        self._searched = asked

    def _asks_age(self, name: str) -> bool:
        if not _has_age(self._context.reach.facts().laravel):
            return False
        # The head of a queue of huge payloads is not fetched each second just for its age.
        return name not in self._long or self._reads - self._long[name] >= _LONG_EVERY

    def _ages(self, names: Sequence[str], heads: Sequence[object], server: float) -> dict[str, int]:
        ages = {}
        for name, head in zip(names, heads, strict=True):
            if not isinstance(head, bytes):
                continue
            if len(head) > _LONG:
                self._long[name] = self._reads
            else:
                self._long.pop(name, None)
            created = _created(head)
            if created is not None:
                ages[name] = max(0, int(server) - created)
        return ages


def build(context: SourceContext, params: SourceParams) -> tuple[RedisQueuesSource, ...]:
    """One source for each Redis queue connection that discovery found so far."""
    facts = context.discovered.facts
    found = [queue for queue in (facts.queues if facts else ()) if queue.driver == "redis"]
    return tuple(RedisQueuesSource(context, connection, params) for connection in found)


def summary(value: QueueReading) -> str:
    """How many jobs in how many queues, for any driver."""
    jobs = sum(queue.depth for queue in value.queues)
    return f"{jobs} jobs in {len(value.queues)} queues"


def _queue(key: bytes, begin: bytes) -> str:
    name = key.removeprefix(begin).decode("utf-8", "surrogateescape")
    for suffix in _SUFFIXES:
        name = name.removesuffix(suffix)
    return name


def _seconds(reply: object) -> float:
    if isinstance(reply, Exception):
        raise reply
    if isinstance(reply, list | tuple) and len(reply) == 2:
        return int(reply[0]) + int(reply[1]) / 1_000_000
    raise QueryError("Redis answered TIME with something else")


def _fours(replies: Sequence[object]) -> list[tuple[int, int, int, int]]:
    for reply in replies:
        if isinstance(reply, QueryError):
            raise reply
        if isinstance(reply, Exception):
            # Errors within a transaction's reply come as the driver made them.
            raise QueryError(f"Redis says: {harmless(str(reply))[:200]}")
    numbers = [int(str(reply)) for reply in replies]
    return [(numbers[at], numbers[at + 1], numbers[at + 2], numbers[at + 3]) for at in range(0, len(numbers), 4)]


def _has_age(laravel: str) -> bool:
    parts = re.findall(r"\d+", laravel)[:2]
    # An unknown version is asked: the field is simply not there in older payloads.
    return not parts or tuple(int(part) for part in parts) >= _WITH_AGE


def _created(head: bytes) -> int | None:
    if len(head) > _LONG:
        found = _CREATED.search(head)
        return int(found[1]) if found else None
    try:
        payload = json.loads(head)
    except (ValueError, RecursionError):
        return None
    created = payload.get("createdAt") if isinstance(payload, dict) else None
    return created if isinstance(created, int) and not isinstance(created, bool) else None
