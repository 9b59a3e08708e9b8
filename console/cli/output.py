"""What a command writes: JSON that any terminal survives, and plain tables of harmless text.

Owns stdout's forms. Must not decide what is written; stdout is data only, everything else goes to stderr.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Mapping, Sequence

from console.domain.documents import Json
from console.domain.untrusted import harmless

SCHEMA_VERSION = 1


def write_json(document: Mapping[str, Json]) -> None:
    """One document, indented, ASCII-escaped, with `schema_version` first."""
    whole: dict[str, Json] = {"schema_version": SCHEMA_VERSION, **document}
    sys.stdout.write(json.dumps(whole, indent=2, ensure_ascii=True, allow_nan=False) + "\n")


def write_json_line(document: Mapping[str, Json]) -> None:
    """One document on one line, ASCII-escaped and flushed, for streams of them."""
    sys.stdout.write(json.dumps(dict(document), ensure_ascii=True, allow_nan=False, separators=(",", ":")) + "\n")
    sys.stdout.flush()


def write_line(text: str = "") -> None:
    """One line for a person; control and bidi code points become visible pictures."""
    sys.stdout.write(harmless(text) + "\n")


def write_lines(lines: Iterable[str]) -> None:
    """Several of them."""
    for line in lines:
        write_line(line)


def write_text(text: str) -> None:
    """Words of ours that may have several lines, as lines."""
    write_lines(text.split("\n"))


def write_note(text: str) -> None:
    """Words for a person on stderr, where they cannot be taken for data; of several lines, each on its own."""
    for line in text.split("\n"):
        sys.stderr.write(harmless(line) + "\n")


def flush() -> None:
    """Hands over what was written: whoever waits for a run reads along."""
    sys.stdout.flush()


def write_table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Aligned columns; a column whose cells are all numbers is aligned right."""
    cells = [[harmless(cell) for cell in row] for row in rows]
    widths = [max(len(name), *(len(row[at]) for row in cells)) if cells else len(name) for at, name in enumerate(head)]
    right = [bool(cells) and all(_numeric(row[at]) for row in cells) for at in range(len(head))]
    for row in [list(head), *cells]:
        parts = [cell.rjust(widths[at]) if right[at] else cell.ljust(widths[at]) for at, cell in enumerate(row)]
        sys.stdout.write("  ".join(parts).rstrip() + "\n")


def _numeric(cell: str) -> bool:
    return cell in ("", "-") or cell.lstrip("~-").replace(",", "").replace(".", "", 1).isdigit()
