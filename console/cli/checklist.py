"""`opsconsole checklist`: what a Markdown checklist holds.

Owns the command. Must not mark anything: sessions are held on the screen.
"""

from __future__ import annotations

from pathlib import Path

import click

from console.cli.groups import WholeGroup
from console.cli.options import json_option
from console.cli.output import write_json, write_line
from console.domain.advice import advise
from console.domain.checklists import Checklist
from console.domain.untrusted import Raw
from console.errors import UsageError


@click.group(cls=WholeGroup)
def checklist() -> None:
    """Checklists: what a file holds."""


@checklist.command()
@click.argument("file", type=click.Path(path_type=Path))
@json_option
def show(file: Path, as_json: bool) -> None:
    """Shows the items and commands of a Markdown FILE, and what is known against a command."""
    from console.config.paths import absence
    from console.formats.markdown import read_checklist
    from console.present.checklist import checklist_document

    if missing := absence(file):
        raise UsageError(f"{file}: {missing}.", done="Nothing was read.")
    found = read_checklist(file)
    if as_json:
        write_json(checklist_document(found))
    else:
        _print(found)


def _print(found: Checklist) -> None:
    done = sum(item.done for item in found.items)
    write_line(f"{found.title}  {done}/{len(found.items)}")
    section: str | None = None
    for item in found.items:
        if item.section != section:
            section = item.section
            write_line()
            write_line(section or found.title)
        write_line(f"  [{'x' if item.done else ' '}] {item.text}  (line {item.line})")
        for command in item.commands:
            _print_command(command)
    if found.commands:
        write_line()
        write_line("Commands outside items")
        for loose in found.commands:
            write_line(f"  line {loose.line}  {loose.section}")
            _print_command(loose.text)


def _print_command(text: str) -> None:
    from console.present.checklist import sign

    for number, line in enumerate(Raw.of(text).lines()):
        write_line(f"      {sign(text, number)} {line}")
    if note := advise(text):
        write_line(f"      ! {note}")
