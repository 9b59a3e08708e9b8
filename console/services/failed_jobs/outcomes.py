"""What became of failed jobs that a run retried or forgot: rows read before and after, archived before they go.

Owns the statements for that, the archive file and the verdict per id. Must not change a row; artisan does.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import count
from pathlib import Path

from console.domain.documents import Json
from console.domain.environment import AppFacts
from console.domain.performed import Performed
from console.domain.runs import Outcome
from console.domain.sqlwords import identifier, is_json_object
from console.errors import OpsconsoleError, StateError, UsageError
from console.own_directories import make_directory
from console.ports import Reach, Row, Sql
from console.services.failed_jobs.table import READABLE_STORES, time_zone, unreadable_store

_CHUNK = 100
_PAGE = 50
_DEADLINE = 20.0
_SCAN = 120.0
_NO_JSON = "its payload is no JSON object: artisan would put an empty job on the queue in its place"
_MARGIN = timedelta(minutes=10)


@dataclass(frozen=True, slots=True, kw_only=True)
class FailedOutcomes:
    """The rows of one run's ids. `archives` is the directory for archives, 0700."""

    reach: Reach
    archives: Path

    def before(self, run: str, do: str, ids: Sequence[str]) -> dict[str, Json]:
        """What is there now, for the journal: the row's id and time per id, and the archive of a forget."""
        rows: dict[str, Json] = dict(self._heads(ids))
        noted: dict[str, Json] = {"rows": rows}
        if do == "forget":
            noted["archive"] = self._archive(run, self._whole(ids))
        return noted

    def retryable(self, ids: Sequence[str]) -> tuple[dict[str, Json], dict[str, str]]:
        """The rows as `before` notes them, and why some must not be handed to artisan: it would put `null` on the queue
        for a payload that is no JSON, and delete the row."""
        rows = self._heads(ids)
        broken: dict[str, str] = {}
        sql, table, column = self._table()
        for chunk in _chunks(list(rows)):
            names = ", ".join(f":i{at}" for at in range(len(chunk)))
            readable = is_json_object("payload", sql.dialect)
            found = sql.query(
                f"SELECT {column} FROM {table} WHERE {column} IN ({names}) AND NOT {readable} LIMIT {len(chunk)}",  # noqa: S608
                {f"i{at}": one for at, one in enumerate(chunk)},
                deadline=_DEADLINE,
            )
            broken.update(dict.fromkeys((str(row[0]) for row in found), _NO_JSON))
        return rows, broken

    def untouched(self, ids: Sequence[str], rows: Mapping[str, Json]) -> tuple[str, ...]:
        """Those of `ids`, in their order, whose rows are still the ones in `rows`."""
        now = self._heads(ids)
        return tuple(one for one in ids if one in now and _same(rows.get(one), now[one]))

    def conclude(
        self,
        do: str,
        ids: Sequence[str],
        noted: Mapping[str, Json],
        ended: Performed,
        *,
        reasons: Mapping[str, str] | None = None,
    ) -> Performed:
        """The end with `results` per id: ok when its row is gone, failed when it is there (again), unknown when it
        cannot be read. `reasons` say why a row is still there."""
        before = noted.get("rows")
        try:
            after: Mapping[str, Json] | None = self._heads(ids)
            why = ""
        except OpsconsoleError as error:
            after, why = None, error.what
        known = before if isinstance(before, dict) else {}
        whys = dict.fromkeys(ids, why) if after is None else {**self._unnamed(ids), **(reasons or {})}
        results = [_result(do, one, known.get(one), after, whys.get(one, "")) for one in ids]
        words = [str(result["outcome"]) for result in results]
        bad = len(words) - words.count("ok")
        outcome = ended.outcome if ended.outcome is Outcome.CANCELLED or not bad else Outcome.FAILED
        if not bad:
            outcome = Outcome.OK
        counts = ", ".join(f"{words.count(word)} {word}" for word in ("ok", "failed", "unknown") if word in words)
        return Performed(
            outcome=outcome,
            exit_status=ended.exit_status,
            detail=counts,
            data={"results": list[Json](results), "archive": noted.get("archive")},
        )

    def _unnamed(self, ids: Sequence[str]) -> dict[str, str]:
        """Why numbers stand for no row of a table that has uuids."""
        numbers = [one for one in ids if one.isdecimal()] if _column(self.reach.facts()) == "uuid" else []
        return dict.fromkeys(numbers, "artisan takes this application's failed jobs by uuid, not by number")

    def _heads(self, ids: Sequence[str]) -> dict[str, Json]:
        sql, table, column = self._table()
        found: dict[str, Json] = {}
        for chunk in _chunks(ids):
            names = ", ".join(f":i{at}" for at in range(len(chunk)))
            rows = sql.query(
                f"SELECT {column}, id, failed_at FROM {table} WHERE {column} IN ({names}) LIMIT {len(chunk)}",  # noqa: S608
                {f"i{at}": one for at, one in enumerate(chunk)},
                deadline=_DEADLINE,
            )
            found.update({str(row[0]): [_integer(row[1]), str(row[2])] for row in rows})
        return found

    def before_prune(self, run: str, hours: int, now: datetime) -> dict[str, Json]:
        """Archives every row that is, or will be within ten minutes, older than `hours`."""
        return {"archive": self._archive(f"{run}.pruned", self._older(now - timedelta(hours=hours) + _MARGIN))}

    def conclude_prune(self, noted: Mapping[str, Json], ended: Performed) -> Performed:
        """The end with the number of archived rows."""
        archive = noted.get("archive")
        if not isinstance(archive, dict):
            return ended
        detail = f"{archive.get('rows')} rows archived" + (f"; {ended.detail}" if ended.detail else "")
        return replace(ended, detail=detail, data={"archive": archive})

    def _archive(self, run: str, rows: Iterable[dict[str, Json]]) -> Json:
        """Every column of every row as compressed JSON lines in a 0600 file, with its SHA-256 beside it."""
        try:
            make_directory(self.archives)
            file, descriptor = self._new_file(f"failed-jobs-{run}")
            kept = 0
            with os.fdopen(descriptor, "w+b") as stream:
                with gzip.GzipFile(fileobj=stream, mode="wb", mtime=0) as lines:
                    for row in rows:
                        lines.write((json.dumps(row, ensure_ascii=True) + "\n").encode("ascii"))
                        kept += 1
                stream.flush()
                os.fsync(stream.fileno())
                stream.seek(0)
                digest = hashlib.file_digest(stream, "sha256").hexdigest()
            beside = file.with_name(file.name + ".sha256")
            beside.write_text(f"{digest}  {file.name}\n")
            beside.chmod(0o600)
        except OSError as error:
            raise StateError(
                f"The rows cannot be archived: {error.strerror}.",
                done="Nothing was deleted.",
                fix=f"Check the space and the permissions of {self.archives}.",
            ) from error
        return {"file": str(file), "sha256": digest, "rows": kept}

    def _new_file(self, name: str) -> tuple[Path, int]:
        # An earlier attempt's archive is never overwritten: it may be the only copy of rows that were deleted since.
        for number in count(1):
            file = self.archives / (f"{name}.jsonl.gz" if number == 1 else f"{name}.{number}.jsonl.gz")
            try:
                flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
                return file, os.open(file, flags, 0o600)
            except FileExistsError:
                continue
        raise AssertionError("numbers do not end")

    def _whole(self, ids: Sequence[str]) -> Iterator[dict[str, Json]]:
        sql, table, column = self._table()
        names, listed = self._columns(sql)
        for one in ids:
            # One row a statement: a payload and its exception may hold megabytes.
            query = f"SELECT {listed} FROM {table} WHERE {column} = :one LIMIT 1"  # noqa: S608
            for row in sql.query(query, {"one": one}, deadline=_DEADLINE):
                yield dict(zip(names, map(_plain, row), strict=True))

    def _older(self, limit: datetime) -> Iterator[dict[str, Json]]:
        sql, table, _ = self._table()
        names, listed = self._columns(sql)
        # `failed_at` is written in the application's own time, and has no index: the walk goes by id.
        local = limit.astimezone(time_zone(self.reach.facts().timezone)).replace(tzinfo=None)
        query = f"SELECT {listed} FROM {table} WHERE id > :last AND failed_at <= :until ORDER BY id LIMIT {_PAGE}"  # noqa: S608
        last: object = 0
        while rows := sql.query(query, {"last": last, "until": f"{local:%Y-%m-%d %H:%M:%S}"}, deadline=_SCAN):
            for row in rows:
                yield dict(zip(names, map(_plain, row), strict=True))
            last = rows[-1][0]

    def _columns(self, sql: Sql) -> tuple[list[str], str]:
        names = ["id", "connection", "queue", "payload", "exception", "failed_at"]
        if self.reach.facts().failed_driver == "database-uuids":
            names.insert(1, "uuid")
        return names, ", ".join(identifier(name, sql.dialect) for name in names)

    def _table(self) -> tuple[Sql, str, str]:
        facts = self.reach.facts()
        sql = self.reach.sql(facts.failed_sql or facts.default_sql)
        return (
            sql,
            identifier(_prefix(facts) + facts.failed_table, sql.dialect),
            identifier(_column(facts), sql.dialect),
        )


