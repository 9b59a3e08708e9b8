"""Who is killed while an action runs, and how its run is gone on with afterwards. Asserts nothing of the run."""

from __future__ import annotations

import signal
import time

from tests.end_to_end.command import Command
from tests.lab.processes import send
from tests.lab.world import Lab

VICTIMS = ("screen", "launcher", "runner", "sshd", "runner and sshd")


def kill(lab: Lab, console: Command, victim: str) -> None:
    """Kills the processes that the word names, whichever are there, but for whoever looks on."""
    if "runner" in victim:
        send(console.runners(), signal.SIGKILL)
    if "sshd" in victim:
        for node in lab.nodes:
            lab.servers.cut_sessions(node)


def state(console: Command) -> str:
    return str(console("runs", "show", "1", "--json").json["state"])


def settle(console: Command) -> str:
    """Goes on with run 1 until it has ended or wants an operator; its state."""
    deadline = time.monotonic() + 90
    while time.monotonic() < deadline:
        now = state(console)
        if now in ("finished", "needs_operator"):
            return now
        if not console.runners():
            console("runs", "resume", "1")
        else:
            console("runs", "attach", "1", seconds=90)
    raise AssertionError(f"run 1 never ended: {console('runs', 'show', '1').out}")
