"""The test world by hand: `python -m tests.lab up|down|status|hold|seed|bulk|log DIRECTORY …`."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from tests.lab import world
from tests.lab.values import SERVICES, World


def main() -> int:
    """Runs one command; the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.lab", description=__doc__)
    parser.add_argument("command", choices=("up", "down", "status", "hold"))
    parser.add_argument("directory", type=Path)
    parser.add_argument("--timezone", default="UTC")
    words = parser.parse_args()
    root: Path = words.directory.absolute()
    if words.command in ("up", "hold"):
        lab = world.up(root, timezone=words.timezone)
        print("ready", flush=True)
        if words.command == "hold":
            sys.stdin.read()
            lab.down()
        return 0
    if not (root / "lab.json").exists():
        print(f"no test world in {root}")
        return 0 if words.command == "down" else 1
    lab = world.Lab(World.load(root))
    if words.command == "down":
        lab.down()
        return 0
    for name in SERVICES:
        print(f"{name:12} {' '.join(str(each.pid) for each in lab.servers.processes(name)) or 'not running'}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
