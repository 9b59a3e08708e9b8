"""What the keys, the `:` line and the palette need of the main screen.

Owns that Protocol. Must not know who calls it: keys, line and palette import it, the main screen is one.
"""

from __future__ import annotations

from typing import Protocol

from textual.app import App

from console.services.container import Services
from console.ui.action_flow import ActionFlow
from console.ui.clipboard import Clipboard
from console.ui.environment_switch import EnvironmentSwitch
from console.ui.layout import Arrangement
from console.ui.pane import Pane
from console.ui.pane_group import PaneGroup
from console.ui.widgets.line_input import LineInput


class ConsoleView(Protocol):
    """The main screen as its commands see it. `services`, `switch` and `acting` are None until the services exist."""

    services: Services | None
    switch: EnvironmentSwitch | None
    acting: ActionFlow | None
    panes: PaneGroup
    arrangement: Arrangement
    line: LineInput
    clipboard: Clipboard
    themes: tuple[str, ...]

    @property
    def app(self) -> App[object]: ...
    @property
    def pane(self) -> Pane:
        """The pane with the focus, the drawer included."""
        ...

    def action_invoke(self, id: str) -> None:
        """Does any command of the main screen, by its id."""
        ...

    def select(self, name: str) -> None:
        """Makes an environment the banner's."""
        ...

    def focus_pane(self, number: int) -> None:
        """Gives the focus to a pane; 0 is the drawer."""
        ...

    def zoom(self) -> None:
        """Shows the focused pane alone, or all panes again."""
        ...

    def show_drawer(self, wanted: bool) -> None:
        """Opens or closes the run drawer."""
        ...

    def toggle_clock(self) -> None:
        """Switches all times between UTC and local time."""
        ...

    def notice(self, text: str, state: str = "ok") -> None:
        """Shows a harmless sentence for a few seconds."""
        ...
