"""`opsconsole failed retry` and `failed forget`: built-in actions on a frozen set of ids, with each id's own outcome.

Owns these two commands and their exit codes. Must not change a job; a run does, through artisan on the host.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from console.cli.options import config_option, environment_option, json_option
from console.cli.output import write_json, write_note, write_table
from console.cli.streams import outliving_stdout
from console.domain.documents import Json
from console.errors import StateError

if TYPE_CHECKING:
    from console.domain.plans import Plan
    from console.services.runs.control import RunHistory


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
    from console.cli.attachment import follow, signals
    from console.cli.confirm import Given, agree, opened_state
    from console.cli.environment import opened
    from console.services.failed_jobs.table import FailedRows

    with opened_state(config_path) as access:

        def make() -> Plan:
            with opened(access.config, access.config.environment(environment)) as target:
                whole = FailedRows(lambda _name: target.reach).whole_ids(environment, ids)
            return access.control.plan(environment, action, {"ids": list[Json](whole)})

        made, confirmation = agree(access, make, Given(yes=yes, name=name, reason=reason), as_json=as_json)
        with signals() as caught, outliving_stdout():
            number = access.control.start(made, confirmation)
            code = follow(access, number, caught, as_json=False, quiet=True, started=True)
            try:
                _print(access.control.history(number), as_json=as_json)
            except StateError as error:
                write_note(f"What became of each job cannot be read: {error}")
            return code


def _print(found: RunHistory, *, as_json: bool) -> None:
    """What became of each job, and of the run: one that ended early has come to none of them, and says why."""
    from console.present.run_documents import archived_rows, changes_document
    from console.services.runs.confirmation import begun

    document = changes_document(found.view, found.events)
    results = document["results"]
    if as_json:
        write_json(document)
    elif isinstance(results, list) and results:
        write_table(
            ["uuid", "outcome", "detail"],
            [[str(one[key]) for key in ("uuid", "outcome", "detail")] for one in results if isinstance(one, dict)],
        )
    for archive in archived_rows(found.events):
        write_note(f"The rows as they were: {archive}")
    if found.view.outcome is not None and not results:
        known = "What became of the jobs is not known: look at them." if begun(found.view) else "No job was touched."
        write_note(known)


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
