"""Failed jobs out of the application's own table: newest first, by keyset, with bodies cut to what is shown.

Owns the statements over `failed_jobs` and how a row becomes a value. Must not change a row (artisan does), count a
table without a bound, nor use OFFSET.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from console.domain.environment import AppFacts
from console.domain.exception_text import exception_chain, thrown_head
from console.domain.failures import (
    LOOKED_BACK,
    FailedDetail,
    FailedFilter,
    FailedJob,
    FailedPage,
    decode_payload,
    job_name,
    shown_payload,
)
from console.domain.sqlwords import after_last, byte_length, found_at, identifier
from console.domain.untrusted import Raw
from console.errors import DeadlineError, UsageError
from console.ports import Reach, Row, Sql

PAGE = 100
"""Rows of one page."""
CHUNK = 1000
"""Rows looked at in one statement, the most that one holds."""
WHOLE = 1_000_000
"""Characters of payload and of exception that are fetched when one job is opened."""

_BEGINNING = re.compile(r"[0-9A-Fa-f][0-9A-Fa-f-]{5,34}")
_LISTED = 10
_HEAD = 600
_EXCEPTION_HEAD = 2000
"""Characters: what names a cause stands late in a message, behind values of any length."""
_MOST_CHUNKS = 20
_THROWN = "{main}\n\nNext "
_DRIVERS = ("database-uuids", "database")


READABLE_STORES = "it reads the drivers database-uuids and database (config/queue.php, failed.driver)"
"""What to say beside `unreadable_store`."""


def unreadable_store(facts: AppFacts) -> str:
    """Why this console cannot read where the application keeps failed jobs; empty when it can."""
    if facts.failed_driver in _DRIVERS:
        return ""
    driver = Raw.of(facts.failed_driver or "null").show(40)
    return f"failed jobs are kept by the driver {driver}, which this console cannot read"


class FailedTable:
    """The failed jobs of one environment, read through one SQL session. UnreachableError, QueryError, UsageError when
    the application keeps them where this console cannot read."""

    def __init__(self, facts: AppFacts, sql: Sql, *, deadline: float = 5.0) -> None:
        if why := unreadable_store(facts):
            raise UsageError(why, fix=READABLE_STORES)
        target = facts.sql.get(facts.failed_sql or facts.default_sql)
        self._sql = sql
        self._deadline = deadline
        self._uuids = facts.failed_driver == "database-uuids"
        self._zone = time_zone(facts.timezone)
        self._table = identifier((target.prefix if target else "") + facts.failed_table, sql.dialect)

    def newest_ids(self, limit: int = PAGE, *, below: int | None = None) -> tuple[int, ...]:
        """The newest ids (below one), descending."""
        where = f" where id < {int(below)}" if below is not None else ""
        rows = self._query(f"select id from {self._table}{where} order by id desc limit {int(limit)}")  # noqa: S608
        return tuple(_int(row[0]) for row in rows)

    def heads(self, *, below: int | None = None, above: int = 0, limit: int = PAGE) -> tuple[FailedJob, ...]:
        """The newest rows with above < id < below, bodies cut, at most `limit`."""
        return self._heads("id > :above and (:below = 0 or id < :below)", {"above": above, "below": below or 0}, limit)

    def heads_of(self, ids: Sequence[int]) -> tuple[FailedJob, ...]:
        """These rows, newest first, bodies cut; rows that are gone are left out."""
        return self._heads(f"id in ({', '.join(str(int(row)) for row in ids)})", {}, len(ids)) if ids else ()

    def places(self, *, below: int | None = None) -> list[tuple[int, str, str]]:
        """Id, connection and queue of the newest rows below an id; reading heads would cost ten times as much."""
        rows = self._query(
            f"select id, connection, queue from {self._table} where :below = 0 or id < :below "  # noqa: S608
            f"order by id desc limit {CHUNK}",
            {"below": below or 0},
        )
        return [(_int(row[0]), _raw(row[1]).show(100), _raw(row[2]).show(200)) for row in rows]

    def _heads(self, condition: str, parameters: Mapping[str, object], limit: int) -> tuple[FailedJob, ...]:
        dialect = self._sql.dialect
        at = found_at('"displayName"', "payload", dialect)
        thrown = after_last("exception", _THROWN, dialect)
        # SQLite gives the whole text, in which the job's own exception stands last, after its causes.
        cut = WHOLE if dialect == "sqlite" else _EXCEPTION_HEAD
        statement = (
            f"select id, {'uuid' if self._uuids else 'id'}, connection, queue, "  # noqa: S608 - quoted identifiers
            f"substr(payload, case when {at} > 0 then {at} else 1 end, {_HEAD}), substr({thrown}, 1, {cut}), failed_at "
            f"from {self._table} where {condition} order by id desc limit {int(limit)}"
        )
        return tuple(self._job(row) for row in self._query(statement, parameters))

    def failed_since(self, since: datetime) -> int | None:
        """How many failed after `since`; None when that goes back further than the newest ids that are looked at."""
        rows = self._query(f"select failed_at from {self._table} order by id desc limit {LOOKED_BACK}")  # noqa: S608
        times = [self._time(row[0]) for row in rows]
        count = sum(at is not None and at > since for at in times)
        return None if count == LOOKED_BACK else count

    def count(self, *, bound: int | None = None) -> tuple[int, bool]:
        """How many rows there are, and whether that is exact. With `bound`, at most that many are counted; without, all
        are, and when that takes too long the server's own estimate stands in."""
        if bound is not None:
            some = f"select count(*) from (select 1 from {self._table} limit {int(bound) + 1}) counted"  # noqa: S608
            number = _int(self._query(some)[0][0])
            return (number, True) if number <= bound else (bound, False)
        try:
            return _int(self._query(f"select count(*) from {self._table}")[0][0]), True  # noqa: S608
        except DeadlineError:
            return self.estimate(), False

    def whole_id(self, given: str) -> str:
        """The id that a beginning of at least six characters stands for; any other text as it is. UsageError names
        those it may stand for when there are several."""
        if not self._uuids or not _BEGINNING.fullmatch(given):
            return given
        rows = self._query(
            f"select uuid from {self._table} where uuid like :given order by uuid limit {_LISTED + 1}",  # noqa: S608
            {"given": given + "%"},
        )
        found = [str(row[0]) for row in rows if row[0] is not None]
        if len(found) > 1:
            more = ["…"] if len(found) > _LISTED else []
            raise UsageError(
                f"{given} is the beginning of several failed jobs", fix="\n".join([*found[:_LISTED], *more])
            )
        return found[0] if found else given

    def show(self, uuid: str) -> FailedDetail:
        """One row, whole up to a million characters a body. UsageError when it is gone."""
        dialect = self._sql.dialect
        if not self._uuids and not uuid.isdecimal():
            raise UsageError("this application's failed jobs are named by number", fix="take the id of `failed list`")
        bytes_of = ", ".join(byte_length(column, dialect) for column in ("payload", "exception"))
        # A row without a uuid is asked for by its number; no uuid is a number.
        number = uuid.isdecimal()
        statement = (
            f"select id, {'uuid' if self._uuids else 'id'}, connection, queue, substr(payload, 1, {WHOLE}), "  # noqa: S608
            f"substr(exception, 1, {WHOLE}), failed_at, {bytes_of} "
            f"from {self._table} where {'id' if number else 'uuid'} = :uuid limit 1"
        )
        rows = self._query(statement, {"uuid": int(uuid) if number else uuid})
        if not rows:
            raise UsageError(
                f"there is no failed job {Raw.of(uuid).show(60)}", fix="it may have been retried or forgotten"
            )
        row = rows[0]
        text, exception = _raw(row[4]), _raw(row[5])
        payload, command = decode_payload(text)
        sizes = _int(row[7]), _int(row[8])
        return FailedDetail(
            job=self._job(row, name=job_name(payload) if payload is not None else None),
            payload=payload,
            payload_text=text if payload is not None else shown_payload(text),
            payload_bytes=sizes[0],
            command=command,
            chain=exception_chain(exception),
            exception_text=exception,
            exception_bytes=sizes[1],
            truncated=sizes[0] > len(text) or sizes[1] > len(exception),
        )

    def _query(self, statement: str, parameters: Mapping[str, object] | None = None) -> list[Row]:
        return self._sql.query(statement, parameters, deadline=self._deadline)

    def estimate(self) -> int:
        """How many rows the server believes there are, without counting one."""
        if self._sql.dialect in ("mysql", "mariadb"):
            rows = self._query(
                "select table_rows from information_schema.tables where table_schema = database() "
                "and table_name = :name limit 1",
                {"name": self._table.strip("`")},
            )
            return _int(rows[0][0]) if rows else 0
        newest = self.newest_ids(1)
        return newest[0] if newest else 0

    def _job(self, row: Sequence[object], *, name: Raw | None = None) -> FailedJob:
        exception_class, message = thrown_head(_raw(row[5]))
        return FailedJob(
            id=_int(row[0]),
            uuid="" if row[1] is None else str(row[1]),
            connection=_raw(row[2]).show(100),
            queue=_raw(row[3]).show(200),
            job=name or job_name(_raw(row[4]).exact()),
            exception_class=exception_class,
            message=message,
            failed_at=self._time(row[6]),
        )

    def _time(self, value: object) -> datetime | None:
        # The application writes its own local time without saying so.
        if isinstance(value, str):
            try:
                value = datetime.fromisoformat(value)
            except ValueError:
                return None
        if not isinstance(value, datetime):
            return None
        return (value if value.tzinfo else value.replace(tzinfo=self._zone)).astimezone(UTC)


