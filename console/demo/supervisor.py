"""The demo's `supervisorctl`: status, start, stop and restart of the programs that a host's state file lists.

Owns the text and exit codes of the real tool for those verbs, and that a program that runs has a process: one that has
left is started again at the next call. The demo's load looks at the same file to decide whether jobs are worked.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from console.demo.workers import end, lives, start

Programs = dict[str, dict[str, Any]]


def main(arguments: list[str]) -> int:
    """Runs one verb; the real tool's exit code (3 from `status` when a program is not running)."""
    verb, names = (arguments[0], arguments[1:]) if arguments else ("status", [])
    home, world = Path(os.environ["OPSCONSOLE_DEMO_HOST"]), int(os.environ["OPSCONSOLE_DEMO_PID"])
    if verb in ("reread", "update"):
        sys.stdout.write("No config updates to processes\n" if verb == "reread" else "")
        return 0
    with _programs(home, world) as programs:
        if verb == "status":
            return _status(programs, names)
        if verb == "pid":
            return _pid(programs, names)
        if verb in ("start", "stop", "restart"):
            return _change(programs, verb, names, home, world)
    sys.stdout.write(f"*** Unknown syntax: {' '.join(arguments)}\n")
    return 1


def renew(home: Path, world: int) -> None:
    """Every running program of a host gets a new process, as after the framework's restart signal."""
    with _programs(home, world) as programs:
        for program in programs.values():
            end(home, program["pid"])
    revive(home, world)


def revive(home: Path, world: int) -> None:
    """Every program that is to run has a process."""
    with _programs(home, world):
        pass


@contextlib.contextmanager
def _programs(home: Path, world: int) -> Iterator[Programs]:
    """The host's programs, alone; what is changed in them is kept."""
    with (home / "supervisor.json").open("r+") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        before = handle.read()
        programs: Programs = json.loads(before)
        for full, program in programs.items():
            if program["state"] == "RUNNING" and not lives(home, program["pid"]):
                program.update(_started(home, full, world))
        yield programs
        after = json.dumps(programs)
        if after != before:
            handle.seek(0)
            handle.truncate()
            handle.write(after)


def _started(home: Path, full: str, world: int) -> dict[str, Any]:
    return {"state": "RUNNING", "pid": start(home, full, world), "since": int(time.time())}


def _matching(programs: Programs, name: str) -> list[str]:
    if name == "all":
        return list(programs)
    group = name.removesuffix("*").removesuffix(":")
    return [full for full in programs if full == name or (full.split(":")[0] == group and ":" in full)]


def _pid(programs: Programs, names: list[str]) -> int:
    """supervisord's own without a name, else each program's."""
    if not names:
        sys.stdout.write(f"{os.environ['OPSCONSOLE_DEMO_PID']}\n")
        return 0
    code = 0
    for name in names:
        found = _matching(programs, name)
        for full in found:
            sys.stdout.write(f"{programs[full]['pid'] if programs[full]['state'] == 'RUNNING' else 0}\n")
        if not found:
            sys.stdout.write(f"No such process {name}\n")
            code = 1
    return code


def _status(programs: Programs, names: list[str]) -> int:
    wanted = [full for name in names for full in _matching(programs, name)] if names else list(programs)
    code = 0
    for full in wanted:
        program = programs[full]
        seconds = int(time.time()) - program["since"]
        uptime = f"{seconds // 3600}:{seconds // 60 % 60:02d}:{seconds % 60:02d}"
        running = program["state"] == "RUNNING"
        detail = f"pid {program['pid']}, uptime {uptime}" if running else "Not started"
        sys.stdout.write(f"{full:<32} {program['state']:<9} {detail}\n")
        code = code if running else 3
    for name in names:
        if not _matching(programs, name):
            sys.stdout.write(f"{name}: ERROR (no such process)\n")
            code = 4
    return code


def _change(programs: Programs, verb: str, names: list[str], home: Path, world: int) -> int:
    code = 0
    for name in names:
        found = _matching(programs, name)
        if not found:
            sys.stdout.write(f"{name}: ERROR (no such process)\n")
            code = 1
        for full in found:
            if verb in ("stop", "restart") and programs[full]["state"] == "RUNNING":
                end(home, programs[full]["pid"])
                programs[full] |= {"state": "STOPPED"}
                sys.stdout.write(f"{full}: stopped\n")
            if verb in ("start", "restart"):
                if programs[full]["state"] != "RUNNING":
                    programs[full] |= _started(home, full, world)
                sys.stdout.write(f"{full}: started\n")
    return code


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
