"""`opsconsole run`: plans, confirms and starts an action, then follows it.

Owns that command. The run itself is a runner's, which outlives this process.
"""

from __future__ import annotations

from pathlib import Path

import click

from console.cli.attachment import follow, signals
from console.cli.confirm import Given, agree, given_params, opened_state
from console.cli.options import config_option, environment_option, json_option
from console.cli.output import write_json_line, write_line, write_note
from console.cli.streams import outliving_stdout
from console.domain.plan_codec import plan_hash
from console.domain.runs import Plan
from console.errors import UsageError
from console.own_commands import own_command


@click.command()
@config_option
@environment_option
@json_option
@click.argument("action")
@click.option("--param", "params", multiple=True, metavar="NAME=VALUE", help="A parameter of the action.")
@click.option("--plan", "plan_file", type=click.Path(path_type=Path), default=None, help="A plan that plan -o wrote.")
@click.option("--yes", is_flag=True, help="Confirm without being asked.")
@click.option("--confirm", "name", default="", metavar="NAME", help="The environment's name: confirms a protected one.")
@click.option("--reason", default="", help="Why, for the audit.")
@click.option("--detach", is_flag=True, help="Start it and leave.")
@click.option(
    "--on-interrupt", type=click.Choice(["detach", "abort"]), default="detach", help="What INT, TERM and HUP do."
)
def run(
    *,
    config_path: Path | None,
    environment: str,
    as_json: bool,
    action: str,
    params: tuple[str, ...],
    plan_file: Path | None,
    yes: bool,
    name: str,
    reason: str,
    detach: bool,
    on_interrupt: str,
) -> int:
    """Plans ACTION, asks for confirmation, runs it detached and follows it.

    `opsconsole plan -e NAME` lists the actions and their parameters.
    """
    if plan_file is not None and params:
        raise UsageError(
            "--plan and --param exclude each other: a saved plan has its parameters already.",
            done="Nothing was planned.",
            fix=f"Make another plan with: {own_command('plan ACTION -e ENV --param NAME=VALUE -o FILE')}",
        )
    with opened_state(config_path) as access:

        def make() -> Plan:
            if plan_file is not None:
                return access.control.saved_plan(plan_file, environment, action)
            return access.control.plan(environment, action, given_params(params))

        made, confirmation = agree(access, make, Given(yes=yes, name=name, reason=reason), as_json=as_json)
        with signals() as caught, outliving_stdout():
            number = access.control.start(made, confirmation)
            if not detach:
                aborting = on_interrupt == "abort"
                return follow(access, number, caught, as_json=as_json, aborting=aborting, started=True)
            if as_json:
                write_json_line({"kind": "run_detached", "run": number, "plan_hash": plan_hash(made)})
            else:
                write_line(f"run {number}")
            write_note(f"Follow it with: {own_command(f'runs attach {number}')}")
            return 0