class FailedRows:
    """`ports.FailedJobs` over the environments' reaches."""

    def __init__(self, reach_of: Callable[[str], Reach]) -> None:
        self._reach_of = reach_of

    def page(self, environment: str, *, below: int | None = None, where: FailedFilter | None = None) -> FailedPage:
        """At most 100 rows with an id below `below`, newest first."""
        table = self._table(environment)
        if where is None or where == FailedFilter():
            jobs = table.heads(below=below, limit=PAGE + 1)
            total, exact = table.count()
            return FailedPage(total=total, total_is_exact=exact, next=_next(jobs), jobs=jobs[:PAGE], below=below)
        return _filtered(table, below, where)

    def ids(self, environment: str, *, below: int, limit: int) -> tuple[int, ...]:
        """The newest ids below one, at most `limit`: the cheapest way to see which rows still exist."""
        return self._table(environment).newest_ids(limit, below=below)

    def show(self, environment: str, uuid: str) -> FailedDetail:
        """One row, whole. UsageError when it is gone."""
        return self._table(environment).show(uuid)

    def whole_ids(self, environment: str, given: Sequence[str]) -> tuple[str, ...]:
        """The full ids for ids that may be cut off, as the screen shows them. UsageError when one is ambiguous."""
        if not any(_BEGINNING.fullmatch(one) for one in given):
            return tuple(given)
        table = self._table(environment)
        return tuple(dict.fromkeys(table.whole_id(one) for one in given))

    def _table(self, environment: str) -> FailedTable:
        return open_table(self._reach_of(environment))


