"""Every way a run can end, and every form that a command's output can take: one table for all that follow a run.

A `House` has a configuration and a state of its own; the runner that a command starts there writes the events of one
`End` and is gone. A `Form` gives the command its three streams, real files all of them.
"""

from __future__ import annotations

import os
import pty
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

import pytest

from console.cli import main
from console.domain.documents import Json
from console.domain.event_codec import decode_payload
from console.domain.runs import EventKind
from console.errors import OpsconsoleError
from console.wiring.configuration import load
from tests.services.running.stage import Stage, action, step

UUID = "3fca83f8-1111-4000-8000-000000000003"

CONFIG = """\
state: {path: state}
environments:
  lab:
    tier: normal
    url: http://app.test
    app: {path: /srv/app}
    hosts: {web1: {ssh: web1, roles: [web, primary]}, web2: {ssh: web2}}
"""
ACTIONS = {
    "try": "title: Try\nsteps:\n  - {name: one, shell: ['true'], on: all}\n",
    "needy": "title: Needy\nneeds: {workers: true}\nsteps:\n  - {name: one, shell: ['true']}\n",
}


@dataclass(frozen=True, slots=True)
class End:
    """What a runner writes before it is gone, the exit code that whoever follows ends with, and words of the reason."""

    code: int
    reason: str
    events: tuple[tuple[EventKind, Mapping[str, Json]], ...]


def finished(outcome: str, code: int, detail: str, *more: tuple[EventKind, Mapping[str, Json]]) -> End:
    """A run that has started, and ended so."""
    end: dict[str, Json] = {"outcome": outcome, "exit_code": code, "detail": detail, "offers": []}
    return End(code, detail, (STARTED, *more, (EventKind.RUN_FINISHED, end)))


STARTED: tuple[EventKind, Mapping[str, Json]] = (EventKind.RUN_STARTED, {"resumed": False})
_PARKED: dict[str, Json] = {"question": "the run cannot go on: credentials gone", "choices": [], "parked": True}
_ASKING: dict[str, Json] = {"question": "Did the step one do its work?", "choices": ["done", "failed"]}

ENDS = {
    "ok": finished("ok", 0, ""),
    "failed": finished("failed", 1, "step one failed: exit status 3"),
    "aborted": finished("cancelled", 1, "aborted by anna before step one"),
    "unknown": finished("unknown", 8, "nobody knows how step one ended"),
    "lock held": finished("failed", 5, "the lock is held by anna since noon"),
    "unreachable": finished("failed", 6, "web2: no route"),
    "not signed in": finished("failed", 4, "web2: every key was refused"),
    "refused before step 1": finished("failed", 7, "the release has changed since the plan was made"),
    "gate failed": finished("failed", 1, "the gate failed: /up was failed three times"),
    "parked": End(8, "credentials gone", (STARTED, (EventKind.OPERATOR_NEEDED, _PARKED))),
    "asking without a runner": End(8, "Did the step one do its work?", (STARTED, (EventKind.OPERATOR_NEEDED, _ASKING))),
    "runner gone": End(8, "Its runner is gone", (STARTED,)),
    "never began": End(8, "Its runner is gone", ()),
}


class House:
    """A configuration and a state where runs end as `end` says."""

    def __init__(self, directory: Path, patch: pytest.MonkeyPatch) -> None:
        self.stage = Stage(directory)
        self.config = directory / "opsconsole.yaml"
        self.config.write_text(CONFIG)
        (directory / "actions").mkdir()
        for name, text in ACTIONS.items():
            (directory / "actions" / f"{name}.yaml").write_text(text)
        self.end = ENDS["ok"]
        self.unstartable = False
        # Read once: hundreds of commands are called on it.
        loaded = load(self.config)
        patch.setattr("console.wiring.configuration.load", lambda _path, **_: loaded)
        patch.setattr("console.wiring.reach.open_reach", lambda *_, **__: self.stage.reach)
        patch.setattr("console.wiring.runs.start_runner", self._run)
        patch.setattr(
            "console.services.failed_jobs.table.FailedRows.whole_ids", lambda _self, _environment, ids: tuple(ids)
        )
        for module in ("attachment", "liveness"):
            patch.setattr(f"console.services.runs.{module}.BIRTH_SECONDS", 0.2)
        patch.setattr("console.services.runs.attachment._PATIENCE", 0.1)
        patch.setattr("console.services.runs.attachment._COMING", 0.1)
        patch.setattr("console.services.runs.attachment._EVERY", 0.02)
        # A command that is called in this process must not change what this process does at a signal.
        patch.setattr("signal.signal", lambda *_: None)
        patch.setenv("XDG_STATE_HOME", str(directory / "home"))
        patch.delenv("OPSCONSOLE_CONFIG", raising=False)

    def _run(self, run: int, *, config: Path, state_path: Path) -> None:
        if self.unstartable:
            raise OpsconsoleError(f"The runner of run {run} could not be started: no memory.")
        for kind, data in self.end.events:
            self.stage.store.append(run, decode_payload(kind, data), at=self.stage.clock.now())

    def confirmed(self) -> int:
        """The number of a run that waits for its runner."""
        return self.stage.confirm(self.stage.plan(action(step("one", "true")))).id

    def ended(self, end: End) -> int:
        """The number of a run that has ended so, or was left so."""
        self.end, run = end, self.confirmed()
        self._run(run, config=self.config, state_path=self.config)
        return run

    def __call__(self, *words: str) -> int:
        """Calls the command line in this process; its exit code."""
        return main.run([*words, "--config", str(self.config)])

    def close(self) -> None:
        """Closes the state."""
        self.stage.close()


