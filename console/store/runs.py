"""Runs, their events, output and requests.

Owns the gapless numbering of events, the bounds of stored output and the exact form of plans at rest. Must not decide
what an event means: `domain.runs.fold` does.
"""

from __future__ import annotations

import json
from datetime import datetime

from sqlalchemy import Connection, Row, func, select

from console.domain.codec import decode, encode, time_text, time_value
from console.domain.documents import canonical
from console.domain.event_codec import decode_payload, encode_payload
from console.domain.events import OUTPUT_KEPT, Payload
from console.domain.plan_codec import decode_plan, encode_plan, plan_hash
from console.domain.policy import Operator
from console.domain.runs import Event, EventKind, Plan, RunRow
from console.errors import LeaseLostError, StateError, UsageError
from console.own_commands import own_command
from console.ports import Lease, Request
from console.store import schema
from console.store.database import Database

PIECE = 65_536
"""Most bytes of output in one row."""


class RunStore:
    """All runs; each write is one durable transaction."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def create(self, plan: Plan, *, name_suffix: str, token: str, at: datetime) -> RunRow:
        """Stores a plan as a new run. Its name is `NUMBER-SUFFIX`."""
        values = {
            # A name that nobody else can have until the number is known, in the same transaction.
            "name": f"?{name_suffix}",
            "environment": plan.environment,
            "action": plan.action,
            "plan": canonical(encode_plan(plan)),
            "plan_hash": plan_hash(plan),
            "operator": canonical(encode(plan.operator)),
            "token": token,
            "created_at": time_text(at),
        }
        runs = schema.runs
        with self._database.write() as connection:
            key = connection.execute(runs.insert().values(**values)).inserted_primary_key
            number = int(key[0]) if key else 0
            name = f"{number}-{name_suffix}"
            connection.execute(runs.update().where(runs.c.id == number).values(name=name))
        return RunRow(
            id=number,
            name=name,
            environment=plan.environment,
            action=plan.action,
            plan=plan,
            operator=plan.operator,
            created_at=at,
            token=token,
        )

    def run(self, run: int) -> RunRow:
        """The run's row. UsageError when there is none of that number."""
        with self._database.read() as connection:
            found = connection.execute(select(schema.runs).where(schema.runs.c.id == run)).one_or_none()
        if found is None:
            raise UsageError(f"there is no run {run}", fix=f"`{own_command('runs list')}` names those there are")
        return _row(found)

    def runs(self, *, environment: str = "", limit: int = 50) -> tuple[RunRow, ...]:
        """The newest runs first, of one environment or of all."""
        query = select(schema.runs).order_by(schema.runs.c.id.desc()).limit(limit)
        if environment:
            query = query.where(schema.runs.c.environment == environment)
        with self._database.read() as connection:
            return tuple(_row(found) for found in connection.execute(query))

    def newest(self, limit: int) -> tuple[tuple[int, str], ...]:
        """Number and environment of the newest runs of all, newest first, without reading their plans."""
        runs = schema.runs
        query = select(runs.c.id, runs.c.environment).order_by(runs.c.id.desc()).limit(limit)
        with self._database.read() as connection:
            return tuple((run, environment) for run, environment in connection.execute(query))

    def ended(self, run: int) -> bool:
        """Whether a run has ended, without reading its events."""
        events = schema.events
        query = select(events.c.seq).where(events.c.run == run, events.c.kind == EventKind.RUN_FINISHED).limit(1)
        with self._database.read() as connection:
            return connection.execute(query).first() is not None

    def append(
        self,
        run: int,
        payload: Payload,
        *,
        at: datetime,
        step: str = "",
        host: str = "",
        lease: Lease | None = None,
    ) -> Event:
        """Adds one event with the next number. LockHeldError when `lease` is held by somebody else by now."""
        events = schema.events
        with self._database.write() as connection:
            if lease is not None:
                _still_held(connection, lease)
            newest = connection.execute(select(func.max(events.c.seq)).where(events.c.run == run)).scalar()
            seq = (newest or 0) + 1
            event = Event(run=run, seq=seq, at=at, payload=payload, step=step, host=host)
            stored = {"kind": str(event.kind), "data": canonical(encode_payload(payload))}
            connection.execute(
                events.insert().values(run=run, seq=seq, at=time_text(at), step=step, host=host, **stored)
            )
        return event

    def events(self, run: int, after: int = 0) -> tuple[Event, ...]:
        """The run's events with a number above `after`, in order."""
        events = schema.events
        query = select(events).where(events.c.run == run, events.c.seq > after).order_by(events.c.seq)
        with self._database.read() as connection:
            return tuple(_event(found) for found in connection.execute(query))

    def changed(self) -> int:
        """A number that differs after any commit by anybody, at once."""
        return self._database.changed()

    def append_output(self, run: int, step: str, host: str, offset: int, data: bytes) -> None:
        """Adds output that begins at `offset`. What is there already is not added again; what lies beyond the cap is
        dropped. StateError when bytes before `offset` are missing."""
        if not data:
            return
        with self._database.write() as connection:
            size = _size(connection, run, step, host)
            if offset > size and size < OUTPUT_KEPT:
                raise StateError(
                    f"output of step {step} would have a hole: {size} bytes are stored, these begin at {offset}",
                    done="nothing was stored",
                )
            data = data[max(0, size - offset) : max(0, OUTPUT_KEPT - offset)]
            at = max(size, offset)
            for start in range(0, len(data), PIECE):
                piece = data[start : start + PIECE]
                connection.execute(
                    schema.output.insert().values(
                        run=run, step=step, host=host, offset=at + start, length=len(piece), bytes=piece
                    )
                )

    def output(self, run: int, step: str, host: str, *, offset: int = 0, limit: int = 65536) -> bytes:
        """At most `limit` bytes of stored output from `offset` on."""
        rows = schema.output
        query = (
            select(rows.c.offset, rows.c.bytes)
            .where(rows.c.run == run, rows.c.step == step, rows.c.host == host)
            .where(rows.c.offset < offset + limit, rows.c.offset + rows.c.length > offset)
            .order_by(rows.c.offset)
        )
        with self._database.read() as connection:
            found = connection.execute(query).all()
        if not found:
            return b""
        whole = b"".join(bytes(piece) for _, piece in found)
        skip = max(0, offset - int(found[0][0]))
        return whole[skip : skip + limit]

    def output_size(self, run: int, step: str, host: str) -> int:
        """How many bytes are stored."""
        with self._database.read() as connection:
            return _size(connection, run, step, host)

    def ask(self, run: int, *, who: str, kind: str, body: str, at: datetime) -> Request:
        """Hands the runner a request. UsageError when there is no such run."""
        requests = schema.requests
        with self._database.write() as connection:
            if connection.execute(select(schema.runs.c.id).where(schema.runs.c.id == run)).first() is None:
                raise UsageError(f"there is no run {run}")
            key = connection.execute(
                requests.insert().values(run=run, at=time_text(at), who=who, kind=kind, body=body, taken_seq=None)
            ).inserted_primary_key
        return Request(id=int(key[0]) if key else 0, run=run, at=at, who=who, kind=kind, body=body)

    def requests(self, run: int) -> tuple[Request, ...]:
        """Those not yet taken, oldest first."""
        rows = schema.requests
        query = select(rows).where(rows.c.run == run, rows.c.taken_seq.is_(None)).order_by(rows.c.id)
        with self._database.read() as connection:
            return tuple(
                Request(id=r.id, run=r.run, at=time_value(r.at), who=r.who, kind=r.kind, body=r.body)
                for r in connection.execute(query)
            )

    def take(self, request: Request, seq: int) -> None:
        """Marks it taken by the event `seq`; the first taker stands."""
        rows = schema.requests
        with self._database.write() as connection:
            connection.execute(
                rows.update().where(rows.c.id == request.id, rows.c.taken_seq.is_(None)).values(taken_seq=seq)
            )


