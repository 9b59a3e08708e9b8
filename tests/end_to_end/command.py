"""Runs the installed `opsconsole` command as a person or a program would: a process with arguments, two streams and an
exit code. Imports nothing of the console."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

PROGRAM = str(Path(sys.executable).with_name("opsconsole"))


@dataclass(frozen=True, slots=True)
class Ended:
    """How one call ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """Its standard output as one JSON document."""
        return json.loads(self.out)

    @property
    def events(self) -> list[Any]:
        """Its standard output as JSON lines."""
        return [json.loads(line) for line in self.out.splitlines()]


class Command:
    """The command with one configuration, in an environment that holds nothing of this machine's."""

    def __init__(self, config: Path, home: Path) -> None:
        self.config = config
        self.home = home
        home.mkdir(exist_ok=True)

    @property
    def environment(self) -> dict[str, str]:
        """What the process sees in its environment."""
        return {
            "HOME": str(self.home),
            "PATH": os.environ["PATH"],
            "LANG": "C.UTF-8",
            "OPSCONSOLE_CONFIG": str(self.config),
        }

    def __call__(
        self, *words: str, seconds: float = 60, more: Mapping[str, str] | None = None, text: str | None = None
    ) -> Ended:
        """Runs one command to its end. Without `text` its standard input is empty."""
        done = subprocess.run(
            [PROGRAM, *words],
            env={**self.environment, **(more or {})},
            input=text if text is not None else "",
            capture_output=True,
            text=True,
            timeout=seconds,
            check=False,
            cwd=self.home,
        )
        return Ended(done.returncode, done.stdout, done.stderr)

    def read(self, *words: str, environment: str = "lab") -> Any:
        """Runs a reading command with `--json` and returns its document; it must end with 0."""
        done = self(*words, "-e", environment, "--json")
        assert done.code == 0, f"{words} ended with {done.code}\n{done.out}\n{done.err}"
        return done.json

    def start(self, *words: str) -> subprocess.Popen[str]:
        """Starts a command and leaves it running."""
        return subprocess.Popen(
            [PROGRAM, *words],
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=self.home,
        )
