"""Two hosts that are this machine, each with a directory of logs, and one environment on both."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from console.domain.environment import AppSpec, Environment, Host, Layout, SshTarget, Tier
from console.domain.log_blocks import Where
from console.domain.log_history import Span
from console.domain.log_times import Times, micros
from console.services.tailing.file_records import Stretch
from console.services.tailing.history import LogHistory
from console.services.threads.loop import SystemClock
from tests.fakes.local_shell import LocalShell

BEGIN = datetime(2026, 1, 5, 10, 0, tzinfo=UTC)
APPLETS = ("sh", "stat", "dd", "head", "sed", "od", "tr", "date", "cat", "sleep")


def entry(number: int, seconds: float, text: str = "order") -> bytes:
    """A record of a number, that many seconds after ten o'clock; each seventh has a trace of several lines."""
    stamp = (BEGIN + timedelta(seconds=seconds)).strftime("%Y-%m-%d %H:%M:%S")
    trace = "".join(f"#{n} /srv/app/{text}.php({n})\n" for n in range(number % 5)) if number % 7 == 0 else ""
    return f'[{stamp}] local.INFO: {text} {number} {{"n":{number}}} \n{trace}'.encode()


def changed(path: Path, seconds: float) -> None:
    """Lets the file have been written last that many seconds after ten o'clock."""
    at = (BEGIN + timedelta(seconds=seconds)).timestamp()
    os.utime(path, (at, at))


def busybox(folder: Path) -> list[str]:
    """A shell whose PATH holds the applets that the scripts may use, and nothing else."""
    binaries, program = folder / "bin", shutil.which("busybox")
    assert program is not None
    binaries.mkdir()
    for applet in APPLETS:
        (binaries / applet).symlink_to(program)
    return ["env", "-i", f"PATH={binaries}", str(binaries / "sh")]


class LogWorld:
    """The hosts `web1` and `web2`; `logs` are their directories."""

    def __init__(self, folder: Path, argv: Sequence[str] = ("sh",), files: Sequence[str] = ("laravel.log",)) -> None:
        self.logs = [folder / "one", folder / "two"]
        for each in self.logs:
            each.mkdir()
        self.environment = Environment(
            name="lab",
            tier=Tier.NORMAL,
            url="",
            app=AppSpec(path="/nowhere", layout=Layout.IN_PLACE),
            hosts=tuple(
                Host(name=f"web{n}", ssh=SshTarget(alias="x"), path=str(path)) for n, path in enumerate(self.logs, 1)
            ),
            logs=tuple(files),
        )
        self.shells = {host.name: LocalShell(host.name, argv) for host in self.environment.hosts}

    def history(
        self, since: float | None = 0.0, *, where: Where | None = None, tail: int = 0, exact: bool = False
    ) -> LogHistory:
        """The records since so many seconds after ten o'clock, or the last bytes of each file."""
        begin = None if since is None else micros(BEGIN + timedelta(seconds=since))
        return LogHistory(
            self.environment,
            self.shells.__getitem__,
            span=Span(begin=begin, tail=tail),
            where=where or Where(),
            times=Times(lambda: ZoneInfo("UTC")),
            clock=SystemClock(),
            exact=exact,
        )

    def end(self) -> None:
        """Ends what still runs."""
        for shell in self.shells.values():
            shell.end()


def read(history: LogHistory) -> list[bytes]:
    """Every record of a history, in order."""
    history.open()
    return [record for stretch in history.read() for record in records(stretch)]


def records(stretch: Stretch) -> list[bytes]:
    """The bytes of each record that is to be seen."""
    return [stretch.records.bytes_of(place) for place in stretch.places]
