"""Depth of database queues: one bounded statement a poll, for all queues of one connection.

Owns the statements and what they mean. Must not lock a row, nor read more rows than its cap: past it the sums are taken
from the index on `queue`, and the split of queues that are long, or too many, becomes approximate.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate

from console.domain.counts import bounds
from console.domain.environment import AppFacts
from console.domain.facts import queue_guesses
from console.domain.queues import QueueDepth, QueueReading
from console.domain.sqlwords import NOW, identifier
from console.errors import QueryError
from console.ports import Row, Sql
from console.sources.kinds import SourceContext, SourceParams
from console.sources.names import MOST
from console.sources.queue_usage import QueuesSource

CAP = 10_000
"""Rows looked at in one poll while a table is small, and of small queues once it is not."""
SAMPLE = 2_000
"""Rows looked at of each of the longest queues then."""
LONGEST = 100
"""How many of the longest queues are looked at."""
_NAMES = 1_000
"""Queues named in one statement."""

Params = SourceParams


class SqlQueuesSource(QueuesSource):
    """One database queue connection, each second."""

    def count(self, facts: AppFacts) -> QueueReading:
        """All queues in one round trip; in three when the table is long."""
        connection = self._connection
        sql = self._context.reach.sql(connection.target)
        target = facts.sql.get(connection.target or facts.default_sql)
        table = identifier((target.prefix if target else "") + connection.table, sql.dialect)
        server, seen, rows = self._small(sql, table)
        bound = ""
        if seen > CAP:
            rows, bound = self._large(sql, table)
        names = self._context.names
        names.add(connection.name, (connection.queue, *connection.names))
        known = {row.queue: row for row in rows}
        names.add(connection.name, known)
        default = facts.default_queue == connection.name
        queues = tuple(
            self._depth(name, known.get(name), server) for name in names.of(connection.name, default=default)
        )
        return QueueReading(
            connection=connection.name,
            driver="database",
            queues=queues,
            server_time=server,
            guesses=queue_guesses(facts, connection),
            bound=bounds([bound, names.bound(connection.name, default=default)]),
        )

    def _small(self, sql: Sql, table: str) -> tuple[float, int, list[_Counts]]:
        """The server's time, the rows looked at, and the counts of each queue."""
        now = NOW[sql.dialect]
        statement = (
            f"select 1 as is_clock, '' as queue, {now} as a, 0 as b, 0 as c, 0 as d, 0 as e "  # noqa: S608 - identifiers
            f"union all select 0, queue, {_counts(now)} from (select queue, reserved_at, available_at from {table} "
            f"order by id limit {CAP + 1}) jobs group by queue"
        )
        found = sql.query(statement, {"retry": self._connection.retry_after}, deadline=self.timeout)
        clock = [row for row in found if _int(row[0])]
        if not clock:
            raise QueryError("the database gave no time")
        rows = _merged(_counted(row[1:]) for row in found if not _int(row[0]))
        return float(_int(clock[0][2])), sum(row.jobs for row in rows), rows

    def _large(self, sql: Sql, table: str) -> tuple[list[_Counts], str]:
        """Sums from the index; each job of the small queues, and the first of the longest, for the split. The second
        value says why there may be more queues, and is empty when there are none."""
        statement = f"select queue, count(*) from {table} group by queue order by queue limit {MOST + 1}"  # noqa: S608
        found = sql.query(statement, deadline=self.timeout)
        bound = f"more than {MOST:,} queue names; those beyond are not counted" if len(found) > MOST else ""
        sums: dict[str | None, int] = {_name(row[0]): _int(row[1]) for row in found}
        by_size = sorted(sums, key=sums.__getitem__)
        few = bisect_right(list(accumulate(sums[name] for name in by_size)), CAP)
        small, longest = by_size[:few], by_size[few:][-LONGEST:]
        looked: list[Row] = []
        for at in range(0, len(small), _NAMES):
            looked += self._every(sql, table, small[at : at + _NAMES])
        # Names that the database takes for equal come back as any one of them: those are asked for one by one.
        answered = {_name(row[0]) for row in looked}
        again = [name for name in small if name not in answered][:LONGEST]
        for names, most in ((again, CAP), (longest, SAMPLE)):
            if names:
                looked += self._first(sql, table, names, most)
        split = {_name(row[0]): _counted(row) for row in looked}
        rows = []
        for name, number in sums.items():
            counts = split.get(name, _Counts(queue=name or ""))
            rest = max(0, number - counts.jobs)
            rows.append(replace(counts, ready=counts.ready + rest, approximate=rest > 0))
        return _merged(rows), bound

    def _every(self, sql: Sql, table: str, names: Sequence[str | None]) -> list[Row]:
        """All jobs of these queues, which are few together."""
        marks = ", ".join(f":q{at}" for at in range(len(names)))
        unnamed = " or queue is null" if None in names else ""
        statement = (
            f"select queue, {_counts(NOW[sql.dialect])} from {table} "  # noqa: S608 - identifiers
            f"where queue in ({marks}){unnamed} group by queue"
        )
        return sql.query(statement, self._named(names), deadline=self.timeout)

    def _first(self, sql: Sql, table: str, names: Sequence[str | None], most: int) -> list[Row]:
        """The first `most` jobs of each of these queues."""
        # No `order by`: within one queue the index already gives rows by id, and asking for it makes some servers
        # walk the primary key instead.
        parts = " union all ".join(
            f"select :q{at} as queue, {_counts(NOW[sql.dialect])} from (select reserved_at, available_at "  # noqa: S608
            f"from {table} where queue {'is null' if name is None else f'= :q{at}'} limit {most}) jobs"
            for at, name in enumerate(names)
        )
        return sql.query(parts, self._named(names), deadline=self.timeout)

    def _named(self, names: Sequence[str | None]) -> dict[str, object]:
        return {"retry": self._connection.retry_after, **{f"q{at}": name for at, name in enumerate(names)}}

    def _depth(self, name: str, found: _Counts | None, server: float) -> QueueDepth:
        counts = found or _Counts(queue=name)
        oldest = None if counts.oldest is None or not counts.ready else max(0, int(server) - counts.oldest)
        return QueueDepth(
            connection=self._connection.name,
            queue=name,
            driver="database",
            ready=counts.ready,
            delayed=counts.delayed,
            reserved=counts.reserved,
            stuck=counts.stuck,
            oldest_ready_seconds=oldest,
            approximate=counts.approximate,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Counts:
    """The jobs of one queue by state; `oldest` is since when the oldest ready one could have been taken."""

    queue: str
    ready: int = 0
    delayed: int = 0
    reserved: int = 0
    stuck: int = 0
    oldest: int | None = None
    approximate: bool = False

    @property
    def jobs(self) -> int:
        """All of them."""
        return self.ready + self.delayed + self.reserved


def build(context: SourceContext, params: SourceParams) -> tuple[SqlQueuesSource, ...]:
    """One source for each database queue connection that discovery found so far."""
    facts = context.discovered.facts
    found = [queue for queue in (facts.queues if facts else ()) if queue.driver == "database"]
    return tuple(SqlQueuesSource(context, connection, params) for connection in found)


def _counted(row: Row) -> _Counts:
    """A row of a queue's name and its counts."""
    return _Counts(
        queue=_name(row[0]) or "",
        ready=_int(row[1]),
        delayed=_int(row[2]),
        reserved=_int(row[3]),
        stuck=_int(row[4]),
        oldest=None if row[5] is None else _int(row[5]),
    )


def _merged(rows: Iterable[_Counts]) -> list[_Counts]:
    """Counts of equal names together: a job without a name stands with those whose name is empty."""
    found: dict[str, _Counts] = {}
    for row in rows:
        before = found.get(row.queue)
        found[row.queue] = row if before is None else _sum(before, row)
    return list(found.values())


def _sum(one: _Counts, other: _Counts) -> _Counts:
    oldest = [each.oldest for each in (one, other) if each.oldest is not None]
    return _Counts(
        queue=one.queue,
        ready=one.ready + other.ready,
        delayed=one.delayed + other.delayed,
        reserved=one.reserved + other.reserved,
        stuck=one.stuck + other.stuck,
        oldest=min(oldest, default=None),
        approximate=one.approximate or other.approximate,
    )


def _counts(now: str) -> str:
    """The five columns: ready, delayed, reserved, stuck, and since when the oldest ready job could have been taken."""
    ready = f"reserved_at is null and available_at <= {now}"
    cases = (
        ready,
        # A job without a time is never taken, and is one all the same.
        f"reserved_at is null and (available_at > {now} or available_at is null)",
        "reserved_at is not null",
        f"reserved_at <= {now} - :retry",
    )
    sums = ", ".join(f"sum(case when {case} then 1 else 0 end)" for case in cases)
    return f"{sums}, min(case when {ready} then available_at end)"


def _name(value: object) -> str | None:
    """A queue's name as text; None for a job without one."""
    return (
        value.decode("utf-8", "surrogateescape") if isinstance(value, bytes) else None if value is None else str(value)
    )


def _int(value: object) -> int:
    return int(str(value)) if value is not None else 0
