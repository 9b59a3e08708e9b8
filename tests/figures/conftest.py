"""What figures are taken of: the console installed from its wheel, run from another folder against the test world."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.end_to_end.command import Command
from tests.lab import seeding
from tests.lab.world import Lab
from tests.terminal.session import Terminal
from tests.wheel import install

WIDTH, HEIGHT = 120, 36
TITLES = ("1 Environments", "2 Queues", "3 Health", "4 Failed jobs", "5 Checklist", "6 Logs")


@dataclass(frozen=True, slots=True)
class Programs:
    """The installed console and, of the same environment, Textual's smallest application."""

    program: Path
    command: Command

    def screen(self) -> Terminal:
        """Starts the console's screen; it may still be empty."""
        return self._terminal([str(self.program)])

    def small(self) -> Terminal:
        """Starts the smallest application."""
        return self._terminal([str(self.program.with_name("python")), str(Path(__file__).with_name("small_app.py"))])

    def _terminal(self, argv: list[str]) -> Terminal:
        return Terminal(argv, width=WIDTH, height=HEIGHT, env=self.command.environment, cwd=self.command.home)


@pytest.fixture(scope="session")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The console's program in an environment of its own."""
    return install(tmp_path_factory.mktemp("wheel"))


@pytest.fixture
def programs(installed: Path, lab: Lab, tmp_path: Path) -> Programs:
    """Both programs, the console with a configuration of the test world."""
    command = Command(lab.write_config(tmp_path / "config"), tmp_path / "home", mark=lab.world.root)
    return Programs(installed, command)


@pytest.fixture
def seeded(still: Lab) -> Lab:
    """The world with its workers stopped and jobs in every state."""
    seeding.seed(still)
    return still


def whole(text: str) -> bool:
    """Whether the frame stands: every pane has its title."""
    return all(title in text for title in TITLES)


def alive(text: str) -> bool:
    """Whether all panes show what they have read."""
    return whole(text) and all(
        word in text for word in ("● /up", "laravel-w", "reports", "ChargeCard", "Tell the team", "follow")
    )
