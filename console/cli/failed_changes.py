"""`opsconsole failed retry` and `failed forget`: built-in actions on a frozen set of ids, with each id's own outcome.

Owns these two commands and their exit codes. Must not change a job; a run does, through artisan on the host.
"""

from __future__ import annotations

from pathlib import Path

import click

from console.cli.options import config_option, environment_option, json_option
from console.cli.output import write_json, write_note, write_table
from console.domain.documents import Json
from console.domain.runs import Plan, results_code


def _change(
    action: str,
    config_path: Path | None,
    environment: str,
    *,
    as_json: bool,
    ids: tuple[str, ...],
    yes: bool,
    name: str,
    reason: str,
) -> int:
    # Listing failed jobs needs none of this.
    from console.cli.acting import agree, begin, follow, make_plan, opened_state
    from console.cli.reading import opened
    from console.present.acting import archived_rows, results_document
    from console.services.failed import FailedRows

    with opened_state(config_path) as desk:

        def make() -> Plan:
            with opened(desk.config, desk.config.environment(environment)) as target:
                whole = FailedRows(lambda _name: target.reach).whole_ids(environment, ids)
            return make_plan(desk, environment, action, {"ids": list[Json](whole)})

        made, confirmation = agree(
            desk, make, environment=environment, action=action, as_json=as_json, yes=yes, name=name, reason=reason
        )
        number = begin(desk, made, confirmation)
        code = follow(desk, number, as_json=False, quiet=True, started=True)
        events = desk.state.runs.events(number)
    results = results_document(events)
    archives = archived_rows(events)
    if not results:
        return code
    if as_json:
        write_json({"run": number, "environment": environment, "results": results})
    else:
        write_table(
            ["uuid", "outcome", "detail"],
            [[str(one[key]) for key in ("uuid", "outcome", "detail")] for one in results if isinstance(one, dict)],
        )
        for archive in archives:
            write_note(f"The rows as they were: {archive}")
    return results_code([one.get("outcome") for one in results if isinstance(one, dict)])


@click.command()
@config_option
@environment_option
@json_option
@click.argument("ids", nargs=-1, required=True, metavar="UUID…")
@click.option("--yes", is_flag=True, help="Confirm without being asked.")
@click.option("--confirm", "name", default="", metavar="NAME", help="The environment's name: confirms a protected one.")
@click.option("--reason", default="", help="Why, for the audit.")
def retry(
    *,
    config_path: Path | None,
    environment: str,
    as_json: bool,
    ids: tuple[str, ...],
    yes: bool,
    name: str,
    reason: str,
) -> int:
    """Puts failed jobs back on their queues and says what became of each.

    A UUID may be cut off, to six characters or more, as long as it names one job.
    """
    return _change("retry", config_path, environment, as_json=as_json, ids=ids, yes=yes, name=name, reason=reason)


@click.command()
@config_option
@environment_option
@json_option
@click.argument("ids", nargs=-1, required=True, metavar="UUID…")
@click.option("--yes", is_flag=True, help="Confirm without being asked.")
@click.option("--confirm", "name", default="", metavar="NAME", help="The environment's name: confirms a protected one.")
@click.option("--reason", default="", help="Why, for the audit.")
def forget(
    *,
    config_path: Path | None,
    environment: str,
    as_json: bool,
    ids: tuple[str, ...],
    yes: bool,
    name: str,
    reason: str,
) -> int:
    """Deletes failed jobs after archiving their rows; says what became of each and where the archive is.

    A UUID may be cut off, to six characters or more, as long as it names one job.
    """
    return _change("forget", config_path, environment, as_json=as_json, ids=ids, yes=yes, name=name, reason=reason)