def open_table(reach: Reach, *, deadline: float = 5.0) -> FailedTable:
    """The failed jobs of a reach's environment."""
    facts = reach.facts()
    return FailedTable(facts, reach.sql(facts.failed_sql), deadline=deadline)


def last_hour(now: datetime) -> datetime:
    """The beginning of the hour that ends `now`."""
    return now - timedelta(hours=1)


def matches(job: FailedJob, where: FailedFilter) -> bool:
    """Whether a head fulfils every word of the filter; texts match anywhere, without regard to case."""

    def has(raw: Raw, word: str) -> bool:
        return word.casefold() in raw.exact().casefold()

    return (
        (not where.connection or job.connection == where.connection)
        and (not where.queue or job.queue == where.queue)
        and (not where.job or has(job.job, where.job))
        and (not where.text or any(has(raw, where.text) for raw in (job.job, job.exception_class, job.message)))
    )


def _filtered(table: FailedTable, below: int | None, where: FailedFilter) -> FailedPage:
    # No index serves these filters: rows are read by id in bounded chunks and judged here, and `next` goes on from the
    # last one seen even when the page is not full.
    found: list[FailedJob] = []
    begin, looked = below, 0
    for _ in range(_MOST_CHUNKS):
        chunk = table.places(below=below)
        # Bodies are fetched only of rows that can still match.
        wanted = [
            row
            for row, connection, queue in chunk
            if where.connection in ("", connection) and where.queue in ("", queue)
        ]
        for job in table.heads_of(wanted):
            if matches(job, where):
                found.append(job)
                if len(found) == PAGE:
                    looked += sum(row >= job.id for row, _, _ in chunk)
                    return _found(found, begin, looked, more=job.id)
        looked += len(chunk)
        if len(chunk) < CHUNK:
            return _found(found, begin, looked, more=None)
        below = chunk[-1][0]
    return _found(found, begin, looked, more=below)


def _found(jobs: Sequence[FailedJob], begin: int | None, looked: int, *, more: int | None) -> FailedPage:
    """A page of a filter. Its total is exact only when the page began with the newest row and reached the oldest."""
    exact = more is None and begin is None
    return FailedPage(
        total=len(jobs), total_is_exact=exact, next=more, jobs=tuple(jobs), below=begin, looked=max(1, looked)
    )


def _next(jobs: Sequence[FailedJob]) -> int | None:
    return jobs[PAGE - 1].id if len(jobs) > PAGE else None


def time_zone(name: str) -> tzinfo:
    """The application's own time zone, in which it writes `failed_at`; UTC, the framework's default, for an unknown
    name."""
    try:
        return ZoneInfo(name or "UTC")
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return UTC


def _raw(value: object) -> Raw:
    return Raw.of(value) if isinstance(value, str | bytes) or value is None else Raw.of(str(value))


def _int(value: object) -> int:
    return int(str(value)) if value is not None else 0
