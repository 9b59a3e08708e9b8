"""The audit's rows: appended under the write lock together with the head, never changed.

Owns the `audit` table and the head's note in `meta`. Must not judge the chain: `domain.audit` does.
"""

from __future__ import annotations

from collections.abc import Callable

from sqlalchemy import select

from console.domain.audit import AuditEntry, AuditRow, Witness, body, first_link, link
from console.store import schema
from console.store.database import Database

HEAD = "audit.head"


class AuditRows:
    """The `audit` table."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @property
    def chain(self) -> str:
        """This database's chain, 16 hex characters."""
        return self._database.chain

    def append(self, make: Callable[[int], AuditEntry]) -> tuple[AuditEntry, Witness]:
        """Adds the entry that `make` gives for its number; the entry and the new head. StateError: nothing added."""
        rows, meta = schema.audit, schema.meta
        with self._database.write() as connection:
            last = connection.execute(select(rows.c.seq, rows.c.hash).order_by(rows.c.seq.desc()).limit(1)).first()
            noted = connection.execute(select(meta.c.value).where(meta.c.name == HEAD)).scalar()
            seq, before = (last.seq, last.hash) if last else (0, first_link(self.chain))
            if noted is not None:
                # After a cut tail the next number must not fill the hole: the missing entries stay visible.
                noted_seq, _, noted_hash = noted.partition(" ")
                if noted_seq.isdigit() and int(noted_seq) > seq:
                    seq, before = int(noted_seq), noted_hash
            entry = make(seq + 1)
            text = body(entry)
            fresh = link(before, text)
            connection.execute(rows.insert().values(seq=entry.seq, body=text, hash=fresh))
            value = f"{entry.seq} {fresh}"
            if noted is None:
                connection.execute(meta.insert().values(name=HEAD, value=value))
            else:
                connection.execute(meta.update().where(meta.c.name == HEAD).values(value=value))
        return entry, Witness(self.chain, entry.seq, fresh)

    def head(self) -> Witness | None:
        """The newest entry as noted when it was written; None before the first."""
        with self._database.read() as connection:
            noted = connection.execute(select(schema.meta.c.value).where(schema.meta.c.name == HEAD)).scalar()
        if noted is None:
            return None
        seq, _, digest = noted.partition(" ")
        return Witness(self.chain, int(seq) if seq.isdigit() else -1, digest, "this database")

    def rows(self) -> list[AuditRow]:
        """Every row in order, in one snapshot."""
        with self._database.read() as connection:
            query = select(schema.audit.c.seq, schema.audit.c.body, schema.audit.c.hash).order_by(schema.audit.c.seq)
            return [AuditRow(*row) for row in connection.execute(query)]

    def newest(self, limit: int) -> list[AuditRow]:
        """The newest rows, oldest of them first."""
        with self._database.read() as connection:
            query = (
                select(schema.audit.c.seq, schema.audit.c.body, schema.audit.c.hash)
                .order_by(schema.audit.c.seq.desc())
                .limit(limit)
            )
            return [AuditRow(*row) for row in connection.execute(query)][::-1]
