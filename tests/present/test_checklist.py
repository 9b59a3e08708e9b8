"""A checklist as rows, as one item's details, and as JSON."""

from __future__ import annotations

import json
from datetime import UTC, datetime

from console.domain.checklists import Checklist, Item, LooseCommand, Mark, MarkKind, fold
from console.present.checklist import checklist_document, checklist_rows, item_lines, progress

AT = datetime(2026, 11, 21, 20, 51, 3, tzinfo=UTC)
LIST = Checklist(
    name="deploy",
    title="Deploy",
    items=(
        Item(id="a", text="tell \x1b[31mall\u202e", section="Before", line=3, done=True),
        Item(id="b", text="migrate", section="Before", line=4, done=False, commands=("php artisan migrate",)),
        Item(id="c", text="restart", section="After", line=7, done=False, commands=("git status\ngit log",)),
        Item(id="d", text="look", section="After", line=9, done=False),
    ),
    commands=(LooseCommand(line=12, section="After", text="php artisan queue:retry --all"),),
)
MARKS = (
    Mark(item="c", kind=MarkKind.SKIP, who="ada@desk", at=AT, note="quiet\nnight"),
    Mark(item="d", kind=MarkKind.FAIL, who="bob@desk", at=AT, note="503"),
)
VIEW = fold(LIST, MARKS, session=4)


def test_rows_stand_below_their_sections_and_the_next_item_is_marked() -> None:
    rows = checklist_rows(VIEW)
    assert [(row.heading, row.cells[0].text, row.cells[1].text if not row.heading else "") for row in rows] == [
        (True, "Before", ""),
        (False, "✓", "tell ␛[31mall‹U+202E›"),
        (False, "▶", "migrate"),
        (True, "After", ""),
        (False, "–", "restart · skipped: quiet␊night"),
        (False, "✖", "look · failed: 503"),
    ]
    assert [row.cells[3].text for row in rows if not row.heading] == ["", "", "ada", "bob"]
    assert rows[2].cells[2].text == "▲"
    assert progress(VIEW) == "2/4"


def test_details_hold_commands_and_what_is_known_against_them() -> None:
    shown = "\n".join("".join(text for text, _state in line) for line in item_lines(VIEW, "b"))
    assert "○ open" in shown
    assert "  $ php artisan migrate" in shown
    assert "without --force" in shown
    assert "line 4 of the file" in shown
    skipped = ["".join(text for text, _state in line) for line in item_lines(VIEW, "c")]
    assert "– skipped  ada@desk  2026-11-21 20:51:03Z" in skipped
    assert [line for line in skipped if line in ("quiet", "night")] == ["quiet", "night"]
    assert "  $ git status" in skipped
    assert "    git log" in skipped
    assert len(item_lines(VIEW, "gone")) == 1


def test_the_document_is_exact_and_its_text_harmless() -> None:
    document = checklist_document(LIST)
    assert (document["title"], document["total"], document["done"]) == ("Deploy", 4, 1)
    text = json.dumps(document)
    assert "\x1b" not in text
    again = json.loads(text)
    assert again["items"][0]["text"] == "tell \x1b[31mall\u202e"
    assert again["items"][1] == {
        "id": "b",
        "text": "migrate",
        "section": "Before",
        "line": 4,
        "done": False,
        "commands": ["php artisan migrate"],
        "notes": [
            {
                "command": "php artisan migrate",
                "note": "In production `migrate` without --force asks, and without an answer ends with 1.",
            }
        ],
    }
    assert again["commands"] == [
        {
            "line": 12,
            "section": "After",
            "text": "php artisan queue:retry --all",
            "note": "There is no --all: it is `queue:retry all`.",
        }
    ]
