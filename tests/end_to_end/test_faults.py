"""What breaks around a running screen: it says so within its time, keeps answering keys, and recovers by itself."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.end_to_end.command import Command
from tests.end_to_end.test_screen import open_screen
from tests.lab.proxy import Proxy
from tests.lab.world import Lab
from tests.terminal.session import Terminal

pytestmark = pytest.mark.timeout(240)
RECOVERY = 15.0


def queues_border(text: str) -> str:
    """The lower border of the queues pane, which tells how fresh it is or what is wrong."""
    lines = text.splitlines()
    below = next((at for at, line in enumerate(lines) if "╭─ 4 Failed" in line), 0)
    return next((part.split("╯")[0] for part in lines[below - 1].split("╰")[1:]), "") if below else ""


def fresh(text: str) -> bool:
    """Whether both queue connections were read just now."""
    return queues_border(text).rstrip(" ─").endswith(("redis · now", "database · now"))


def troubled(text: str) -> bool:
    """Whether the queues pane says that something is wrong."""
    return bool(queues_border(text)) and not fresh(text)


@pytest.fixture
def behind(lab_alone: Lab, tmp_path: Path) -> Iterator[tuple[Proxy, Terminal]]:
    """The screen with every connection to the first host going through a proxy, all panes alive."""
    with Proxy((lab_alone.node1.ip, lab_alone.node1.ssh_port)) as proxy:
        config = lab_alone.write_config(tmp_path / "config", ports={1: proxy.port})
        with open_screen(Command(config, tmp_path / "home", mark=lab_alone.world.root)) as terminal:
            terminal.wait_for(lambda text: fresh(text) and "● /up" in text, 60)
            yield proxy, terminal


def keys_are_answered(terminal: Terminal) -> None:
    """The help opens and closes at once, whatever is broken."""
    assert terminal.answer_time("?") < 2
    terminal.wait_for("Everywhere", 10)
    terminal.press("escape")
    terminal.wait_for(lambda text: "Everywhere" not in text, 10)


def suffer(terminal: Terminal, break_it: Callable[[], object], mend: Callable[[], object], limit: float) -> None:
    """Breaks something, sees it told within `limit` seconds, presses keys, mends it and sees the screen recover."""
    break_it()
    terminal.wait_for(troubled, limit)
    keys_are_answered(terminal)
    mend()
    terminal.wait_for(fresh, RECOVERY)


def test_the_sql_server_stops(lab_alone: Lab, behind: tuple[Proxy, Terminal]) -> None:
    suffer(behind[1], lambda: lab_alone.stop("mariadb"), lambda: lab_alone.start("mariadb"), 10)


def test_redis_freezes(lab_alone: Lab, behind: tuple[Proxy, Terminal]) -> None:
    suffer(behind[1], lambda: lab_alone.pause("redis"), lambda: lab_alone.resume("redis"), 10)


def test_a_host_falls_silent(behind: tuple[Proxy, Terminal]) -> None:
    proxy, terminal = behind
    suffer(terminal, proxy.blackhole, proxy.forward, 20)


def test_sessions_are_killed_and_no_new_one_is_let_in(lab_alone: Lab, behind: tuple[Proxy, Terminal]) -> None:
    def cut() -> None:
        lab_alone.stop("sshd1")
        lab_alone.servers.cut_sessions(lab_alone.node1)

    suffer(behind[1], cut, lambda: lab_alone.start("sshd1"), 5)


def test_a_stopped_sshd_leaves_what_is_open_alone(lab_alone: Lab, behind: tuple[Proxy, Terminal]) -> None:
    lab_alone.stop("sshd1")
    until = time.monotonic() + 6
    behind[1].wait_for(lambda text: not fresh(text) or time.monotonic() > until, 10)
    assert fresh(behind[1].text)


def test_a_reset_connection_comes_back(behind: tuple[Proxy, Terminal]) -> None:
    proxy, terminal = behind
    before = proxy.connections
    proxy.reset()
    terminal.wait_for(lambda text: proxy.connections > before and fresh(text), RECOVERY)
    keys_are_answered(terminal)


def test_a_slow_link_is_not_a_broken_one(behind: tuple[Proxy, Terminal]) -> None:
    proxy, terminal = behind
    proxy.latency = 0.25
    until = time.monotonic() + 8
    troubles: list[str] = []

    def watch(text: str) -> bool:
        if "no answer" in queues_border(text) or "no link" in queues_border(text):
            troubles.append(queues_border(text))
        return time.monotonic() > until

    terminal.wait_for(watch, 12)
    assert not troubles
    keys_are_answered(terminal)
