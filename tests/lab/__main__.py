"""The test world by hand: `python -m tests.lab COMMAND [DIRECTORY] …`. Decides only what each word means."""

from __future__ import annotations

import argparse
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path

from tests.lab import packages, seeding, world
from tests.lab.values import SERVICES, World


def raise_world(words: argparse.Namespace) -> None:
    """`up`: starts a world that stays, and says how to look at it. `hold`: one that ends with standard input."""
    lab = world.up(words.directory, timezone=words.timezone)
    if words.command == "up":
        config = lab.write_config(words.directory / "console")
        print(f"opsconsole --config {config}\nssh -F {lab.ssh_config} lab-node1")
        return
    try:
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
        print("ready", flush=True)
        sys.stdin.read()
    finally:
        lab.down()


def show(lab: world.Lab) -> None:
    """`status`: each server and its processes."""
    for name in SERVICES:
        print(f"{name:12} {' '.join(str(each.pid) for each in lab.servers.processes(name)) or 'not running'}")


def write_log(lab: world.Lab, rate: float) -> None:
    """`log`: writes numbered entries on the first host until interrupted."""
    with seeding.LogWriter(lab.node1, rate, seconds=86_400) as writer:
        try:
            sys.stdin.read()
            print(writer.stop(), "entries")
        except KeyboardInterrupt:
            print()


def main() -> int:
    """Runs one command; the exit code."""
    # The servers run as other accounts and have to be let in, whatever the umask of whoever calls this.
    os.umask(0o022)
    parser = argparse.ArgumentParser(prog="python -m tests.lab", description=__doc__)
    parser.add_argument("command", choices=("packages", "up", "hold", "down", "status", "seed", "bulk", "log"))
    parser.add_argument(
        "directory", type=lambda text: Path(text).absolute(), nargs="?", default=Path("/tmp/opsconsole-lab")
    )
    parser.add_argument("--timezone", default="UTC", help="the application's (up)")
    parser.add_argument("--count", type=int, default=100_000, help="failed jobs in all (bulk), entries a second (log)")
    words = parser.parse_args()
    if words.command == "packages":
        if os.geteuid() == 0:
            packages.install()
        return 0
    if words.command in ("up", "hold"):
        raise_world(words)
        return 0
    if not (words.directory / "lab.json").exists():
        print(f"no test world in {words.directory}")
        return 0 if words.command == "down" else 1
    lab = world.Lab(World.load(words.directory))
    commands: dict[str, Callable[[], None]] = {
        "down": lab.down,
        "status": lambda: show(lab),
        "seed": lambda: print(seeding.seed(lab)),
        "bulk": lambda: seeding.bulk_failed(lab, words.count),
        "log": lambda: write_log(lab, words.count),
    }
    commands[words.command]()
    return 0


if __name__ == "__main__":
    sys.exit(main())
