"""`opsconsole demo`: the console on an embedded world, through exactly the code that production takes.

Owns starting or joining the world and pointing the console at its configuration. Must not special-case anything else.
"""

from __future__ import annotations

import os
from pathlib import Path

import click


@click.command()
@click.option("--headless", is_flag=True, help="Start the world, print its status as JSON, and end.")
@click.option(
    "--dir",
    "directory",
    type=click.Path(path_type=Path, file_okay=False),
    help="Where the world lives (default: the state directory).",
)
def demo(headless: bool, directory: Path | None) -> int:
    """An embedded world to try everything on: no set-up, no network.

    Two environments with SSH hosts, queues, failing jobs, logs and health checks. Everything may be broken; a
    directory that is removed comes back fresh.
    """
    from console.cli.main import run
    from console.demo.announcement import joined

    with joined((directory or _default()).absolute()) as config:
        os.environ["OPSCONSOLE_CONFIG"] = str(config)
        if headless:
            return run(["status", "--json"])
        return run([])


def _default() -> Path:
    from platformdirs import user_state_path

    return user_state_path("opsconsole") / "demo"
