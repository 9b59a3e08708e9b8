"""The audit chain: entries, how each is bound to the one before, and how tampering is found.

Owns the canonical body, the hash rule and the verdict over rows and witnesses. Must not read or write anything.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import overload

from console.domain.codec import decode, encode
from console.domain.documents import canonical

GENESIS = "0" * 64
"""What the first entry is bound to, together with the chain's own name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditEntry:
    """One thing somebody did, or means to do (`result` is `intent`). `seconds` is its duration, `targets` the ids it
    touched, `command` the exact text with secrets masked."""

    seq: int
    at: datetime
    uid: int
    login: str
    machine: str
    origin: str
    environment: str
    action: str
    command: str = ""
    targets: tuple[str, ...] = ()
    plan_hash: str = ""
    run: int | None = None
    result: str = ""
    exit_status: int | None = None
    seconds: float | None = None
    detail: str = ""


@dataclass(frozen=True, slots=True)
class AuditPage(Sequence[AuditEntry]):
    """Some entries, oldest first. `bound` says what is left out of them, and is empty when nothing is."""

    entries: tuple[AuditEntry, ...]
    bound: str = ""

    def __len__(self) -> int:
        return len(self.entries)

    @overload
    def __getitem__(self, place: int) -> AuditEntry: ...
    @overload
    def __getitem__(self, place: slice) -> tuple[AuditEntry, ...]: ...
    def __getitem__(self, place: int | slice) -> AuditEntry | tuple[AuditEntry, ...]:
        return self.entries[place]


@dataclass(frozen=True, slots=True)
class AuditRow:
    """An entry at rest: its number, its canonical body and the hash over the hash before and the body."""

    seq: int
    body: str
    hash: str


@dataclass(frozen=True, slots=True)
class Witness:
    """A head that somebody else keeps: the chain's name, the entry's number and its hash. `place` says where."""

    chain: str
    seq: int
    hash: str
    place: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChainVerdict:
    """What verifying found. `problems` is empty for a sound chain. `witnessed` is the highest entry that a witness of
    this chain confirms, 0 for none; `unwitnessed_since` is the time of the first entry above it."""

    entries: int
    head: str
    problems: tuple[str, ...]
    witnessed: int = 0
    unwitnessed_since: datetime | None = None

    @property
    def sound(self) -> bool:
        """Whether nothing was found."""
        return not self.problems


def body(entry: AuditEntry) -> str:
    """The canonical text of an entry."""
    return canonical(encode(entry))


def read_body(text: str) -> AuditEntry:
    """The entry of such a text. ValueError when it is none."""
    return decode(AuditEntry, json.loads(text))


def first_link(chain: str) -> str:
    """What entry 1 of a chain is bound to: another chain's entries do not fit."""
    return link(GENESIS, chain)


def link(before: str, text: str) -> str:
    """The hash of an entry: SHA-256 over the hash before it and its body."""
    return hashlib.sha256(f"{before}\n{text}".encode("utf-8", "surrogateescape")).hexdigest()


def verify(
    chain: str, rows: Iterable[AuditRow], head: Witness | None = None, witnesses: Sequence[Witness] = ()
) -> ChainVerdict:
    """Follows the chain from its first entry. `head` is the database's own note of the newest entry.

    Finds edits, deletions and reorderings by itself; truncation and recomputed chains against `witnesses`.
    """
    problems: list[str] = []
    hashes: dict[int, str] = {}
    times: dict[int, datetime] = {}
    before, expected = first_link(chain), 1
    for row in rows:
        if row.seq != expected:
            problems.append(f"entry {expected} is missing: {row.seq} follows {expected - 1}")
        if link(before, row.body) != row.hash:
            problems.append(f"entry {row.seq} was changed, or what stood before it was")
        problem, at = _judge_body(row)
        problems += problem
        if at is not None:
            times[row.seq] = at
        hashes[row.seq] = row.hash
        before, expected = row.hash, row.seq + 1
    newest = max(hashes, default=0)
    if head is not None and (head.seq, head.hash) != (newest, before if newest else first_link(chain)):
        problems.append(f"the newest entry should be {head.seq}, it is {newest}")
    mine = [witness for witness in witnesses if witness.chain == chain]
    confirmed = 0
    for witness in mine:
        if hashes.get(witness.seq) == witness.hash:
            confirmed = max(confirmed, witness.seq)
        else:
            what = "is gone" if witness.seq not in hashes else "is not the one witnessed"
            problems.append(f"entry {witness.seq} {what} ({witness.place or 'a witness'})")
    open_times = [at for seq, at in sorted(times.items()) if seq > confirmed]
    return ChainVerdict(
        entries=len(hashes),
        head=before if newest else "",
        problems=tuple(problems),
        witnessed=confirmed,
        unwitnessed_since=open_times[0] if open_times else None,
    )


def _judge_body(row: AuditRow) -> tuple[list[str], datetime | None]:
    try:
        entry = read_body(row.body)
    except ValueError:
        return [f"entry {row.seq} is not readable"], None
    if entry.seq != row.seq:
        return [f"entry {row.seq} says of itself that it is {entry.seq}"], entry.at
    return [], entry.at
