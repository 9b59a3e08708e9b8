"""The index of panes: one line each, in the order of their digits.

Owns where each pane stands on the main screen. Must not import a pane: classes are named, the main screen loads them.
A new pane is one file in this folder and one line here.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class PaneEntry:
    """A pane's digit, its class as `module:name`, and its slot: left, centre, right or bottom."""

    number: int
    path: str
    slot: str


PANES: tuple[PaneEntry, ...] = (
    PaneEntry(1, "console.ui.panes.environments:EnvironmentsPane", "left"),
    PaneEntry(2, "console.ui.panes.queues:QueuesPane", "centre"),
    PaneEntry(3, "console.ui.panes.health:HealthPane", "right"),
    PaneEntry(4, "console.ui.panes.failed_jobs:FailedJobsPane", "centre"),
    PaneEntry(5, "console.ui.panes.checklists:ChecklistsPane", "right"),
    PaneEntry(6, "console.ui.panes.logs:LogsPane", "bottom"),
)
