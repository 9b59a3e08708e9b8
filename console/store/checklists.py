"""Checklist sessions and marks (`ports.MarkStore`).

Owns their rows; marks are only ever added. Must not fold them: `domain.checklists` does.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, Row, func, select

from console.domain.checklists import Mark, MarkKind, Session
from console.domain.codec import time_text, time_value
from console.errors import UsageError
from console.store import schema
from console.store.database import Database


class Marks:
    """`ports.MarkStore` on the state database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def open_session(self, environment: str, checklist: str, *, who: str, at: datetime) -> Session:
        """Opens a session, or returns the newest open one of that checklist when a colleague was first."""
        with self._database.write() as connection:
            found = _newest(connection, environment, checklist)
            if found is not None:
                return found
            key = connection.execute(
                schema.sessions.insert().values(
                    environment=environment, checklist=checklist, who=who, opened_at=time_text(at), closed_at=None
                )
            ).inserted_primary_key
        return Session(
            id=int(key[0]) if key else 0, environment=environment, checklist=checklist, who=who, opened_at=at
        )

    def newest_open(self, environment: str, checklist: str) -> Session | None:
        """The newest session of that checklist that is not closed."""
        with self._database.read() as connection:
            return _newest(connection, environment, checklist)

    def add(self, session: int, mark: Mark) -> None:
        """Adds one mark. UsageError when the session is unknown or closed."""
        marks, sessions = schema.marks, schema.sessions
        with self._database.write() as connection:
            found = connection.execute(select(sessions.c.closed_at).where(sessions.c.id == session)).one_or_none()
            if found is None or found.closed_at is not None:
                state = "unknown" if found is None else "closed"
                raise UsageError(f"checklist session {session} is {state}", done="nothing was marked")
            newest = connection.execute(select(func.max(marks.c.seq)).where(marks.c.session == session)).scalar()
            connection.execute(
                marks.insert().values(
                    session=session,
                    seq=(newest or 0) + 1,
                    item=mark.item,
                    kind=mark.kind.value,
                    who=mark.who,
                    at=time_text(mark.at),
                    note=mark.note,
                )
            )

    def marks(self, session: int) -> tuple[Mark, ...]:
        """All marks of a session in the order they were made."""
        rows = schema.marks
        query = select(rows).where(rows.c.session == session).order_by(rows.c.seq)
        with self._database.read() as connection:
            return tuple(
                Mark(item=r.item, kind=MarkKind(r.kind), who=r.who, at=time_value(r.at), note=r.note)
                for r in connection.execute(query)
            )

    def close_session(self, session: int, *, at: datetime) -> None:
        """Closes an open session for good; nothing when it is closed already."""
        rows = schema.sessions
        with self._database.write() as connection:
            connection.execute(
                rows.update().where(rows.c.id == session, rows.c.closed_at.is_(None)).values(closed_at=time_text(at))
            )

    def changed(self) -> int:
        """A number that differs after any commit by anybody, at once."""
        return self._database.changed()


def _newest(connection: Connection, environment: str, checklist: str) -> Session | None:
    rows = schema.sessions
    query = (
        select(rows)
        .where(rows.c.environment == environment, rows.c.checklist == checklist, rows.c.closed_at.is_(None))
        .order_by(rows.c.id.desc())
        .limit(1)
    )
    found = connection.execute(query).one_or_none()
    return None if found is None else _session(found)


def _session(found: Row[tuple[object, ...]]) -> Session:
    return Session(
        id=found.id,
        environment=found.environment,
        checklist=found.checklist,
        who=found.who,
        opened_at=time_value(found.opened_at),
        closed_at=None if found.closed_at is None else time_value(found.closed_at),
    )