@dataclass(slots=True)
class Streams:
    """What a command wrote. A stream that nobody can read is empty."""

    out: Callable[[], str]
    err: Callable[[], str]
    type: Callable[[str], object] = str
    """What is typed at a terminal; without one it goes nowhere."""


Opened = tuple[TextIO, Callable[[], str]]


def _file(directory: Path, name: str) -> Opened:
    path = directory / name
    return path.open("w"), path.read_text


def _unread(_directory: Path, _name: str) -> Opened:
    """A pipe whose reader has gone."""
    reading, writing = os.pipe()
    os.close(reading)
    return os.fdopen(writing, "w"), str


def _full(_directory: Path, _name: str) -> Opened:
    return Path("/dev/full").open("w"), str


def _closed(_directory: Path, _name: str) -> Opened:
    """A descriptor that takes no writes: what a stream that was closed by the caller becomes."""
    return os.fdopen(os.open(os.devnull, os.O_RDONLY), "w"), str


Opening = Callable[[Path, str], Opened]
FORMS: dict[str, tuple[Opening, Opening]] = {
    "file": (_file, _file),
    "reader gone": (_unread, _file),
    "full": (_full, _file),
    "closed": (_closed, _file),
    "stderr closed": (_file, _closed),
    "stderr full": (_file, _full),
    "stderr's reader gone": (_file, _unread),
    "both closed": (_closed, _closed),
    "both readers gone": (_unread, _unread),
}
READABLE_OUT = {name for name, (out, _) in FORMS.items() if out is _file}
READABLE_ERR = {name for name, (_, err) in FORMS.items() if err is _file}


@contextmanager
def streams(form: str, directory: Path) -> Iterator[Streams]:
    """The three streams of this process in a form; stdin is empty. Reading what was written is for afterwards."""
    if form == "terminal":
        with _terminal() as found:
            yield found
        return
    opening_out, opening_err = FORMS[form]
    (out, read_out), (err, read_err) = opening_out(directory, "out"), opening_err(directory, "err")
    with Path(os.devnull).open() as stdin, out, err, _replaced(stdin, out, err):
        yield Streams(read_out, read_err)


@contextmanager
def _terminal() -> Iterator[Streams]:
    master, slave = pty.openpty()
    os.set_blocking(master, False)
    written: list[bytes] = []

    def read() -> str:
        try:
            while chunk := os.read(master, 65536):
                written.append(chunk)
        except OSError:
            pass
        return b"".join(written).decode().replace("\r\n", "\n")

    with ExitStack() as closing:
        closing.callback(os.close, master)
        stdin, out, err = (closing.enter_context(os.fdopen(os.dup(slave), mode)) for mode in ("r", "w", "w"))
        os.close(slave)
        with _replaced(stdin, out, err):
            yield Streams(read, read, lambda text: os.write(master, text.encode()))


@contextmanager
def _replaced(stdin: TextIO, out: TextIO, err: TextIO) -> Iterator[None]:
    before = sys.stdin, sys.stdout, sys.stderr
    sys.stdin, sys.stdout, sys.stderr = stdin, out, err
    try:
        yield
    finally:
        sys.stdin, sys.stdout, sys.stderr = before
