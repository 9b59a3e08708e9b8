"""Depth of database queues: one bounded statement a poll, for all queues of one connection.

Owns the statements and what they mean. Must not lock a row, nor read more rows than its cap: past it the sum is taken
from the index on `queue` and the split becomes approximate.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from console.domain.environment import QueueConnection
from console.domain.queues import QueueDepth, QueueReading
from console.domain.readings import QUEUES
from console.domain.sqlwords import NOW, identifier
from console.errors import QueryError
from console.ports import Row, Sql
from console.sources.kinds import SourceContext, SourceParams, TypedSource
from console.sources.redis_queues import summary

CAP = 10_000
"""Rows looked at in one poll while a table is small."""
SAMPLE = 2_000
"""Rows looked at of each queue once it is not."""
_MOST_QUEUES = 200

Params = SourceParams


class SqlQueuesSource(TypedSource[QueueReading]):
    """`QueueReading` of one database queue connection, each second. UnreachableError, QueryError."""

    kind: ClassVar = QueueReading

    def __init__(self, context: SourceContext, connection: QueueConnection, params: SourceParams) -> None:
        self._context = context
        self._connection = connection
        self.name = QUEUES + connection.name
        self.every = params.every or 1.0

    def read(self) -> QueueReading:
        """All queues in one round trip; in three when the table is long."""
        connection, facts = self._connection, self._context.reach.facts()
        sql = self._context.reach.sql(connection.target)
        target = facts.sql.get(connection.target or facts.default_sql)
        table = identifier((target.prefix if target else "") + connection.table, sql.dialect)
        server, seen, rows = self._small(sql, table)
        if seen > CAP:
            rows = self._large(sql, table)
        names = self._context.names
        names.add(connection.name, (connection.queue, *connection.names))
        names.add(connection.name, [str(row[0]) for row in rows])
        known = {row[0]: row for row in rows}
        default = facts.default_queue == connection.name
        queues = tuple(
            self._depth(name, known.get(name), server) for name in names.of(connection.name, default=default)
        )
        return QueueReading(connection=connection.name, driver="database", queues=queues, server_time=server)

    def summary(self, value: QueueReading) -> str:
        """How many jobs in how many queues."""
        return summary(value)

    def _small(self, sql: Sql, table: str) -> tuple[float, int, list[Row]]:
        """The server's time, the rows looked at, and a row of counts for each queue."""
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
        rows = [row[1:] for row in found if not _int(row[0])]
        return float(_int(clock[0][2])), sum(sum(map(_int, row[1:4])) for row in rows), rows

    def _large(self, sql: Sql, table: str) -> list[Row]:
        """Sums from the index; the split from the first rows of each queue, the rest counted as ready."""
        statement = f"select queue, count(*) from {table} group by queue limit {_MOST_QUEUES}"  # noqa: S608
        sums = {str(row[0]): _int(row[1]) for row in sql.query(statement, deadline=self.timeout)}
        if not sums:
            return []
        # No `order by`: within one queue the index already gives rows by id, and asking for it makes some servers
        # walk the primary key instead.
        parts = " union all ".join(
            f"select :q{at} as queue, {_counts(NOW[sql.dialect])} from (select reserved_at, available_at "  # noqa: S608
            f"from {table} where queue = :q{at} limit {SAMPLE}) jobs"
            for at in range(len(sums))
        )
        parameters: dict[str, object] = {f"q{at}": name for at, name in enumerate(sums)}
        parameters["retry"] = self._connection.retry_after
        rows: list[Row] = []
        for name, ready, delayed, reserved, stuck, oldest in sql.query(parts, parameters, deadline=self.timeout):
            rest = max(0, sums[str(name)] - _int(ready) - _int(delayed) - _int(reserved))
            rows.append((name, _int(ready) + rest, delayed, reserved, stuck, oldest, rest > 0))
        return rows

    def _depth(self, name: str, row: Sequence[object] | None, server: float) -> QueueDepth:
        ready, delayed, reserved, stuck = (0, 0, 0, 0) if row is None else (_int(value) for value in row[1:5])
        oldest = None if row is None or row[5] is None or not ready else max(0, int(server) - _int(row[5]))
        return QueueDepth(
            connection=self._connection.name,
            queue=name,
            driver="database",
            ready=ready,
            delayed=delayed,
            reserved=reserved,
            stuck=stuck,
            oldest_ready_seconds=oldest,
            approximate=row is not None and len(row) > 6 and bool(row[6]),
        )


def build(context: SourceContext, params: SourceParams) -> tuple[SqlQueuesSource, ...]:
    """One source for each database queue connection that discovery found so far."""
    facts = context.discovered.facts
    found = [queue for queue in (facts.queues if facts else ()) if queue.driver == "database"]
    return tuple(SqlQueuesSource(context, connection, params) for connection in found)


def _counts(now: str) -> str:
    """The five columns: ready, delayed, reserved, stuck, and since when the oldest ready job could have been taken."""
    ready = f"reserved_at is null and available_at <= {now}"
    cases = (
        ready,
        f"reserved_at is null and available_at > {now}",
        "reserved_at is not null",
        f"reserved_at <= {now} - :retry",
    )
    sums = ", ".join(f"sum(case when {case} then 1 else 0 end)" for case in cases)
    return f"{sums}, min(case when {ready} then available_at end)"


def _int(value: object) -> int:
    return int(str(value)) if value is not None else 0