def _same(before: Json, now: Json) -> bool:
    """Whether two heads are of one row: a job that failed again has a new one under the same uuid."""
    return isinstance(before, list) and isinstance(now, list) and now[0] == before[0]


def _result(do: str, one: str, before: Json, after: Mapping[str, Json] | None, why: str) -> dict[str, Json]:
    """`why` says what keeps the rows from being read, or why this one is still there."""

    def said(outcome: str, detail: str) -> dict[str, Json]:
        return {"uuid": one, "outcome": outcome, "detail": detail}

    if after is None:
        return said("unknown", f"its row could not be read: {why}")
    now = after.get(one)
    if now is None:
        if before is None:
            return said("failed", why or "there was no such failed job")
        return said("ok", "back on its queue" if do == "retry" else "deleted, and kept in the archive")
    if isinstance(before, list) and isinstance(now, list) and not _same(before, now):
        return said("failed", f"failed again at {now[1]}")
    return said("failed", f"its row is still there: {why}" if why else "its row is still there")


def _column(facts: AppFacts) -> str:
    if facts.failed_driver == "database-uuids":
        return "uuid"
    if facts.failed_driver == "database":
        return "id"
    raise UsageError(unreadable_store(facts), fix=READABLE_STORES)


def _prefix(facts: AppFacts) -> str:
    target = facts.sql.get(facts.failed_sql or facts.default_sql)
    return target.prefix if target else ""


def _chunks(ids: Sequence[str]) -> Iterator[Sequence[str]]:
    for start in range(0, len(ids), _CHUNK):
        yield ids[start : start + _CHUNK]


def _integer(value: object) -> Json:
    return value if isinstance(value, int) else str(value)


def _plain(value: Row | object) -> Json:
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, datetime):
        return value.isoformat(sep=" ")
    if isinstance(value, (bytes, bytearray)):
        try:
            return bytes(value).decode("utf-8")
        except UnicodeDecodeError:
            return {"base64": base64.b64encode(bytes(value)).decode("ascii")}
    return str(value)
