"""`opsconsole failed`: the failed jobs of an environment, listed and shown.

Owns the group and its reading commands; the changing ones join it from `cli/failed_changes`. Must not change a job.
"""

from __future__ import annotations

import json
from pathlib import Path

import click

from console.cli.environment import load_config, opened
from console.cli.failed_changes import forget, retry
from console.cli.groups import WholeGroup
from console.cli.options import config_option, environment_option, json_option
from console.cli.output import write_json, write_line, write_note, write_table
from console.domain.failures import FailedDetail, FailedFilter
from console.present import payload
from console.present.text import counted
from console.services.failed_jobs.table import FailedRows


@click.group(cls=WholeGroup)
def failed() -> None:
    """Failed jobs: list, show, retry, forget."""


failed.add_command(retry)
failed.add_command(forget)


@failed.command("list")
@config_option
@environment_option
@json_option
@click.option("--below", type=int, default=None, metavar="ID", help="Go on below this id (`next` of the page before).")
@click.option("--connection", default="", help="Only jobs of this queue connection.")
@click.option("--queue", default="", help="Only jobs of this queue.")
@click.option("--job", default="", help="Only jobs whose class contains this.")
@click.option("--text", default="", help="Only jobs whose class, exception or message contains this.")
def list_jobs(
    *,
    config_path: Path | None,
    environment: str,
    as_json: bool,
    below: int | None,
    connection: str,
    queue: str,
    job: str,
    text: str,
) -> int:
    """The newest failed jobs, a hundred a page."""
    config = load_config(config_path)
    where = FailedFilter(connection=connection, queue=queue, job=job, text=text)
    with opened(config, config.environment(environment)) as target:
        page = FailedRows(lambda _name: target.reach).page(environment, below=below, where=where)
    if as_json:
        write_json(payload.failed_list_document(page))
        return 0
    write_table(
        ["uuid", "failed at", "queue", "job", "exception"],
        [
            [
                found.uuid or f"none (id {found.id})",
                str(payload.stamp(found.failed_at) or "-"),
                f"{found.connection}:{found.queue}",
                found.job.show(60),
                f"{found.exception_class.show(60)}: {found.message.show(80)}",
            ]
            for found in page.jobs
        ],
    )
    words = "in all" if page.count.is_complete else page.count.bound
    write_note(f"{counted(page.count)} {words}" + (f"; more: --below {page.next}" if page.next is not None else ""))
    return 0


@failed.command()
@config_option
@environment_option
@json_option
@click.argument("uuid")
def show(config_path: Path | None, environment: str, as_json: bool, uuid: str) -> int:
    """One failed job, whole: payload, decoded command, exception chain with frames.

    UUID may be cut off, to six characters or more, as long as it names one job.
    """
    config = load_config(config_path)
    with opened(config, config.environment(environment)) as target:
        rows = FailedRows(lambda _name: target.reach)
        (whole,) = rows.whole_ids(environment, [uuid])
        detail = rows.show(environment, whole)
    if as_json:
        write_json(payload.failed_show_document(detail))
    else:
        _write_detail(detail)
    return 0


def _write_detail(detail: FailedDetail) -> None:
    job = detail.job
    for name, text in (
        ("uuid", job.uuid or f"none (id {job.id})"),
        ("job", job.job.show(200)),
        ("queue", f"{job.connection}:{job.queue}"),
        ("failed at", str(payload.stamp(job.failed_at) or "unknown")),
        ("payload", f"{detail.payload_bytes} bytes"),
        ("exception", f"{detail.exception_bytes} bytes"),
    ):
        write_line(f"{name.ljust(10)} {text}")
    if detail.truncated:
        write_note("only the first million characters of each body were fetched")
    write_line()
    for line in _pretty(detail):
        write_line(line)
    for number, thrown in enumerate(detail.chain):
        write_line()
        cause = "caused by " if number else ""
        write_line(f"{cause}{thrown.exception_class.show(300)}: {thrown.message.show(2000)}")
        write_line(f"  in {thrown.location.show(500)}")
        for frame in thrown.frames:
            write_line(f"  #{frame.number} {frame.location.show(300)} {frame.call.show(300)}".rstrip())


def _pretty(detail: FailedDetail) -> list[str]:
    if detail.payload is None:
        return list(detail.payload_text.lines(limit=500, count=200))
    lines = json.dumps(detail.payload, indent=2, ensure_ascii=False).split("\n")
    if detail.command is not None:
        lines += ["command:", *json.dumps(detail.command, indent=2, ensure_ascii=False).split("\n")]
    return lines
