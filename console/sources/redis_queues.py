"""Depth of Redis queues: one pipeline a poll, for all queues of one connection.

Owns the key names, the search for queues and the arithmetic. Must not use KEYS, EVAL or any command that walks a whole
key.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence

from console.domain.counts import bounds
from console.domain.environment import AppFacts, QueueConnection
from console.domain.facts import queue_guesses
from console.domain.queues import QueueDepth, QueueReading
from console.errors import QueryError
from console.ports import KeyValue
from console.sources.kinds import SourceContext, SourceParams
from console.sources.queue_keys import (
    NAMED,
    SUFFIXES,
    Command,
    Counted,
    counted,
    counting,
    key_words,
    raise_if_none,
    refused_keys,
)
from console.sources.queue_usage import QueuesSource

_TOGETHER = 500
"""Queues counted in one transaction: Redis serves nobody else meanwhile."""
_HEADS = 500
"""Queues of which a poll fetches the oldest job, for its age; of more, they take turns."""
_FIRST_LOOK = 100_000
_NEXT_LOOK = 20_000
"""Keys looked at for names of queues: at the first read, and at each one after it until all were."""
_LONG = 16_384
_LONG_EVERY = 30
_CREATED = re.compile(rb'"createdAt"\s*:\s*(\d{9,11})\b')
_WITH_AGE = (12, 11)
Params = SourceParams


class RedisQueuesSource(QueuesSource):
    """One Redis queue connection, each second."""

    def __init__(self, context: SourceContext, connection: QueueConnection, params: SourceParams) -> None:
        super().__init__(context, connection, params)
        self._search = NameSearch(connection, context)
        self._ahead: float | None = None
        self._together = True
        self._reads = 0
        self._long: dict[str, int] = {}
        self._created: dict[str, int] = {}
        self._kinds: dict[str, str] = {}

    def count(self, facts: AppFacts) -> QueueReading:
        """All queues in one round trip (more at the first read and after a refresh, while names are looked for)."""
        store = self._context.reach.redis(self._connection.target)
        prefix = self._prefix()
        self._learn_time(store)
        self._search.go_on(store, prefix, deadline=self.timeout)
        names = self._names()
        now = self._context.clock.now().timestamp() + (self._ahead or 0.0)
        asked = self._asked_for_age(names)
        heads: list[Command] = [("LINDEX", f"{prefix}queues:{name}", 0) for name in asked]
        asking = [counting(f"{prefix}queues:{name}", int(now)) for name in names]
        time, numbers, texts = self._ask(store, asking, heads)
        self._reads += 1
        server = _seconds(time)
        self._ahead = server - self._context.clock.now().timestamp()
        self._note_heads(asked, texts)
        found = [
            counted(name, f"{prefix}queues:{name}", numbers[at : at + 4])
            for name, at in zip(names, range(0, len(numbers), 4), strict=True)
        ]
        raise_if_none(found)
        unread = self._unread(store, refused_keys(found))
        own = self._context.names.bound(self._connection.name, default=self._default)
        left = "not every key could be counted" if unread else ""
        return QueueReading(
            connection=self._connection.name,
            driver="redis",
            queues=tuple(self._depth(each, server) for each in found if self._is_queue(each)),
            server_time=server,
            guesses=queue_guesses(facts, self._connection),
            bound=bounds([self._search.bound, own, left]),
            unread=unread,
        )

    def _is_queue(self, found: Counted) -> bool:
        """A key of another kind makes no queue of its name; one that is known from elsewhere has its row."""
        return bool(found.jobs) or not found.refused or found.name in (self._connection.queue, *self._connection.names)

    def _depth(self, found: Counted, server: float) -> QueueDepth:
        return QueueDepth(
            connection=self._connection.name,
            queue=found.name,
            driver="redis",
            ready=found.ready,
            delayed=found.delayed,
            reserved=found.reserved,
            stuck=found.stuck,
            oldest_ready_seconds=self._age(found.name, server) if found.ready else None,
            unread="not every key of it could be counted" if found.refused else "",
        )

    def _unread(self, store: KeyValue, refused: Mapping[str, QueryError]) -> tuple[str, ...]:
        """Each key that could not be counted in words; what it is instead is asked once."""
        self._kinds = {key: kind for key, kind in self._kinds.items() if key in refused}
        unknown = [key for key in list(refused)[:NAMED] if key not in self._kinds]
        if unknown:
            replies = store.pipeline([("TYPE", key) for key in unknown], deadline=self.timeout)
            known = zip(unknown, replies, strict=True)
            self._kinds |= {key: kind.decode("ascii", "replace") for key, kind in known if isinstance(kind, bytes)}
        return key_words(refused, self._kinds)

    def _ask(
        self, store: KeyValue, counts: Sequence[Sequence[Command]], heads: Sequence[Command]
    ) -> tuple[object, Sequence[object], Sequence[object]]:
        """Time, counts and heads. The counts of a queue are one transaction: a job that a worker takes meanwhile is
        neither missed nor counted twice. A user who may not have one gets the same commands without."""
        groups = [counts[at : at + _TOGETHER] for at in range(0, len(counts), _TOGETHER)]
        commands: list[Command] = [("TIME",)]
        for group in groups:
            own = [command for each in group for command in each]
            commands += [("MULTI",), *own, ("EXEC",)] if self._together else own
        replies = store.pipeline([*commands, *heads], deadline=self.timeout)
        if self._together and any(_aborted(reply) for reply in replies):
            # One command that was refused ends a whole transaction: without one each key answers for itself.
            self._together = False
            return self._ask(store, counts, heads)
        numbers: list[object] = []
        at = 1
        for group in groups:
            size = sum(len(each) for each in group)
            if not self._together:
                numbers += replies[at : at + size]
                at += size
                continue
            numbers += self._executed(replies[at], replies[at + 1 : at + 1 + size], replies[at + 1 + size])
            at += size + 2
        if any(isinstance(reply, Exception) for reply in (replies[1:2] if groups and self._together else ())):
            self._together = False
        return replies[0], numbers, replies[at:]

    @staticmethod
    def _executed(begun: object, queued: Sequence[object], answer: object) -> Sequence[object]:
        """The replies of one transaction; where none could begin, those of the commands themselves."""
        if isinstance(begun, Exception):
            return queued
        if isinstance(answer, list):
            return answer
        refused = [reply for reply in (*queued, answer) if isinstance(reply, Exception)]
        raise refused[0] if refused else QueryError("Redis answered a transaction with something else")

    def _prefix(self) -> str:
        return self._context.reach.facts().redis[self._connection.target].prefix

    @property
    def _default(self) -> bool:
        return self._context.reach.facts().default_queue == self._connection.name

    def _names(self) -> tuple[str, ...]:
        return self._context.names.of(self._connection.name, default=self._default)

    def _learn_time(self, store: KeyValue) -> None:
        if self._ahead is None:
            server = _seconds(store.pipeline([("TIME",)], deadline=self.timeout)[0])
            self._ahead = server - self._context.clock.now().timestamp()

    def _asked_for_age(self, names: Sequence[str]) -> list[str]:
        """The queues whose oldest job is fetched this time."""
        if not _has_age(self._context.reach.facts().laravel):
            return []
        # The head of a queue of huge payloads is not fetched each second just for its age.
        able = [name for name in names if name not in self._long or self._reads - self._long[name] >= _LONG_EVERY]
        if len(able) <= _HEADS:
            self._created.clear()
            return able
        begin = self._reads * _HEADS % len(able)
        return [*able[begin : begin + _HEADS], *able[: max(0, begin + _HEADS - len(able))]]

    def _note_heads(self, names: Sequence[str], heads: Sequence[object]) -> None:
        for name, head in zip(names, heads, strict=True):
            if isinstance(head, bytes) and len(head) > _LONG:
                self._long[name] = self._reads
            else:
                self._long.pop(name, None)
            created = _created(head) if isinstance(head, bytes) else None
            if created is None:
                self._created.pop(name, None)
            else:
                self._created[name] = created

    def _age(self, name: str, server: float) -> int | None:
        created = self._created.get(name)
        return None if created is None else max(0, int(server) - created)


class NameSearch:
    """The search of one connection's queues by their keys, a part at each read until all keys were looked at; and anew
    whenever a refresh asks for it."""

    def __init__(self, connection: QueueConnection, context: SourceContext) -> None:
        self._connection = connection
        self._context = context
        self._asked = -1
        self._cursor: bytes | None = None
        self._looked = 0
        self._refused = False

    def go_on(self, store: KeyValue, prefix: str, *, deadline: float) -> None:
        """Looks at the next keys, if there are any to look at."""
        asked, names, connection = self._context.names.asked, self._context.names, self._connection
        budget = _NEXT_LOOK
        if asked != self._asked:
            names.add(connection.name, (connection.queue, *connection.names))
            self._asked, self._cursor, self._looked, self._refused = asked, b"0", 0, False
            budget = _FIRST_LOOK
        if self._cursor is None:
            return
        keys = f"{prefix}queues:"
        pattern = re.sub(r"([*?\[\]\\])", r"\\\1", keys) + "*"
        try:
            found = store.scan(pattern, cursor=self._cursor, budget=budget, deadline=deadline)
        except QueryError:
            # This user may not SCAN: the names of the configuration and of the workers are all there is.
            self._cursor, self._refused = None, True
            return
        begin = keys.encode("utf-8", "surrogateescape")
        names.add(connection.name, sorted({_queue(key, begin) for key in found.keys}))
        self._cursor = found.cursor
        self._looked += found.looked

    @property
    def bound(self) -> str:
        """Why there may be queues that were not found; empty when there are none."""
        if self._refused:
            return "this Redis user may not look for queue names (SCAN)"
        if self._cursor is not None:
            return f"queue names are still looked for: {self._looked:,} keys so far"
        return ""


def build(context: SourceContext, params: SourceParams) -> tuple[RedisQueuesSource, ...]:
    """One source for each Redis queue connection that discovery found so far."""
    facts = context.discovered.facts
    found = [queue for queue in (facts.queues if facts else ()) if queue.driver == "redis"]
    return tuple(RedisQueuesSource(context, connection, params) for connection in found)


def _queue(key: bytes, begin: bytes) -> str:
    name = key.removeprefix(begin).decode("utf-8", "surrogateescape")
    for suffix in SUFFIXES:
        name = name.removesuffix(suffix)
    return name


def _seconds(reply: object) -> float:
    if isinstance(reply, Exception):
        raise reply
    if isinstance(reply, list | tuple) and len(reply) == 2:
        return int(reply[0]) + int(reply[1]) / 1_000_000
    raise QueryError("Redis answered TIME with something else")


def _aborted(reply: object) -> bool:
    return isinstance(reply, QueryError) and "EXECABORT" in reply.what


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
