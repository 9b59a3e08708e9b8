"""Change windows as rows: one per environment and session.

Owns the `windows` table. Must not decide who may open one: `services.records.windows` does.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import select

from console.domain.codec import time_text, time_value
from console.domain.policy import ChangeWindow
from console.store import schema
from console.store.database import Database


class WindowRows:
    """The `windows` table. Rows past their end are removed by the next write."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def put(self, window: ChangeWindow, *, now: datetime) -> None:
        """Opens or prolongs the window of that session."""
        rows = schema.windows
        with self._database.write() as connection:
            connection.execute(
                rows.delete().where(
                    (rows.c.until < time_text(now))
                    | ((rows.c.environment == window.environment) & (rows.c.session == window.session))
                )
            )
            connection.execute(
                rows.insert().values(
                    environment=window.environment,
                    session=window.session,
                    operator=window.operator,
                    until=time_text(window.until),
                )
            )

    def remove(self, environment: str, session: str) -> bool:
        """Closes it; whether there was one."""
        rows = schema.windows
        with self._database.write() as connection:
            done = connection.execute(rows.delete().where(rows.c.environment == environment, rows.c.session == session))
            return bool(done.rowcount)

    def find(self, environment: str, session: str, *, now: datetime) -> ChangeWindow | None:
        """The session's window, if it is still open at `now`."""
        rows = schema.windows
        query = select(rows).where(rows.c.environment == environment, rows.c.session == session)
        with self._database.read() as connection:
            found = connection.execute(query).one_or_none()
        if found is None or time_value(found.until) <= now:
            return None
        return ChangeWindow(
            environment=found.environment,
            operator=found.operator,
            session=found.session,
            until=time_value(found.until),
        )
