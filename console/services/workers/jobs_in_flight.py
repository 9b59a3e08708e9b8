"""Reserved jobs of queues, read from the application's own database and Redis: how many, how old, of which class.

Owns the questions; each is bounded. A queue that cannot be read does not hide the others. Must not change or lock
anything, nor say which process works on which job: that is written nowhere.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable

from console.domain.environment import AppFacts, QueueConnection
from console.domain.sqlwords import NOW, identifier
from console.domain.untrusted import Raw, harmless
from console.domain.worker_queues import FlightJob, QueueJobs, QueueName, Reserved
from console.errors import OpsconsoleError, QueryError
from console.ports import Reach

LOOKED_AT = 10_000
"""How many rows of one database queue are read, the oldest first; reserved jobs are among these."""
_HEAD = 2_000
_DEADLINE = 5.0
_NAME = re.compile(r'"displayName":\s*("(?:[^"\\]|\\.)*")')
_TIMEOUT = re.compile(r'"timeout":\s*(\d{1,9})\b')
_TRIES = re.compile(r'"maxTries":\s*(\d{1,9})\b')


def read_reserved(reach: Reach, queues: Iterable[QueueName], *, shown: int = 20) -> Reserved:
    """The reserved jobs of these queues, the `shown` oldest of each with class and age; what could not be read is
    named. The order of a queue's jobs is by age."""
    found: list[QueueJobs] = []
    unread: dict[str, str] = {}
    for connection, queue in sorted(set(queues)):
        try:
            found.append(_one(reach, connection, queue, shown))
        except OpsconsoleError as error:
            unread[f"{connection}:{queue}"] = error.what
    return Reserved(queues=tuple(found), unread=unread)


def _one(reach: Reach, connection: str, queue: str, shown: int) -> QueueJobs:
    facts = reach.facts()
    target = next((each for each in facts.queues if each.name == connection), None)
    if target is not None and target.driver == "database":
        return _in_database(reach, facts, target, queue, shown)
    if target is not None and target.driver == "redis":
        return _in_redis(reach, facts, target, queue, shown)
    raise QueryError("its driver is not one this console reads")


def _in_database(reach: Reach, facts: AppFacts, target: QueueConnection, queue: str, shown: int) -> QueueJobs:
    sql = reach.sql(target.target)
    prefix = facts.sql.get(target.target or facts.default_sql)
    table = identifier((prefix.prefix if prefix else "") + target.table, sql.dialect)
    now, values = NOW[sql.dialect], {"queue": queue, "retry": target.retry_after}
    # No `order by`: within one queue the index gives rows by id already, and asking for it makes some servers walk
    # the primary key instead.
    counted = sql.query(
        "select count(*), sum(case when reserved_at is not null then 1 else 0 end), "  # noqa: S608 - identifiers
        f"sum(case when reserved_at <= {now} - :retry then 1 else 0 end) "
        f"from (select reserved_at from {table} where queue = :queue limit {LOOKED_AT + 1}) jobs",
        values,
        deadline=_DEADLINE,
    )
    rows, reserved, stuck = (int(str(value or 0)) for value in counted[0])
    jobs = []
    if reserved > stuck and shown:
        jobs = sql.query(
            f"select {now} - reserved_at, substr(payload, 1, {_HEAD}) "  # noqa: S608 - identifiers
            f"from (select reserved_at, payload from {table} where queue = :queue limit {LOOKED_AT}) jobs "
            f"where reserved_at > {now} - :retry order by reserved_at limit {shown:d}",
            values,
            deadline=_DEADLINE,
        )
    return QueueJobs(
        connection=target.name,
        queue=queue,
        reserved=reserved,
        stuck=stuck,
        jobs=tuple(_job(payload, float(str(age))) for age, payload in jobs),
        complete=rows <= LOOKED_AT,
    )


def _in_redis(reach: Reach, facts: AppFacts, target: QueueConnection, queue: str, shown: int) -> QueueJobs:
    store = reach.redis(target.target)
    found = facts.redis.get(target.target)
    key = f"{found.prefix if found else ''}queues:{queue}:reserved"
    replies = store.pipeline([("TIME",), ("ZCARD", key)], deadline=_DEADLINE)
    now = float(_number(_items(replies[0])[0]))
    reserved = _number(replies[1])
    stuck, members = 0, []
    if reserved:
        more = store.pipeline(
            [
                ("ZCOUNT", key, "-inf", int(now)),
                ("ZRANGEBYSCORE", key, f"({int(now)}", "+inf", "WITHSCORES", "LIMIT", 0, max(1, shown)),
            ],
            deadline=_DEADLINE,
        )
        stuck, members = min(_number(more[0]), reserved), _items(more[1])
    # The score is the time when a job may be taken again; it was reserved `retry_after` seconds before that.
    ages = [now - (float(_text(score)) - target.retry_after) for score in members[1::2]]
    return QueueJobs(
        connection=target.name,
        queue=queue,
        reserved=reserved,
        stuck=stuck,
        jobs=tuple(_job(payload, max(0.0, age)) for payload, age in zip(members[::2], ages, strict=True)),
    )


def _items(reply: object) -> list[object]:
    if isinstance(reply, list | tuple):
        return list(reply)
    raise reply if isinstance(reply, QueryError) else QueryError(f"Redis says: {harmless(str(reply))[:200]}")


def _number(reply: object) -> int:
    if isinstance(reply, Exception):
        raise reply if isinstance(reply, QueryError) else QueryError(f"Redis says: {harmless(str(reply))[:200]}")
    return int(_text(reply))


def _text(value: object) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


def _job(payload: object, age: float) -> FlightJob:
    text = _text(payload)
    name, timeout, tries = _NAME.search(text), _TIMEOUT.search(text), _TRIES.search(text)
    try:
        shown = str(json.loads(name[1])) if name else "a job without a name"
    except ValueError:
        shown = "a job with an unreadable name"
    return FlightJob(
        name=Raw.of(shown).show(120),
        age=age,
        timeout=int(timeout[1]) if timeout else None,
        tries=int(tries[1]) if tries else None,
    )
