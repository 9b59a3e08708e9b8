"""Times questions to a host and to its database over the console's own connections, each beside a plain one; prints the
medians as one JSON line. Run as a program by the interpreter of the environment that the console is installed in."""

from __future__ import annotations

import json
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

import paramiko

from console.domain.environment import Host, SshTarget
from console.services.failed_jobs.table import FailedRows
from console.services.threads.loop import SystemClock
from console.wiring.configuration import load_environments
from console.wiring.reach import open_reach

EXECS, PAGES = 200, 31
ENVIRONMENT = "lab"


def in_turn(count: int, *asked: Callable[[], object]) -> list[float]:
    """The median seconds of each question, asked in turn so that both see the same machine."""
    took: list[list[float]] = [[] for _ in asked]
    for _ in range(count):
        for times, ask in zip(took, asked, strict=True):
            begun = time.perf_counter()
            ask()
            times.append(time.perf_counter() - begun)
    return [statistics.median(times) for times in took]


def default_client(host: Host, key: str) -> paramiko.SSHClient:
    """A connection to the same host as paramiko makes it by itself."""
    target = host.ssh
    assert isinstance(target, SshTarget)
    client = paramiko.SSHClient()
    client.set_missing_host_key_policy(paramiko.AutoAddPolicy())
    client.connect(target.host, target.port or 22, target.user or None, key_filename=key, allow_agent=False)
    return client


def main(config: str, key: str) -> None:
    """Asks, and prints what it took in ms."""
    loaded = load_environments(Path(config))
    environment = loaded.environment(ENVIRONMENT)
    reach = open_reach(environment, clock=SystemClock(), state_dir=loaded.state_path)
    host = environment.hosts[0]
    shell, plain = reach.shell(host.name), default_client(host, key)
    shell.connect()
    ours, theirs = in_turn(
        EXECS, lambda: shell.run("true"), lambda: plain.exec_command("true")[1].channel.recv_exit_status()
    )
    rows, session = FailedRows(lambda name: reach), reach.sql("")
    first = rows.page(ENVIRONMENT)
    page, trip = in_turn(PAGES, lambda: rows.page(ENVIRONMENT), lambda: session.query("SELECT 1"))
    plain.close()
    reach.close()
    figures = {"exec": ours, "paramiko": theirs, "page": page, "trip": trip}
    print(json.dumps({"total": first.total, **{name: round(took * 1000, 2) for name, took in figures.items()}}))


if __name__ == "__main__":
    main(*sys.argv[1:])
