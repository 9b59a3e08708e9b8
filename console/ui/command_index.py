"""Every command: those of the table, and the digit of each pane.

Owns the joining of both, and that no key is taken twice in a pane. Must not declare a command.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import cache

from console.ui.commands import COMMANDS, PLACES, PLACES_BEHIND, Command, main_command
from console.ui.pane import Pane
from console.ui.panes import panes


@cache
def all_commands() -> tuple[Command, ...]:
    """Every command: one for each pane, then the table. ValueError when a pane has a key that is taken where it is."""
    return with_panes(panes())


def with_panes(found: Sequence[type[Pane]]) -> tuple[Command, ...]:
    """The same with these panes."""
    own = (
        main_command(f"pane.{pane.NUMBER}", str(pane.NUMBER), pane.NAME, f"Focus the {pane.NAME} pane", name=pane.NAME)
        for pane in found
    )
    every = (*own, *COMMANDS)
    for pane in found:
        _refuse_twice(every, pane)
    return every


def _refuse_twice(every: Iterable[Command], pane: type[Pane]) -> None:
    """What a key does in a pane must be certain: of all places that are live there, it belongs to one command."""
    chain, taken = ("app", "main", *pane.CHAIN, pane.NAME), dict[str, str]()
    for each in every:
        for key in each.keys.split(",") if each.where in chain else ():
            if taken.setdefault(key, each.id) != each.id:
                raise ValueError(f"in the pane {pane.NAME} the key {key} is that of {taken[key]} and of {each.id}")


@cache
def places() -> Mapping[str, str]:
    """Every place a command can apply, with its heading."""
    return {**PLACES, **{pane.NAME: f"{pane.TITLE} pane" for pane in panes()}, **PLACES_BEHIND}


def commands_of(where: str) -> tuple[Command, ...]:
    """The commands of one place, the digits of the panes among those of the main screen."""
    return tuple(each for each in all_commands() if each.where == where)


def keys_document() -> str:
    """docs/keys.md, whole."""
    lines = ["# Keys", "", "Made from `console/ui/commands.py`; a test keeps it equal.", ""]
    for where, heading in places().items():
        rows = commands_of(where)
        if rows:
            lines += [
                f"## {heading}",
                "",
                "| key | command | what it does | `:` name | id |",
                "| --- | --- | --- | --- | --- |",
            ]
            lines += [
                f"| {' '.join(f'`{key}`' for key in row.label.split(' '))} | {row.title} | {row.help} | "
                f"{f'`:{row.name}`' if row.name else ''} | {row.id} |"
                for row in rows
            ]
            lines.append("")
    return "\n".join(lines)
