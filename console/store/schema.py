"""The tables of the state database.

Owns names, columns and the schema's number. Types are those every SQL database has, so that the same schema can move
to a shared server. Times are RFC 3339 UTC text, documents are JSON text. Must not hold queries.
"""

from __future__ import annotations

from sqlalchemy import Column, Index, Integer, LargeBinary, MetaData, String, Table, Text

VERSION = 1
"""The schema this console writes. A database with a higher number is read and never written."""

metadata = MetaData()

meta = Table(
    "meta",
    metadata,
    Column("name", String(64), primary_key=True),
    Column("value", Text, nullable=False),
)

runs = Table(
    "runs",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("name", String(64), nullable=False, unique=True),
    Column("environment", String(190), nullable=False),
    Column("action", String(190), nullable=False),
    Column("plan", Text, nullable=False),
    Column("plan_hash", String(64), nullable=False),
    Column("operator", Text, nullable=False),
    Column("token", String(64), nullable=False),
    Column("created_at", String(32), nullable=False),
    Index("runs_environment", "environment", "id"),
    sqlite_autoincrement=True,
)

events = Table(
    "events",
    metadata,
    Column("run", Integer, primary_key=True, autoincrement=False),
    Column("seq", Integer, primary_key=True, autoincrement=False),
    Column("at", String(32), nullable=False),
    Column("kind", String(32), nullable=False),
    Column("step", String(190), nullable=False),
    Column("host", String(190), nullable=False),
    Column("data", Text, nullable=False),
)

output = Table(
    "output",
    metadata,
    Column("run", Integer, primary_key=True, autoincrement=False),
    Column("step", String(190), primary_key=True),
    Column("host", String(190), primary_key=True),
    Column("offset", Integer, primary_key=True, autoincrement=False),
    Column("length", Integer, nullable=False),
    Column("bytes", LargeBinary, nullable=False),
)

requests = Table(
    "requests",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("run", Integer, nullable=False),
    Column("at", String(32), nullable=False),
    Column("who", String(190), nullable=False),
    Column("kind", String(32), nullable=False),
    Column("body", Text, nullable=False),
    Column("taken_seq", Integer, nullable=True),
    Index("requests_run", "run", "taken_seq"),
    sqlite_autoincrement=True,
)

leases = Table(
    "leases",
    metadata,
    Column("name", String(190), primary_key=True),
    Column("holder", String(190), nullable=False),
    Column("counter", Integer, nullable=False),
)

sessions = Table(
    "sessions",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("environment", String(190), nullable=False),
    Column("checklist", String(190), nullable=False),
    Column("opened_at", String(32), nullable=False),
    Column("who", String(190), nullable=False),
    Column("closed_at", String(32), nullable=True),
    Index("sessions_open", "environment", "checklist", "closed_at"),
    sqlite_autoincrement=True,
)

marks = Table(
    "marks",
    metadata,
    Column("session", Integer, primary_key=True, autoincrement=False),
    Column("seq", Integer, primary_key=True, autoincrement=False),
    Column("item", String(190), nullable=False),
    Column("kind", String(32), nullable=False),
    Column("who", String(190), nullable=False),
    Column("at", String(32), nullable=False),
    Column("note", Text, nullable=False),
)

windows = Table(
    "windows",
    metadata,
    Column("environment", String(190), primary_key=True),
    Column("session", String(64), primary_key=True),
    Column("operator", String(190), nullable=False),
    Column("until", String(32), nullable=False),
)

audit = Table(
    "audit",
    metadata,
    Column("seq", Integer, primary_key=True, autoincrement=False),
    Column("body", Text, nullable=False),
    Column("hash", String(64), nullable=False),
)
