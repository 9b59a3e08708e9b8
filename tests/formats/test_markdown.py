"""Checklists read from Markdown: items, exact lines, sections, commands; and that no text whatever breaks it."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from console.errors import OpsconsoleError
from console.formats.markdown import parse_checklist, read_checklist

DEPLOY = """---
owner: platform
---
# Release day

Read it *once* before you start.

## Before

- [ ] Everybody knows
- [x] Dump the database: `mysqldump app > /backup/app.sql`
  ```bash
  ls -l /backup
  sha256sum /backup/app.sql
  ```
- a plain bullet with `php artisan about` in it
  - [ ] nested **item** with a [link](https://example.com)

### The code

1. [X] Numbered
2. no box

| what | who |
| --- | --- |
| [ ] Cell item `git status` | ops |
| no box | `php artisan queue:restart` |
| [x] | Row item |

## When it fails

```sh
php artisan down
```

```ini
[program:worker]
command=/usr/bin/php artisan queue:work --queue=low,high
```

```env
APP_ENV=production
```

```bash
# only settings
APP_ENV=production
```

Everybody knows:

- [ ] Everybody knows
"""


def line_of(text: str) -> int:
    """Where `text` stands in the sample, from 1."""
    return next(number for number, line in enumerate(DEPLOY.splitlines(), 1) if text in line)


def test_items_have_their_text_section_line_and_state() -> None:
    checklist = parse_checklist(DEPLOY, "deploy")
    assert (checklist.name, checklist.title) == ("deploy", "Release day")
    assert [(item.text, item.section, item.line, item.done) for item in checklist.items] == [
        ("Everybody knows", "Before", line_of("Everybody knows"), False),
        ("Dump the database: mysqldump app > /backup/app.sql", "Before", line_of("Dump"), True),
        ("nested item with a link", "Before", line_of("nested"), False),
        ("Numbered", "Before › The code", line_of("Numbered"), True),
        ("Cell item git status", "Before › The code", line_of("Cell item"), False),
        ("Row item", "Before › The code", line_of("Row item"), True),
        ("Everybody knows", "When it fails", len(DEPLOY.splitlines()), False),
    ]


def test_commands_belong_to_their_item_exactly() -> None:
    items = {item.text.split(":")[0]: item for item in parse_checklist(DEPLOY, "deploy").items}
    assert items["Dump the database"].commands == (
        "mysqldump app > /backup/app.sql",
        "ls -l /backup\nsha256sum /backup/app.sql",
    )
    assert items["Cell item git status"].commands == ("git status",)


def test_commands_outside_items_are_kept_with_their_line() -> None:
    commands = parse_checklist(DEPLOY, "deploy").commands
    assert [(command.line, command.section, command.text) for command in commands] == [
        (line_of("plain bullet"), "Before", "php artisan about"),
        (line_of("queue:restart"), "Before › The code", "php artisan queue:restart"),
        (line_of("artisan down") - 1, "When it fails", "php artisan down"),
        (line_of("queue:work"), "When it fails", "/usr/bin/php artisan queue:work --queue=low,high"),
    ]


def test_ids_stay_when_other_lines_move_and_differ_for_equal_texts() -> None:
    before = parse_checklist("# T\n## S\n- [ ] one\n- [ ] one\n- [ ] two\n", "t").items
    after = parse_checklist("# T\n\nnew words\n## S\n- [x] zero\n- [x] one\n- [ ] one\n- [ ] two\n", "t").items
    assert len({item.id for item in before}) == 3
    assert [item.id for item in before] == [item.id for item in after[1:]]


def test_windows_line_ends_and_a_missing_heading() -> None:
    checklist = parse_checklist("- [ ] one\r\n- [ ] two\r\n", "notes")
    assert checklist.title == "notes"
    assert [item.line for item in checklist.items] == [1, 2]


def test_a_file_with_undecodable_bytes_is_read(tmp_path: Path) -> None:
    file = tmp_path / "odd.md"
    file.write_bytes(b"- [ ] caf\xe9\n")
    assert read_checklist(file).items[0].text == "caf\ufffd"


def test_a_missing_file_is_said(tmp_path: Path) -> None:
    with pytest.raises(OpsconsoleError, match="cannot be read: No such file"):
        read_checklist(tmp_path / "none.md")


PIECES = [
    "- [ ] ",
    "- [x] ",
    "  ",
    "\t",
    "`",
    "```",
    "\n",
    "\r",
    "# ",
    "| ",
    "|---|\n",
    "> ",
    "1. ",
    "a",
    "[",
    "]",
    "<b>",
    "\0",
    "é",
]


@settings(max_examples=300, deadline=None)
@given(st.lists(st.sampled_from(PIECES), max_size=60).map("".join))
def test_any_text_gives_a_checklist_with_real_lines_and_unique_ids(text: str) -> None:
    checklist = parse_checklist(text, "any")
    count = len(text.replace("\r\n", "\n").replace("\r", "\n").split("\n"))
    assert all(1 <= item.line <= count and item.text for item in checklist.items)
    assert len({item.id for item in checklist.items}) == len(checklist.items)


def test_deep_nesting_does_not_break_it() -> None:
    text = "".join("  " * depth + "- [ ] item\n" for depth in range(300)) + ">" * 3000 + "\n" + "[" * 3000
    assert parse_checklist(text, "deep").items
