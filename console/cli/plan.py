"""`opsconsole plan`: what an action would do, exactly.

Owns that command. Must not change anything.
"""

from __future__ import annotations

import os
from pathlib import Path
from shlex import quote

import click

from console.cli.confirm import given_params, opened_state, unchanged
from console.cli.options import config_option, environment_option, json_option
from console.cli.output import write_json, write_line, write_lines, write_note
from console.domain.documents import canonical
from console.domain.plan_codec import encode_plan, plan_hash
from console.domain.plans import Plan
from console.errors import RefusedError, UsageError
from console.own_commands import own_command
from console.present.action_list import action_lines, actions_document
from console.present.run_documents import plan_document


@click.command()
@config_option
@environment_option
@json_option
@click.argument("action", default="")
@click.option("--param", "params", multiple=True, metavar="NAME=VALUE", help="A parameter of the action.")
@click.option("-o", "--output", type=click.Path(path_type=Path), default=None, help="Write the plan, for run --plan.")
@click.option("--scripts", is_flag=True, help="Print the exact scripts too.")
def plan(
    *,
    config_path: Path | None,
    environment: str,
    as_json: bool,
    action: str,
    params: tuple[str, ...],
    output: Path | None,
    scripts: bool,
) -> int:
    """What ACTION would do now, exactly. Connects to every host and changes nothing.

    Without ACTION: lists the environment's actions and their parameters, at once.
    """
    if not action:
        return _list(config_path, environment, as_json=as_json)
    with opened_state(config_path) as access, unchanged():
        made = access.control.plan(environment, action, given_params(params))
    if output is not None:
        _write(made, output)
    if as_json:
        write_json(plan_document(made))
    else:
        print_plan(made, scripts=scripts)
    return 0


def _list(config_path: Path | None, environment: str, *, as_json: bool) -> int:
    from console.services.planning.planner import as_offered, check_needs
    from console.wiring.configuration import load

    config = load(config_path)
    target = config.environment(environment)
    offered = []
    for action in config.actions:
        why = ""
        try:
            check_needs(action, target)
        except RefusedError as error:
            why = error.what
        offered.append((as_offered(action, target), why))
    if as_json:
        write_json(actions_document(environment, offered))
        return 0
    write_lines(action_lines(offered))
    write_note(f"Look at one with: {own_command(f'plan ACTION -e {environment}')}")
    return 0


def print_plan(made: Plan, *, scripts: bool = False) -> None:
    """A plan for a person."""
    from console.present.run_rows import plan_lines

    write_line(f"{made.title} on {made.environment}" + (" (PROTECTED)" if made.protected else ""))
    for line in plan_lines(made):
        write_line("".join(text for text, _state in line).rstrip())
    write_line(f"hash      {plan_hash(made)}")
    for step in made.steps if scripts else ():
        for script in step.scripts:
            write_line()
            write_line(f"--- {step.name} on {script.host}")
            for text in script.script.splitlines():
                write_line(text)


def _write(made: Plan, output: Path) -> None:
    try:
        descriptor = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
        with os.fdopen(descriptor, "w", encoding="ascii") as stream:
            stream.write(canonical(encode_plan(made)) + "\n")
    except OSError as error:
        raise UsageError(f"{output} cannot be written: {error.strerror}.") from error
    ran = own_command(f"run {made.action} -e {made.environment} --plan {quote(str(output.absolute()))}")
    write_note(f"Written to {output}; run it with: {ran}")
