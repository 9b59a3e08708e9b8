"""Starting the screen: the one place where the toolkit's application meets the composition root.

Owns the hand-over. Must not build services itself: the application calls the factory behind its first frame.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from console.errors import UsageError
from console.own_commands import name_configuration, own_command
from console.ports import Publish

if TYPE_CHECKING:
    from console.services.container import Services


def open_screen(config: Path | None) -> int:
    """Runs the screen until the operator quits; its exit code. ConfigError when the configuration is wrong."""
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise UsageError("the screen needs a terminal", fix="see: opsconsole --help for commands that need none")
    from console.ui.launch import run_screen

    def factory(publish: Publish) -> Services:
        # Behind the first frame: configuration and clients are most of the start-up time.
        from console.wiring.screen import open_services

        return open_services(config, publish)

    name_configuration(config)
    return run_screen(factory, command=own_command)
