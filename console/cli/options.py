"""The options that several commands share, so that `-e` and `--json` mean the same everywhere.

Owns their names, environment variables and help. Must not read a configuration.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from console.own_commands import name_configuration

F = TypeVar("F", bound=Callable[..., Any])


def config_option(command: F) -> F:
    """Adds `--config PATH` (or OPSCONSOLE_CONFIG) as `config_path: Path | None`."""
    return click.option(
        "--config",
        "config_path",
        type=click.Path(path_type=Path),
        envvar="OPSCONSOLE_CONFIG",
        metavar="PATH",
        callback=_or_root,
        help="The configuration file.",
    )(command)


def _or_root(ctx: click.Context, param: click.Parameter, value: Path | None) -> Path | None:
    # `opsconsole --config X status` means the same as `opsconsole status --config X`.
    if ctx.get_parameter_source(param.name or "") is click.core.ParameterSource.COMMANDLINE:
        found: Path | None = value
    else:
        above = ctx.find_root().params.get("config_path")
        found = above if isinstance(above, Path) else value
    name_configuration(found)
    return found


def environment_option(command: F) -> F:
    """Adds a required `-e/--env NAME` as `environment: str`."""
    return click.option(
        "-e", "--env", "environment", required=True, metavar="NAME", help="The environment to look at or change."
    )(command)


def optional_environment_option(command: F) -> F:
    """Adds `-e/--env NAME` as `environment: str`, empty when not given."""
    return click.option(
        "-e", "--env", "environment", default="", metavar="NAME", help="Only this environment (default: all)."
    )(command)


def json_option(command: F) -> F:
    """Adds `--json` as `as_json: bool`; errors become JSON on stderr too."""
    return click.option("--json", "as_json", is_flag=True, help="One JSON document on stdout, errors as JSON.")(command)
