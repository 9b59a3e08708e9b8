"""Checklists: confirmations in order, marks on them, and the session that the marks belong to.

Owns the values and how marks fold into an item's state. Must not parse Markdown (`formats.markdown` does) nor store.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One confirmation. `id` is stable while its text and section stay; `line` counts from 1 in the file; `done` is the
    file's own `[x]`; `commands` are the code spans and blocks that belong to it, exact."""

    id: str
    text: str
    section: str
    line: int
    done: bool
    commands: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class LooseCommand:
    """A command block that belongs to no item."""

    line: int
    section: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Checklist:
    """A parsed file. `name` is its stem, `title` its first heading."""

    name: str
    title: str
    items: tuple[Item, ...]
    commands: tuple[LooseCommand, ...] = ()


class MarkKind(StrEnum):
    """What an operator can say of an item."""

    TICK = "tick"
    SKIP = "skip"
    FAIL = "fail"
    REOPEN = "reopen"
    NOTE = "note"


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """One statement by one operator about one item."""

    item: str
    kind: MarkKind
    who: str
    at: datetime
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """One use of a checklist by any number of operators, from its first mark to its closing. `closed_at` is None
    while it is open."""

    id: int
    environment: str
    checklist: str
    who: str
    opened_at: datetime
    closed_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Walked:
    """An item with what has been said of it: `state` is open, done, skipped or failed; `note` the newest words."""

    item: Item
    state: str
    who: str = ""
    at: datetime | None = None
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChecklistView:
    """A checklist as a pane shows it. `session` is None while only the file speaks."""

    name: str
    title: str
    session: int | None
    items: tuple[Walked, ...]

    @property
    def done(self) -> int:
        """Items no longer open (done or skipped)."""
        return sum(walked.state in ("done", "skipped") for walked in self.items)


_STATES = {MarkKind.TICK: "done", MarkKind.SKIP: "skipped", MarkKind.FAIL: "failed", MarkKind.REOPEN: "open"}


def fold(checklist: Checklist, marks: Iterable[Mark] = (), session: int | None = None) -> ChecklistView:
    """The file's items after `marks` in their order. Marks on items that the file no longer has are passed over."""
    walked = {item.id: Walked(item=item, state="done" if item.done else "open") for item in checklist.items}
    for mark in marks:
        before = walked.get(mark.item)
        if before is None:
            continue
        note = mark.note or before.note
        if mark.kind is MarkKind.NOTE:
            walked[mark.item] = replace(before, note=note)
        else:
            walked[mark.item] = replace(before, state=_STATES[mark.kind], who=mark.who, at=mark.at, note=note)
    return ChecklistView(name=checklist.name, title=checklist.title, session=session, items=tuple(walked.values()))
