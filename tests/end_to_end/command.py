"""Runs the installed `opsconsole` command as a person or a program would: a process with arguments, two streams and an
exit code. Imports nothing of the console."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.lab.processes import Tracked, marked
from tests.lab.values import MARK
from tests.source import ROOT

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
    """The command with one configuration, in an environment that holds nothing of this machine's.

    `mark` is put into that environment, so that the test world finds and ends what a test leaves running. `user` runs
    it as another account, from the copy of its code in `code`.
    """

    def __init__(self, config: Path, home: Path, *, mark: str = "", user: str = "", code: Path | None = None) -> None:
        self.config = config
        self.home = home
        self.mark = mark
        self.user = user
        self.code = code
        home.mkdir(exist_ok=True)
        if user:
            shutil.chown(home, user, user)

    @property
    def environment(self) -> dict[str, str]:
        """What the process sees in its environment."""
        found = {
            "HOME": str(self.home),
            "PATH": os.environ["PATH"],
            "LANG": "C.UTF-8",
            "OPSCONSOLE_CONFIG": str(self.config),
            MARK: self.mark,
        }
        if self.user:
            # This interpreter may lie where only root can go; the distribution's is everybody's.
            found["PYTHONPATH"] = str(self.code)
            found["PYTHONDONTWRITEBYTECODE"] = "1"
        return found

    @property
    def program(self) -> list[str]:
        """The words that start it."""
        return ["/usr/bin/python3", "-m", "console"] if self.user else [PROGRAM]

    def _argv(self, words: tuple[str, ...]) -> list[str]:
        become = ["setpriv", f"--reuid={self.user}", f"--regid={self.user}", "--init-groups", "--"] if self.user else []
        return [*become, *self.program, *words]

    def runners(self) -> list[Tracked]:
        """The processes that perform runs of this command's."""
        return [each for each in marked(MARK, self.mark) if b"\0_runner\0" in _command_line(each.pid)]

    def __call__(
        self, *words: str, seconds: float = 60, more: Mapping[str, str] | None = None, text: str | None = None
    ) -> Ended:
        """Runs one command to its end. Without `text` its standard input is empty."""
        done = subprocess.run(
            self._argv(words),
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
            self._argv(words),
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=self.home,
        )


def copy_code(directory: Path) -> Path:
    """Copies the console and what it imports to where every account can read it: this checkout may lie in a home."""
    tools = shutil.ignore_patterns(
        "__pycache__", "mypy*", "*mypyc*", "pip", "setuptools", "hypothesis", "*.pth", "ruff*"
    )
    found = directory / "code"
    shutil.copytree(sysconfig.get_path("purelib"), found, ignore=tools)
    for name in ("console", "themes", "sample_config"):
        shutil.copytree(ROOT / name, found / name, ignore=tools, dirs_exist_ok=True)
    # A checkout made with a strict umask is its owner's alone.
    subprocess.run(["chmod", "-R", "a+rX", str(found)], check=True)
    return found


def _command_line(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""
