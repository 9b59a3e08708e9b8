"""`opsconsole config`: whether the configuration is right, and its JSON Schema for editors.

Owns the commands. Must not validate anything itself.
"""

from __future__ import annotations

import json
from pathlib import Path

import click

from console.cli.groups import WholeGroup
from console.cli.options import config_option, json_option
from console.cli.output import write_json, write_line


@click.group(cls=WholeGroup)
def config() -> None:
    """The configuration: check, schema."""


@config.command()
@config_option
@json_option
def check(config_path: Path | None, as_json: bool) -> None:
    """Reads the configuration and every action; names all problems as file:line:column, or says what it holds."""
    from console.wiring.configuration import load, notes

    found = load(config_path, complete=True)
    noted = notes(found)
    if as_json:
        write_json(
            {
                "path": str(found.path),
                "environments": [{"name": each.name, "tier": each.tier.value} for each in found.environments],
                "actions": [{"name": each.name, "file": each.file} for each in found.actions],
                "problems": [],
                "notes": list(noted),
            }
        )
        return
    write_line(f"{found.path}: no problems")
    for environment in found.environments:
        hosts = ", ".join(host.name for host in environment.hosts)
        write_line(f"  {environment.name}  {environment.tier.value}  {hosts}")
    for words in noted:
        write_line(f"  note: {words}")
    write_line(f"  actions: {', '.join(action.name for action in found.actions) or 'none'}")


@config.command()
@click.option("--actions", is_flag=True, help="The schema of action files in place of the configuration's.")
def schema(actions: bool) -> None:
    """Prints the JSON Schema that editors complete and check the file with."""
    from console.config.schema import action_schema, config_schema
    from console.wiring.configuration import source_kinds, step_kinds

    document = action_schema(step_kinds()) if actions else config_schema(source_kinds())
    click.echo(json.dumps(document, indent=2, ensure_ascii=True))
