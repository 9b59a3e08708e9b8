"""The words of the bottom line: the keys that matter, and the run that goes on.

Owns what the footer says, from the command table. Pure.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from console.domain.runs import RunState, RunView
from console.domain.untrusted import harmless
from console.present.run_rows import progress_words, run_seconds, run_state
from console.present.text import stopwatch
from console.ui.command_index import all_commands
from console.ui.commands import command
from console.ui.widgets.status_bar import Piece


def footer(
    actions: Collection[str], run: RunView | None, now: datetime | None, busy: str = ""
) -> tuple[tuple[Piece, ...], tuple[Piece, ...]]:
    """Left: keys (production ones only where the environment has the action); right: what is being
    prepared, else a run that is not over."""
    shown = [each for each in all_commands() if each.footer and (not each.production or each.production in actions)]
    first = [each for each in shown if each.production]
    rest = [each for each in shown if not each.production]
    left = [Piece(" ")]
    for place, each in enumerate([*first, command("table.filter"), *rest]):
        left += [Piece(each.label, "key", place), Piece(f" {each.title}  ", "dim", place)]
    right: list[Piece] = [Piece(f"{harmless(busy)} ", "accent")] if busy else []
    if not busy and run is not None and now is not None and run.state is not RunState.FINISHED:
        word, state = run_state(run)
        right = [
            Piece(f"run {run.run} {harmless(run.action)} ", ""),
            Piece(f"{progress_words(run, now)} ", ""),
            Piece(f"{word} ", state),
            Piece(f"{stopwatch(run_seconds(run, now))} ", "dim", 20),
        ]
    return tuple(left), tuple(right)
