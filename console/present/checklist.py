"""A checklist as table rows, as the lines of one item's details, and as the JSON document of `checklist show`.

Owns its words, glyphs and states. Must not read a file nor a clock.
"""

from __future__ import annotations

from console.domain.advice import advise
from console.domain.checklists import Checklist, ChecklistView, Walked
from console.domain.documents import Json
from console.domain.untrusted import Raw, harmless
from console.present import text
from console.present.table import Cell, Column, Row

COLUMNS = (
    Column("state", "", width=1),
    Column("item", "", grow=True, width=24),
    Column("commands", "", width=1, most=1, priority=1),
    Column("who", "", most=12, priority=2),
    Column("word", "", priority=3),
    Column("at", "", right=True, priority=4),
)
ITEM = 1
"""The place of an item's words in a row."""

_STATES = {
    "open": (text.OPEN, "", ""),
    "done": (text.DONE, "ok", "dim"),
    "skipped": ("–", "dim", "dim"),
    "failed": (text.FAILED, "error", "error"),
}
_MAX_LINES = 500


def checklist_rows(view: ChecklistView, *, local: bool = False) -> tuple[Row, ...]:
    """Headings and items in the file's order; the first open item is the one to do next."""
    following = next((walked.item.id for walked in view.items if walked.state == "open"), "")
    rows: list[Row] = []
    section: str | None = None
    for number, walked in enumerate(view.items):
        item = walked.item
        if item.section != section:
            section = item.section
            rows.append(Row(f"heading:{number}", (Cell(harmless(section or view.title), "dim"),), heading=True))
        glyph, state, words = _STATES[walked.state]
        if item.id == following:
            glyph, state, words = text.CURRENT, "accent", "bold"
        rows.append(
            Row(
                item.id,
                (
                    Cell(glyph, state),
                    Cell(_said(walked), words),
                    _commands(walked),
                    Cell(harmless(walked.who.partition("@")[0]), "dim"),
                    Cell("done" if walked.state == "done" else "", "dim"),
                    Cell(text.moment(walked.at, local=local, seconds=False) if walked.at else "", "dim"),
                ),
            )
        )
    return tuple(rows)


def _said(walked: Walked) -> str:
    # skipped and failed stand beside the words too: the column of states is the first to go when there is no room
    state = walked.state if walked.state in ("skipped", "failed") else ""
    said = ": ".join(part for part in (state, harmless(walked.note)) if part)
    return f"{harmless(walked.item.text)} · {said}" if said else harmless(walked.item.text)


def _commands(walked: Walked) -> Cell:
    if walked.state != "open" or not any(map(runs, walked.item.commands)):
        return Cell("")
    return Cell(text.WARNING, "warning") if any(map(advise, walked.item.commands)) else Cell("$", "dim")


def item_lines(view: ChecklistView, item: str, *, local: bool = False) -> tuple[text.Line, ...]:
    """Everything about one item: its words, what was said of it, its commands with what is known against them."""
    walked = next((each for each in view.items if each.item.id == item), None)
    if walked is None:
        return (((("this item is no longer in the file"), "dim"),),)
    glyph, state, _words = _STATES[walked.state]
    lines: list[text.Line] = [
        ((harmless(walked.item.section or view.title), "dim"),),
        ((harmless(walked.item.text), "bold"),),
        (),
        ((f"{glyph} {walked.state}", state or "dim"), *_marked(walked, local)),
    ]
    if walked.note:
        lines += [((line, ""),) for line in Raw.of(walked.note).lines()]
    for command in walked.item.commands:
        lines.append(())
        lines += [((f"  {sign(command, number)} ", "dim"), (line, "")) for number, line in _lines_of(command)]
        if note := advise(command):
            lines.append((("  ▲ ", "warning"), (note, "warning")))
    lines += [(), ((f"line {walked.item.line} of the file", "dim"),)]
    return tuple(lines)


def runs(command: str) -> bool:
    """Whether a code span is something to run: a file's or setting's name alone is not."""
    return len(command.split()) > 1


def sign(command: str, number: int) -> str:
    """What stands before a command's line: `$` before its first, when it is one to run."""
    return "$" if number == 0 and runs(command) else " "


def _lines_of(command: str) -> list[tuple[int, str]]:
    return list(enumerate(Raw.of(command).lines(count=_MAX_LINES)))


def _marked(walked: Walked, local: bool) -> tuple[tuple[str, str], ...]:
    if walked.at is None:
        return ((" in the file", "dim"),) if walked.state == "done" else ()
    return ((f"  {harmless(walked.who)}  {text.day(walked.at, local=local)}", "dim"),)


def progress(view: ChecklistView) -> str:
    """`12/48`: items no longer open, of all."""
    return f"{view.done}/{len(view.items)}"


def checklist_document(checklist: Checklist) -> dict[str, Json]:
    """The document of `checklist show FILE --json`; `notes` says what is known against a command of the item."""
    return {
        "title": checklist.title,
        "total": len(checklist.items),
        "done": sum(item.done for item in checklist.items),
        "items": [
            {
                "id": item.id,
                "text": item.text,
                "section": item.section,
                "line": item.line,
                "done": item.done,
                "commands": list(item.commands),
                "notes": [{"command": command, "note": note} for command in item.commands if (note := advise(command))],
            }
            for item in checklist.items
        ],
        "commands": [
            {"line": command.line, "section": command.section, "text": command.text, "note": advise(command.text)}
            for command in checklist.commands
        ],
    }
