"""A command group whose help shows each command's whole sentence.

Owns that layout. Must not know any command.
"""

from __future__ import annotations

import click


class WholeGroup(click.Group):
    """A group that never cuts off what its commands say of themselves."""

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Each command with the first paragraph of its help."""
        found = [(name, self.get_command(ctx, name)) for name in self.list_commands(ctx)]
        with formatter.section("Commands"):
            formatter.write_dl(
                [(name, _sentence(command)) for name, command in found if command and not command.hidden]
            )


def _sentence(command: click.Command) -> str:
    return " ".join((command.help or "").partition("\n\n")[0].split())
