"""The click group behind every command: it lists commands from the table and imports one only to invoke it.

Owns help, version and click's own errors. Must not know any command.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

import click

from console import __version__
from console.errors import OpsconsoleError, UsageError

if TYPE_CHECKING:
    from console.cli.main import LazyCommand


_CODES = (
    "Exit codes: 0 ok, 1 failed, 2 usage or configuration, 3 partial, 4 authentication or host key, 5 lock held, "
    "6 unreachable, 7 refused by policy or confirmation, 8 outcome unknown: an operator is needed, 130/143 signals."
)


class LazyGroup(click.Group):
    """A group whose commands are named by a table and imported when invoked."""

    def __init__(self, table: Mapping[str, LazyCommand]) -> None:
        self.table = table
        super().__init__(
            name="opsconsole",
            help="A terminal operations console for Laravel in production. Without a command: the screen.",
            params=[
                click.Option(
                    ["--config", "config_path"],
                    type=click.Path(path_type=Path),
                    envvar="OPSCONSOLE_CONFIG",
                    metavar="PATH",
                    help="The configuration file.",
                ),
                click.Option(
                    ["--version"],
                    is_flag=True,
                    is_eager=True,
                    expose_value=False,
                    callback=_version,
                    help="The version.",
                ),
            ],
            callback=_hand_down,
            epilog=_CODES,
        )

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click fixes the signature
        """Every command that help shows, in the table's order."""
        return [name for name, command in self.table.items() if not command.hidden]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - likewise
        """Imports the command; None when the table has no such name."""
        lazy = self.table.get(cmd_name)
        if lazy is None:
            return None
        module, _, attribute = lazy.target.partition(":")
        command = getattr(import_module(module), attribute)
        if not isinstance(command, click.Command):
            raise TypeError(f"{lazy.target} is not a command")
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The commands with their line from the table, none imported."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, self.table[name].help) for name in self.list_commands(ctx)])


def invoke(argv: list[str], table: Mapping[str, LazyCommand]) -> int:
    """Runs one command; its exit code (None counts as 0). Click's own errors become ours, `--help` and the like 0."""
    group = LazyGroup(table)
    try:
        # Not `main`: it ends the process with 1 on a closed pipe, which is no failure.
        with group.make_context("opsconsole", list(argv)) as ctx:
            result = group.invoke(ctx)
    except click.exceptions.Exit as ending:
        return ending.exit_code
    except click.exceptions.Abort:
        raise KeyboardInterrupt from None
    except click.UsageError as error:
        raise _usage(error) from error
    except click.ClickException as error:
        raise OpsconsoleError(error.format_message()) from error
    return result if isinstance(result, int) else 0


def _usage(error: click.UsageError) -> UsageError:
    if isinstance(error, click.exceptions.NoArgsIsHelpError):
        return UsageError(error.format_message())
    path = error.ctx.command_path if error.ctx else "opsconsole"
    return UsageError(error.format_message(), fix=f"see: {path} --help")


def _version(ctx: click.Context, _param: click.Parameter, value: bool) -> None:
    if value:
        click.echo(f"opsconsole {__version__}")
        ctx.exit(0)


def _hand_down(config_path: Path | None) -> None:
    """Nothing: `--config` before the command is looked up by `options.config_option`."""
    del config_path
