"""The index of panes: one line each. A new pane is one file in this folder and one line here.

Owns the list, and that no two panes claim the same digit or name. Must not say anything of a pane: its class does.
"""

from __future__ import annotations

from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from console.ui.pane import Pane

PANES = (
    "console.ui.panes.environments:EnvironmentsPane",
    "console.ui.panes.queues:QueuesPane",
    "console.ui.panes.health:HealthPane",
    "console.ui.panes.failed_jobs:FailedJobsPane",
    "console.ui.panes.checklists:ChecklistsPane",
    "console.ui.panes.logs:LogsPane",
)


@cache
def panes() -> tuple[type[Pane], ...]:
    """Every pane's class, in the order of their digits. ValueError when two of them claim the same one."""
    return load(PANES)


def load(paths: tuple[str, ...]) -> tuple[type[Pane], ...]:
    """The classes that stand at `MODULE:NAME`, in the order of their digits."""
    # A pane needs the commands to be declared, and they need the panes: none is imported before one is asked for.
    found: list[type[Pane]] = []
    for path in paths:
        module, _, name = path.partition(":")
        pane = cast("type[Pane]", getattr(import_module(module), name))
        if any(pane.NUMBER == other.NUMBER or pane.NAME == other.NAME for other in found):
            raise ValueError(f"{path}: its digit {pane.NUMBER} or its name {pane.NAME!r} is another pane's")
        found.append(pane)
    return tuple(sorted(found, key=lambda pane: pane.NUMBER))
