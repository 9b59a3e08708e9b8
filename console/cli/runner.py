"""The hidden `opsconsole _runner`: the process that performs one run, adopted by init.

Owns its first moments and its last resort. Must not print; its streams are a log that people read after a crash.
"""

from __future__ import annotations

import resource
from pathlib import Path

import click

from console.cli.options import config_option


@click.command(hidden=True)
@config_option
@click.argument("run", type=int)
@click.option("--adopt", "adopted", is_flag=True, help="Leave the parent first.")
def runner(config_path: Path | None, run: int, adopted: bool) -> int:
    """Performs one run."""
    if adopted:
        from console.services.runs.spawn import adopt

        adopt()
    # A core would hold every secret of the run.
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    from console.services.runs.runner_log import noted_life

    with noted_life(run) as status:
        from console.wiring.runs import run_runner

        status.append(run_runner(run, config_path))
    return status[0]
