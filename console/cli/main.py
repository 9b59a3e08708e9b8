"""The root of the command line: which module holds which command, and how every ending becomes an exit code.

Owns the command table, the exit codes and the text of errors on stderr. Must not import a command before it is
invoked, nor click when the screen is started: both are start-up time.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import NoReturn

from console.cli.streams import ReaderGoneError, own_streams
from console.domain.documents import Json
from console.domain.untrusted import harmless
from console.errors import ConfigError, OpsconsoleError


@dataclass(frozen=True, slots=True)
class LazyCommand:
    """Where a command lives (`module:attribute`) and its line in the root's help."""

    target: str
    help: str
    hidden: bool = False


COMMANDS: dict[str, LazyCommand] = {
    "status": LazyCommand("console.cli.status:status", "Everything about every environment, on one page."),
    "queues": LazyCommand("console.cli.read:queues", "Depth of each queue: ready, delayed, reserved, stuck."),
    "workers": LazyCommand("console.cli.read:workers", "Worker programs on each host."),
    "health": LazyCommand("console.cli.read:health", "Asks the health URLs."),
    "hosts": LazyCommand("console.cli.read:hosts", "Each host: release, maintenance mode, load, disk, clock."),
    "failed": LazyCommand("console.cli.failed:failed", "Failed jobs: list, show, retry, forget."),
    "logs": LazyCommand("console.cli.logs:logs", "Log records of all hosts, followed or once."),
    "checklist": LazyCommand("console.cli.checklist:checklist", "Checklists and their sessions."),
    "plan": LazyCommand("console.cli.plan:plan", "What an action would do, exactly; changes nothing."),
    "run": LazyCommand("console.cli.run:run", "Plans, confirms and runs an action."),
    "runs": LazyCommand("console.cli.runs:runs", "Runs: list, show, attach, answer, resume, abort."),
    "lock": LazyCommand("console.cli.lock:lock", "The environment's deploy lock: status, release."),
    "audit": LazyCommand("console.cli.audit:audit", "Who did what: show, verify."),
    "config": LazyCommand("console.cli.config:config", "The configuration: check, schema."),
    "demo": LazyCommand("console.cli.demo:demo", "An embedded world to try everything on."),
    "_runner": LazyCommand("console.cli.runner:runner", "The detached runner of a run.", hidden=True),
}
"""Name → where it lives. One line per command; nothing here is imported until that command is invoked."""


def run(arguments: Sequence[str] | None = None) -> int:
    """Runs the command line (the process's own arguments by default); the exit code."""
    argv = list(sys.argv[1:] if arguments is None else arguments)
    signal.signal(signal.SIGTERM, _terminated)
    with own_streams():
        return _ended(argv)


def _ended(argv: list[str]) -> int:
    try:
        code = _dispatch(argv)
        sys.stdout.flush()
    except ReaderGoneError:
        return 0
    except KeyboardInterrupt:
        return 130
    except OpsconsoleError as error:
        _report(error, as_json=_wants_json(argv))
        return error.exit_code
    except Exception as error:  # noqa: BLE001 - the last resort of this process: an id here, a trace in a file
        _report(_unforeseen(error), as_json=_wants_json(argv))
        return 1
    return code


def screen_config(argv: Sequence[str]) -> tuple[bool, Path | None]:
    """Whether these arguments ask for the screen (nothing but `--config`), and the configuration they name."""
    stated = os.environ.get("OPSCONSOLE_CONFIG") or None
    match list(argv):
        case []:
            return True, Path(stated) if stated else None
        case ["--config", path]:
            return True, Path(path)
        case [word] if word.startswith("--config="):
            return True, Path(word.removeprefix("--config="))
    return False, None


def _dispatch(argv: list[str]) -> int:
    wanted, config = screen_config(argv)
    if wanted:
        from console.cli.screen import open_screen

        return open_screen(config)
    from console.cli.root import invoke

    return invoke(argv, COMMANDS)


def _terminated(_number: int, _frame: FrameType | None) -> NoReturn:
    raise SystemExit(143)


def _wants_json(argv: Sequence[str]) -> bool:
    own = argv[: argv.index("--")] if "--" in argv else argv
    return "--json" in own


def _unforeseen(error: Exception) -> OpsconsoleError:
    from console.services.records.traces import default_state_dir, write_trace

    name, file = write_trace(error, default_state_dir())
    return OpsconsoleError(
        f"something unforeseen failed (error {name}, {type(error).__name__})",
        fix=f"the redacted trace is in {file}" if file else "its trace could not be written to the state directory",
    )


def _report(error: OpsconsoleError, *, as_json: bool) -> None:
    if as_json:
        error_document: dict[str, Json] = {
            "kind": type(error).__name__,
            "message": error.what,
            "done": error.done,
            "fix": error.fix,
            "exit_code": error.exit_code,
        }
        if isinstance(error, ConfigError):
            error_document["problems"] = [
                {"file": p.file, "line": p.line, "column": p.column, "message": p.message} for p in error.problems
            ]
        sys.stderr.write(json.dumps({"error": error_document}, ensure_ascii=True) + "\n")
        return
    for line in str(error).split("\n"):
        sys.stderr.write(harmless(line) + "\n")
