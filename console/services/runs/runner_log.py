"""The log of a run's runners: their streams go there, and so do the lines by which each says that it began and ended.

Owns the file's place, these lines, and what can be told from them of a runner that is gone. Must not judge whether one
is gone: leases do.
"""

from __future__ import annotations

import os
import re
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from console.domain.redact import Redactor
from console.domain.untrusted import Raw
from console.errors import OpsconsoleError
from console.own_directories import own_within
from console.services.runs.leases import process_of

_TAIL = 16_384
_BEGAN = re.compile(r"^runner (\d+) of run \d+ began$", re.MULTILINE)
_ENDED = re.compile(r"^runner \d+ ended with exit status (\d+)$\n?", re.MULTILINE)
_WORDS = 400
_ROOM = 65_536
"""Bytes of free space below which nothing of use can be written any more."""


def runner_log(state_path: Path, run: int) -> Path:
    """The log of a run's runners that this account started."""
    return own_within(state_path, "runners") / f"run-{run}.log"


@contextmanager
def noted_life(run: int) -> Iterator[list[int]]:
    """Around a runner's work: its begin and its end are lines of stderr, which is the log. Put the exit status into the
    list. What cannot be written there keeps no run from going on."""
    status: list[int] = []
    _write(f"runner {os.getpid()} of run {run} began")
    try:
        yield status
    except OpsconsoleError as error:
        status[:] = [error.exit_code]
        raise
    except SystemExit as error:
        status[:] = [error.code if isinstance(error.code, int) else 1]
        raise
    except BaseException:
        status[:] = [1]
        raise
    finally:
        _write(f"runner {os.getpid()} ended with exit status {status[0] if status else 0}")


def runner_end(state_path: Path, run: int, holder: str = "", *, since: int = 0) -> str:
    """How the newest runner of the run ended, and its last words; empty when nothing is known of it. Only of a runner
    that is known to be gone. `holder` is who has the run's lease still: what another one wrote says nothing of it. It
    is left out only by whoever has just started the runner, with the log's size before that as `since`."""
    pid, restarted = process_of(holder)
    if restarted:
        return "this machine was restarted"
    log = runner_log(state_path, run)
    try:
        with log.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(since, size - _TAIL))
            text = file.read().decode("utf-8", "replace")
    except OSError:
        return ""
    if size <= since and not holder:
        said = f"nothing was added to its log {log}" if since else f"its log {log} is empty"
        return said + (_full(log) or ", so it ended before it began")
    began = list(_BEGAN.finditer(text))
    if holder and (not began or pid != int(began[-1][1])):
        return ""
    text = text[began[-1].end() if began else 0 :].strip() + "\n"
    ended = _ENDED.search(text)
    words = Raw.of(Redactor().text("; ".join(filter(None, _ENDED.sub("", text).split("\n"))))).show(_WORDS)
    if ended is None:
        how = "it was killed: it wrote no end" + _full(log)
    else:
        number = int(ended[1])
        name = _signal(number - 128) if number > 128 else ""
        how = f"it was ended by the signal {name}" if name else f"it ended with exit status {number}"
    return f"{how}; its last words: {words}" if words else how


def _full(log: Path) -> str:
    try:
        found = os.statvfs(log.parent)
    except OSError:
        return ""
    if found.f_bavail * found.f_frsize >= _ROOM:
        return ""
    return f", and no space is left on the disk of {log.parent.parent}: it could write nothing"


def _signal(number: int) -> str:
    with suppress(ValueError):
        return signal.Signals(number).name.removeprefix("SIG")
    return ""


def _write(line: str) -> None:
    with suppress(OSError, ValueError):
        sys.stderr.write(f"{line}\n")
        sys.stderr.flush()