def _still_held(connection: Connection, lease: Lease) -> None:
    holder = connection.execute(select(schema.leases.c.holder).where(schema.leases.c.name == lease.name)).scalar()
    if holder != lease.holder:
        raise LeaseLostError(
            f"the lease {lease.name} is no longer ours",
            done="nothing was started: somebody else goes on with this run",
            fix=f"`{own_command('runs attach N')}` follows it",
        )


def _size(connection: Connection, run: int, step: str, host: str) -> int:
    rows = schema.output
    end = func.max(rows.c.offset + rows.c.length)
    query = select(end).where(rows.c.run == run, rows.c.step == step, rows.c.host == host)
    return int(connection.execute(query).scalar() or 0)


def _row(found: Row[tuple[object, ...]]) -> RunRow:
    return RunRow(
        id=found.id,
        name=found.name,
        environment=found.environment,
        action=found.action,
        plan=decode_plan(json.loads(found.plan)),
        operator=decode(Operator, json.loads(found.operator)),
        created_at=time_value(found.created_at),
        token=found.token,
    )


def _event(found: Row[tuple[object, ...]]) -> Event:
    return Event(
        run=found.run,
        seq=found.seq,
        at=time_value(found.at),
        payload=decode_payload(found.kind, json.loads(found.data)),
        step=found.step,
        host=found.host,
    )
