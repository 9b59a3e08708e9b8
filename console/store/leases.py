"""Leases: who is alive behind a name, as rows that only compare-and-set changes.

Owns taking, raising, taking over and dropping. Must not judge whether a holder is dead: `services.runs.leases` watches.
"""

from __future__ import annotations

from sqlalchemy import select

from console.errors import LockHeldError
from console.ports import Lease
from console.store import schema
from console.store.database import Database


class Leases:
    """The `leases` table."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def read(self, name: str) -> Lease | None:
        """The lease of that name, if anybody has it."""
        rows = schema.leases
        with self._database.read() as connection:
            found = connection.execute(select(rows).where(rows.c.name == name)).one_or_none()
        return None if found is None else Lease(name=found.name, holder=found.holder, counter=found.counter)

    def all(self) -> tuple[Lease, ...]:
        """Every lease that anybody has."""
        with self._database.read() as connection:
            found = connection.execute(select(schema.leases).order_by(schema.leases.c.name)).all()
        return tuple(Lease(name=row.name, holder=row.holder, counter=row.counter) for row in found)

    def take(self, name: str, holder: str) -> Lease:
        """Takes a free lease. LockHeldError when somebody has it."""
        rows = schema.leases
        with self._database.write() as connection:
            found = connection.execute(select(rows.c.holder).where(rows.c.name == name)).scalar()
            if found is not None:
                raise LockHeldError(f"the lease {name} is held by {found}", done="nothing was taken")
            connection.execute(rows.insert().values(name=name, holder=holder, counter=1))
        return Lease(name=name, holder=holder, counter=1)

    def take_over(self, seen: Lease, holder: str) -> Lease:
        """Replaces a holder that is still exactly as `seen`. LockHeldError when it moved or changed hands meanwhile."""
        rows = schema.leases
        fresh = Lease(name=seen.name, holder=holder, counter=seen.counter + 1)
        with self._database.write() as connection:
            done = connection.execute(
                rows.update()
                .where(rows.c.name == seen.name, rows.c.holder == seen.holder, rows.c.counter == seen.counter)
                .values(holder=holder, counter=fresh.counter)
            )
            if done.rowcount != 1:
                raise LockHeldError(f"the lease {seen.name} is alive or was taken by somebody else just now")
        return fresh

    def beat(self, lease: Lease) -> Lease:
        """Raises the counter. LockHeldError when it is no longer ours."""
        rows = schema.leases
        with self._database.write() as connection:
            done = connection.execute(
                rows.update()
                .where(rows.c.name == lease.name, rows.c.holder == lease.holder)
                .values(counter=rows.c.counter + 1)
            )
            if done.rowcount != 1:
                raise LockHeldError(f"the lease {lease.name} is no longer ours")
            counter = connection.execute(select(rows.c.counter).where(rows.c.name == lease.name)).scalar_one()
        return Lease(name=lease.name, holder=lease.holder, counter=int(counter))

    def drop(self, lease: Lease) -> None:
        """Gives it up; nothing when it is no longer ours."""
        rows = schema.leases
        with self._database.write() as connection:
            connection.execute(rows.delete().where(rows.c.name == lease.name, rows.c.holder == lease.holder))
