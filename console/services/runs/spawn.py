"""Starting a runner that outlives whoever starts it: a process of its own session, adopted by init, with its own log.

Owns the command line of the hidden `_runner` and the waiting for its first sign of life. Forks happen
only in the fresh process (`adopt`), never in one that has threads.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from console.errors import OpsconsoleError
from console.own_directories import make_directory
from console.services.runs.runner_log import runner_end, runner_log

_LOGIND = Path("/etc/systemd/logind.conf")


def start_runner(run: int, *, config: Path, state_path: Path) -> None:
    """Starts a runner and returns once it is detached. OpsconsoleError when it could not be started."""
    log = runner_log(state_path, run)
    command = [sys.executable, "-m", "console", "_runner", str(run), "--adopt", "--config", str(config.absolute())]
    try:
        make_directory(log.parent)
        descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "ab") as stream:
            before = os.fstat(stream.fileno()).st_size
            process = subprocess.Popen(
                [*_scope(), *command],
                stdin=subprocess.DEVNULL,
                stdout=stream,
                stderr=stream,
                cwd="/",
                start_new_session=True,
                close_fds=True,
            )
            code = process.wait(timeout=60)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise OpsconsoleError(
            f"The runner of run {run} could not be started: {error}.", done="Nothing was changed."
        ) from error
    if code != 0:
        raise OpsconsoleError(
            f"The runner of run {run} ended with {code} before it began.",
            done="Nothing was changed.",
            fix=f"Its log is {log}; {runner_end(state_path, run, since=before)}.",
        )


def adopt() -> None:
    """Forks the fresh process and ends the parent, so that init adopts the child and no terminal can ever reach it.

    Called before anything else is imported or any thread exists.
    """
    if os.fork():
        os._exit(0)


def _scope() -> list[str]:
    """Words before the command that give the runner a scope of its own, where logind would end it with the login."""
    tool = shutil.which("systemd-run")
    try:
        lines = _LOGIND.read_text(errors="replace").splitlines()
    except OSError:
        return []
    kills = any(line.replace(" ", "").lower() == "killuserprocesses=yes" for line in lines)
    return [tool, "--user", "--scope", "--quiet", "--"] if kills and tool else []
