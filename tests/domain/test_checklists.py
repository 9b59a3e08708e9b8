"""How marks fold into what a pane shows."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from console.domain.checklists import Checklist, Item, Mark, MarkKind, fold

START = datetime(2026, 11, 21, 20, 0, tzinfo=UTC)


def item(name: str, *, done: bool = False) -> Item:
    """An item named by its id."""
    return Item(id=name, text=name, section="S", line=1, done=done)


def mark(name: str, kind: MarkKind, minute: int, note: str = "", who: str = "ada@desk") -> Mark:
    """A mark some minutes after the start."""
    return Mark(item=name, kind=kind, who=who, at=START + timedelta(minutes=minute), note=note)


LIST = Checklist(name="deploy", title="Deploy", items=(item("a"), item("b", done=True), item("c")))


def test_without_marks_the_file_speaks() -> None:
    view = fold(LIST)
    assert [walked.state for walked in view.items] == ["open", "done", "open"]
    assert (view.done, view.session, view.title) == (1, None, "Deploy")


def test_the_last_mark_decides_and_the_newest_words_stay() -> None:
    marks = [
        mark("a", MarkKind.TICK, 1),
        mark("a", MarkKind.FAIL, 2, "disk full"),
        mark("b", MarkKind.REOPEN, 3),
        mark("c", MarkKind.SKIP, 4, "not needed", who="bob@desk"),
        mark("a", MarkKind.NOTE, 5, "ticket 7"),
        mark("gone", MarkKind.TICK, 6),
    ]
    view = fold(LIST, marks, session=9)
    assert [(walked.state, walked.who, walked.note) for walked in view.items] == [
        ("failed", "ada@desk", "ticket 7"),
        ("open", "ada@desk", ""),
        ("skipped", "bob@desk", "not needed"),
    ]
    assert view.items[0].at == START + timedelta(minutes=2)
    assert (view.done, view.session) == (1, 9)
