"""The screen that is shown while the terminal is too small for anything else.

Owns one line. It takes every key, so that no key acts on something that cannot be seen.
"""

from __future__ import annotations

from textual.app import App, ComposeResult
from textual.screen import Screen
from textual.widgets import Static

from console.ui.layout import LEAST, sizes


class TooSmall(Screen[None]):
    """Lies over everything until the terminal has grown."""

    AUTO_FOCUS = None

    def compose(self) -> ComposeResult:
        """The line."""
        yield Static(f"too small: {LEAST[0]}x{LEAST[1]} at least", markup=False)

    def on_screen_resume(self) -> None:
        """Gives way if the terminal has grown while another screen lay over this one."""
        if not sizes(self.app.size.width, self.app.size.height).tiny:
            self.app.pop_screen()


def fit(app: App[None]) -> None:
    """Shows `TooSmall` over everything while the terminal is too small, and takes it away when there is room again."""
    tiny, shown = sizes(app.size.width, app.size.height).tiny, isinstance(app.screen, TooSmall)
    if tiny and not shown:
        app.push_screen(TooSmall())
    elif shown and not tiny:
        app.pop_screen()
