"""A world of the demo for tests: started by the installed command, with nothing in PATH but what its hosts must have.

Owns starting, calling the command on it, and looking at its databases directly. Asserts nothing.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import redis

from console.demo.announcement import Announcement, announced
from console.demo.users import world_lives
from tests.waiting import eventually

PROGRAM = str(Path(sys.executable).with_name("opsconsole"))
TOOLS = (
    *("sh", "cat", "tail", "head", "mkdir", "rmdir", "mv", "ln", "rm", "cp", "ls", "touch", "chmod", "readlink"),
    *("stat", "date", "df", "id", "env", "sleep", "true", "tr", "cut", "sort", "wc", "dd", "od", "basename", "dirname"),
    *("sha256sum", "tar", "gzip", "awk", "grep", "sed", "setsid", "nproc", "uname", "timeout", "mkfifo", "printf"),
)
"""What every Linux has. No ssh, no git, no sqlite3, no php, no sudo, no supervisorctl."""
FAST_GATE = "for: 2s, every: 0.5s,"


def bare_path(folder: Path) -> Path:
    """A directory of links to `TOOLS`, to be the whole PATH."""
    folder.mkdir()
    for tool in TOOLS:
        found = shutil.which(tool)
        if found:
            (folder / tool).symlink_to(found)
    return folder


@dataclass(frozen=True, slots=True)
class Called:
    """How one call of the command ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """Its output as one document."""
        return json.loads(self.out)

    @property
    def events(self) -> list[Any]:
        """Its output as JSON lines."""
        return [json.loads(line) for line in self.out.splitlines() if line.startswith("{")]


@dataclass(frozen=True, slots=True)
class DemoWorld:
    """One directory in which `opsconsole demo` lives, and the PATH it is given."""

    root: Path
    path: Path

    @property
    def config(self) -> Path:
        """The configuration it writes."""
        return self.root / "config" / "opsconsole.yaml"

    @property
    def said(self) -> Announcement:
        """What the living world says of itself."""
        found = announced(self.root)
        assert found is not None, "no world lives"
        return found

    @property
    def ports(self) -> dict[str, int]:
        """The port of each of its servers."""
        found: dict[str, int] = json.loads((self.root / "ports.json").read_text())
        return found

    def call(self, *words: str, **more: str) -> Called:
        """Runs the command to its end."""
        env = {"HOME": str(self.root.parent), "PATH": str(self.path), "LANG": "C.UTF-8", **more}
        done = subprocess.run(
            [PROGRAM, *words], env=env, cwd="/", capture_output=True, text=True, timeout=100, check=False
        )
        return Called(done.returncode, done.stdout, done.stderr)

    def demo(self, **more: str) -> Called:
        """`opsconsole demo --headless` on this directory."""
        return self.call("demo", "--headless", "--dir", str(self.root), **more)

    def on(self, *words: str) -> Called:
        """The command with this world's configuration."""
        return self.call(*words, OPSCONSOLE_CONFIG=str(self.config))

    def hurry(self) -> None:
        """Makes every gate of its actions short."""
        for file in (self.root / "config" / "actions").glob("*.yaml"):
            file.write_text(file.read_text().replace("for: 15s, every: 3s,", FAST_GATE))

    def sql(self, environment: str, statement: str) -> list[Any]:
        """Rows of an application's database."""
        with sqlite3.connect(self.root / "data" / f"{environment}.sqlite3", timeout=10) as connection:
            rows = connection.execute(statement).fetchall()
        connection.close()
        return rows

    def ready(self, queue: str) -> int:
        """How many jobs wait in one of production's Redis queues."""
        with redis.Redis(port=self.ports["redis"], protocol=2) as client:
            found = client.llen(f"shop_production_database_queues:{queue}")
        assert isinstance(found, int)
        return found

    def tool(self, host: str, *words: str) -> Called:
        """A stand-in as a host has it."""
        program = self.root / "hosts" / host / "bin" / words[0]
        done = subprocess.run(
            [str(program), *words[1:]], env={"PATH": str(self.path)}, capture_output=True, text=True, check=False
        )
        return Called(done.returncode, done.stdout, done.stderr)

    def kill(self, number: signal.Signals = signal.SIGKILL) -> None:
        """Ends the world's process."""
        os.kill(self.said.pid, number)
        eventually(lambda: not world_lives(self.root), 10)


def listening(pid: int) -> dict[int, str]:
    """Each listening TCP port of a process, with the kernel's hexadecimal text of its address."""
    sockets = set()
    for entry in Path(f"/proc/{pid}/fd").iterdir():
        try:
            sockets.add(str(entry.readlink()))
        except OSError:
            continue
    found: dict[int, str] = {}
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] == "0A" and f"socket:[{fields[9]}]" in sockets:
                address, port = fields[1].split(":")
                found[int(port, 16)] = address
    return found


def environment_of(document: Mapping[str, Any], name: str) -> Any:
    """One environment of `status --json`."""
    return next(entry for entry in document["environments"] if entry["name"] == name)
