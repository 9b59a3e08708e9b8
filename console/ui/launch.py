"""Running the screen until the operator leaves, and what is left to do then.

Owns the order of the end: the terminal's title, the word on a run that goes on, the services, the error. Must not touch
a widget.
"""

from __future__ import annotations

import os
from collections.abc import Callable

from console.services.container import ServicesFactory
from console.ui import safety
from console.ui.app import ConsoleApp
from console.ui.colour_depth import depth_of
from console.ui.shutdown import Closing, failed, tell_run
from console.ui.terminal import TerminalWatch


def run_screen(
    factory: ServicesFactory, *, theme: str = "dark", command: Callable[[str], str] = "opsconsole {}".format
) -> int:
    """Runs the screen until the operator leaves and returns the exit code. Raises what the factory raised on purpose.
    `command` turns words of ours into a command line that can be pasted."""
    depth = depth_of(os.environ)
    app = ConsoleApp(factory, theme=theme, ascii_only=safety.wants_ascii(os.environ), depth=depth, command=command)
    closing = Closing(lambda: app.built)
    app.terminal_watch = TerminalWatch(app.leave, closing.close).start()
    try:
        app.run()
    finally:
        safety.restore_title()
    if app.built is not None:
        tell_run(app.built, app.main.environment, command)
    closing.close()
    if app.failure is not None:
        raise app.failure
    if app.crash is not None:
        raise failed(app.crash)
    return app.return_code or 0
