"""The demo's `supervisorctl`: status, start, stop and restart of the programs that a host's state file lists.

Owns the text and exit codes of the real tool for those verbs. Must not start anything: the demo's load looks at the
same file to decide whether jobs are worked.
"""

from __future__ import annotations

import fcntl
import json
import os
import random
import sys
import time
from pathlib import Path
from typing import Any


def main(arguments: list[str]) -> int:
    """Runs one verb; the real tool's exit code (3 from `status` when a program is not running)."""
    file = Path(os.environ["OPSCONSOLE_DEMO_HOST"]) / "supervisor.json"
    verb, names = (arguments[0], arguments[1:]) if arguments else ("status", [])
    with file.open("r+") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        programs: dict[str, dict[str, Any]] = json.load(handle)
        if verb == "status":
            return _status(programs, names)
        if verb == "pid":
            return _pid(programs, names)
        if verb in ("reread", "update"):
            sys.stdout.write("No config updates to processes\n" if verb == "reread" else "")
            return 0
        if verb not in ("start", "stop", "restart"):
            sys.stdout.write(f"*** Unknown syntax: {' '.join(arguments)}\n")
            return 1
        code = _change(programs, verb, names)
        handle.seek(0)
        handle.truncate()
        json.dump(programs, handle)
        return code


def _matching(programs: dict[str, dict[str, Any]], name: str) -> list[str]:
    if name == "all":
        return list(programs)
    group = name.removesuffix("*").removesuffix(":")
    return [full for full in programs if full == name or (full.split(":")[0] == group and ":" in full)]


def _pid(programs: dict[str, dict[str, Any]], names: list[str]) -> int:
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


def _status(programs: dict[str, dict[str, Any]], names: list[str]) -> int:
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


def _change(programs: dict[str, dict[str, Any]], verb: str, names: list[str]) -> int:
    code = 0
    for name in names:
        found = _matching(programs, name)
        if not found:
            sys.stdout.write(f"{name}: ERROR (no such process)\n")
            code = 1
        for full in found:
            if verb in ("stop", "restart") and programs[full]["state"] == "RUNNING":
                programs[full] |= {"state": "STOPPED"}
                sys.stdout.write(f"{full}: stopped\n")
            if verb in ("start", "restart"):
                programs[full] |= {"state": "RUNNING", "pid": random.randint(2000, 60000), "since": int(time.time())}  # noqa: S311
                sys.stdout.write(f"{full}: started\n")
    return code


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
