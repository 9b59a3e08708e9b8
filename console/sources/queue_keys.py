"""What a Redis answers of the keys of queues: the counts in them, and which of them are no part of a queue.

Owns the judgement of each key by itself, so that one of another kind hides no other. Must not ask.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from console.domain.untrusted import harmless
from console.errors import QueryError

Command = tuple[str | int | float | bytes, ...]

SUFFIXES = (":delayed", ":reserved", ":notify")
"""What Laravel puts behind a queue's key for its other keys."""
NAMED = 20
"""Keys that are named one by one when they cannot be counted; of more the rest is a number."""
_KINDS = {"zset": "sorted set", "": "key of another kind"}
_CLUSTER = ("MOVED ", "ASK ", "CLUSTERDOWN", "CROSSSLOT")


@dataclass(frozen=True, slots=True, kw_only=True)
class Counted:
    """One queue: jobs by state, and why each of its keys that could not be counted could not. `stuck` is a part of
    `reserved`. Without `any` no key of it could."""

    name: str
    ready: int
    delayed: int
    reserved: int
    stuck: int
    refused: Mapping[str, QueryError] = field(default_factory=dict)
    any: bool = True

    @property
    def jobs(self) -> int:
        """All jobs that were counted."""
        return self.ready + self.delayed + self.reserved


def counting(key: str, now: int) -> list[Command]:
    """What is asked of one queue: ready, delayed, reserved, and how many of these are past their time."""
    return [
        ("LLEN", key),
        ("ZCARD", f"{key}:delayed"),
        ("ZCARD", f"{key}:reserved"),
        ("ZCOUNT", f"{key}:reserved", "-inf", now),
    ]


def counted(name: str, key: str, replies: Sequence[object]) -> Counted:
    """One queue from the four replies. QueryError when the server is part of a cluster: it knows some keys only."""
    numbers: list[int] = []
    refused: dict[str, QueryError] = {}
    for of, reply in zip((key, f"{key}:delayed", f"{key}:reserved", f"{key}:reserved"), replies, strict=True):
        if isinstance(reply, Exception):
            refused.setdefault(of, error_of(reply))
        numbers.append(0 if isinstance(reply, Exception) else int(str(reply)))
    ready, delayed, reserved, stuck = numbers
    return Counted(
        name=name,
        ready=ready,
        delayed=delayed,
        reserved=reserved,
        stuck=min(stuck, reserved),
        refused=refused,
        any=len(refused) < 3,
    )


def error_of(reply: Exception) -> QueryError:
    """An error reply in our words. Raises it where it is no matter of one key, because the server is of a cluster."""
    # Errors within a transaction's reply come as the driver made them.
    error = reply if isinstance(reply, QueryError) else QueryError(f"Redis says: {harmless(str(reply))[:200]}")
    if any(word in error.what for word in _CLUSTER):
        raise QueryError(
            f"this Redis is one server of a cluster and holds some keys only: {error.what}",
            done="Nothing was counted.",
            fix="Queues on a Redis cluster cannot be read yet.",
        )
    return error


def raise_if_none(queues: Sequence[Counted]) -> None:
    """Raises the first error when of no queue any key could be counted: then it is the connection that is wrong."""
    if queues and not any(queue.any for queue in queues):
        raise next(error for queue in queues for error in queue.refused.values())


def refused_keys(queues: Iterable[Counted]) -> dict[str, QueryError]:
    """Every key that could not be counted, and why."""
    return {key: error for queue in queues for key, error in queue.refused.items()}


def key_words(refused: Mapping[str, QueryError], kinds: Mapping[str, str]) -> tuple[str, ...]:
    """Each key that could not be counted in words: what it is instead, where `kinds` knows that."""
    words = [_words(key, error, kinds.get(key, "")) for key, error in list(refused.items())[:NAMED]]
    more = len(refused) - len(words)
    return tuple(words + ([f"{more:,} more keys could not be counted either"] if more > 0 else []))


def _words(key: str, error: QueryError, kind: str) -> str:
    if "WRONGTYPE" not in error.what:
        return f"{harmless(key)} could not be counted: {error.what}"
    wanted = "sorted set" if key.endswith(SUFFIXES[:2]) else "list"
    found = harmless(_KINDS.get(kind, kind))
    return f"{harmless(key)} is a {found}, where Laravel keeps a {wanted} of jobs; it is not counted"
