"""The numbered panes and the run drawer, told together what concerns all of them.

Owns who is drawn again when something was published or a second has passed. Must not know any pane but the drawer.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import replace

from textual.content import Content

from console.domain.snapshot import Key
from console.services.container import Services
from console.ui.layout import DRAWER
from console.ui.pane import Attached, Pane
from console.ui.panes import panes
from console.ui.panes.run_drawer import RunDrawer


class PaneGroup:
    """One of each pane, by its digit; the run drawer has 0."""

    def __init__(self) -> None:
        self.drawer = RunDrawer()
        self.numbered: dict[int, Pane] = {each.NUMBER: each() for each in panes()}

    def __getitem__(self, number: int) -> Pane:
        return self.drawer if number == DRAWER else self.numbered[number]

    def __iter__(self) -> Iterator[Pane]:
        yield from self.numbered.values()
        yield self.drawer

    def in_slot(self, slot: str) -> list[Pane]:
        """The panes that stand in one column, from above."""
        return [pane for pane in self.numbered.values() if slot == pane.SLOT]

    def named(self, name: str) -> Pane:
        """The pane that `:NAME` means; StopIteration when there is none."""
        return next(pane for pane in self.numbered.values() if name == pane.NAME)

    @property
    def reads(self) -> frozenset[type]:
        """The kinds of readings that the numbered panes show."""
        return frozenset(kind for pane in self.numbered.values() for kind in pane.READS)

    @property
    def expecting(self) -> int:
        """How many texts that keys asked for are on their way."""
        return sum(pane.expecting for pane in self.numbered.values())

    def attach(self, attached: Attached) -> None:
        """Gives every pane another environment, and draws it."""
        for pane in self:
            pane.attach(attached)
            pane.refresh_from(attached.services)

    def published(self, keys: Collection[Key], services: Services) -> None:
        """Draws the panes that one of these keys concerns."""
        for pane in self:
            if any(pane.concerns(key) for key in keys):
                pane.refresh_from(services)
                pane.refreshed_at = services.clock.monotonic()

    def tick(self, mono: float) -> None:
        """Tells every pane that a second has passed."""
        for pane in self:
            pane.tick(mono)

    def show_times(self, *, local: bool) -> None:
        """Shows all times in UTC, or in the local zone."""
        for pane in self:
            if pane.attached:
                pane.attached = replace(pane.attached, local_time=local)
                pane.refresh_from(pane.attached.services)

    def summaries(self, focused: int) -> list[Content]:
        """The line of every pane but the focused one; of the drawer only when there is a run."""
        lines = [pane.summary_line() for number, pane in self.numbered.items() if number != focused]
        if self.drawer.view is not None and focused != DRAWER:
            lines.append(self.drawer.summary_line())
        return lines
