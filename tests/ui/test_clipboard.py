"""Copying says what became of the text, and what is copied can be run."""

from __future__ import annotations

import base64
import shutil
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from console.cli.main import COMMANDS
from console.cli.root import LazyGroup
from console.ui.app import ConsoleApp
from console.ui.clipboard import Clipboard, copies
from tests.fakes.screen import living_world, start_deploy
from tests.ui.driving import Driver
from tests.waiting import eventually, eventually_on


class Desk:
    """A clipboard with everything it says."""

    def __init__(self, environ: dict[str, str]) -> None:
        self.written: list[str] = []
        self.told: list[tuple[str, str]] = []
        self.clipboard = Clipboard(self.written.append, lambda *said: self.told.append(said), environ)


@pytest.fixture
def tmux(tmp_path: Path) -> Iterator[dict[str, str]]:
    """The environment inside a tmux of its own."""
    if shutil.which("tmux") is None:
        pytest.skip("no tmux")
    socket = tmp_path / "tmux"
    subprocess.run(["tmux", "-S", str(socket), "-f", "/dev/null", "new-session", "-d", "sleep 60"], check=True)
    yield {"TMUX": f"{socket},1,0", "PATH": "/usr/bin:/bin"}
    subprocess.run(["tmux", "-S", str(socket), "kill-server"], check=False)


@pytest.mark.deadline
def test_inside_tmux_its_buffer_has_the_text_before_it_is_called_copied(tmux: dict[str, str]) -> None:
    desk = Desk(tmux)
    desk.clipboard.copy("opsconsole runs show 42 ✓")
    eventually(lambda: desk.told)
    assert desk.told == [("copied 25 characters to tmux: prefix ] pastes them", "ok")] and desk.written == []
    shown = subprocess.run(["tmux", "show-buffer"], env=tmux, capture_output=True, check=True)
    assert shown.stdout.decode() == "opsconsole runs show 42 ✓"


def test_a_tmux_that_is_gone_leaves_the_terminal() -> None:
    desk = Desk({"TMUX": "/nonexistent/tmux,1,0", "PATH": "/usr/bin:/bin"})
    desk.clipboard.copy("text")
    eventually(lambda: desk.told)
    assert desk.told[0][0].startswith("sent 4 characters to the terminal, which may not take them")
    assert base64.b64encode(b"text").decode() in desk.written[0]


def test_what_a_terminal_was_sent_is_not_called_copied_and_can_go_to_a_file(tmp_path: Path) -> None:
    environ = {"XDG_STATE_HOME": str(tmp_path)}
    desk = Desk(environ)
    desk.clipboard.to_file()
    assert desk.told.pop() == ("nothing has been copied yet: y copies the row", "warning")
    desk.clipboard.copy("x" * 80_000)
    assert "nothing was copied" in desk.told[0][0] and not desk.written
    desk.clipboard.to_file()
    (file,) = copies(environ).iterdir()
    assert desk.told[1] == (f"written to {file}", "ok")
    assert file.read_text() == "x" * 80_000 + "\n" and stat.S_IMODE(file.stat().st_mode) == 0o600


def resolves(line: str) -> None:
    """Raises unless the command line names a command of ours with options and arguments it takes."""
    words = line.split()
    assert words.pop(0) == "opsconsole"
    command: click.Command = LazyGroup(COMMANDS)
    context = click.Context(command)
    while isinstance(command, click.Group):
        name = words.pop(0)
        found = command.get_command(context, name)
        assert found is not None, f"no command {name} in {line}"
        command = found
    command.make_context("opsconsole", words, resilient_parsing=False)


async def test_each_command_line_that_capital_y_copies_names_the_configuration_and_exists() -> None:
    world = living_world()
    start_deploy(world, "production")
    config = "/srv/ops/opsconsole.yaml"
    app = ConsoleApp(world.factory, command=lambda words: f"opsconsole {words} --config {config}")
    async with app.run_test(size=(120, 36)) as pilot:
        driver = Driver(app, pilot, world)
        await eventually_on(pilot, lambda: app.services is not None)
        await driver.settle()
        lines = {}
        for pane in ("1", "2", "3", "4", "6", "0"):
            await driver.press(pane, "Y")
            lines[pane] = app.clipboard
        assert len(set(lines.values())) == 6
        for line in lines.values():
            assert line.endswith(f" --config {config}"), line
            resolves(line.replace(config, str(Path(__file__))))
