"""What breaks around a running screen: it says so within its time and dims what is old, keeps answering keys and
showing everything else, and recovers by itself."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.end_to_end import screens
from tests.end_to_end.command import Command
from tests.end_to_end.watch import Watch
from tests.lab import seeding
from tests.lab.proxy import Proxy
from tests.lab.values import FIRST_RELEASE
from tests.lab.world import Lab
from tests.terminal.session import Terminal

pytestmark = [pytest.mark.deadline, pytest.mark.timeout(240)]
RECOVERY = 15.0
KEY = 2.0
"""Seconds within which a key is painted, whatever is broken; what an idle machine takes is measured elsewhere."""


def queues_border(text: str) -> str:
    """The lower border of the queues pane, which tells how fresh it is or what is wrong."""
    lines = text.splitlines()
    below = next((at for at, line in enumerate(lines) if "╭─ 4 Failed" in line), 0)
    return next((part.split("╯")[0] for part in lines[below - 1].split("╰")[1:]), "") if below else ""


def fresh(text: str) -> bool:
    """Whether both queue connections were read just now."""
    return queues_border(text).rstrip(" ─").endswith(("redis · now", "database · now"))


def troubled(text: str) -> bool:
    """Whether the queues pane says since when it is old, and why."""
    return bool(re.search(r"\d+m?s old: \S", queues_border(text)))


def well(text: str) -> bool:
    """Whether the environment's own line says that nothing is wrong with it, but that this machine, which both hosts
    are, may be busy with something else."""
    busy = len(re.findall(r"▲ web[12] +\d+\.\d\d ", text))
    return bool(re.search(r"● lab +ok ", text) or (busy and re.search(rf"▲ lab +▲{busy} ", text)))


def waiting(count: int) -> Callable[[str], bool]:
    """Whether both connections show that many jobs waiting in the idle queue."""
    return lambda text: len(re.findall(rf"reports[^\n│]*?\s{count}\s", text)) == 2


def enqueue(lab: Lab, count: int) -> None:
    for connection in seeding.CONNECTIONS:
        seeding.dispatch(lab, "ok", connection=connection, queue="reports", count=count)


@pytest.fixture
def behind(lab_alone: Lab, tmp_path: Path, watch: Watch) -> Iterator[tuple[Proxy, Terminal]]:
    """The screen with every connection to the first host going through a proxy, all panes alive, 5 jobs waiting in
    the idle queue of each connection."""
    lab_alone.clear_queues()
    lab_alone.workers("start")
    enqueue(lab_alone, 5)
    with Proxy((lab_alone.node1.ip, lab_alone.node1.ssh_port)) as proxy:
        config = lab_alone.write_config(tmp_path / "config", ports={1: proxy.port})
        watch.allowed.add((lab_alone.node1.ip, proxy.port))
        with screens.open_screen(Command(config, tmp_path / "home", mark=lab_alone.world.root)) as terminal:
            terminal.wait_for(lambda text: fresh(text) and waiting(5)(text) and screens.lives(text), 60)
            yield proxy, terminal
    lab_alone.clear_queues()


def say(lab: Lab, words: str) -> None:
    """A line in the second host's log that needs none of the application's servers."""
    lab.ssh(lab.node2, f"echo '[2026-01-01 00:00:00] production.ALERT: {words}' >> {lab.node2.log}")


def keys(terminal: Terminal) -> float:
    """The slowest of three keys."""
    slowest = max(screens.key_seconds(terminal) for _ in range(3))
    assert slowest < KEY, f"a key took {slowest:.2f} s"
    return slowest


def suffer(
    lab: Lab,
    terminal: Terminal,
    break_it: Callable[[], object],
    mend: Callable[[], object],
    limit: float,
    why: str,
    row: str,
    *,
    known: int = 5,
) -> None:
    """Breaks something, sees it told within `limit` seconds and in the colour of a `row`, presses keys, mends it and
    sees the screen recover with two more jobs than the `known` ones in each queue."""
    before = keys(terminal)
    at = time.monotonic()
    break_it()
    terminal.wait_for(troubled, limit + at - time.monotonic())
    told = time.monotonic() - at
    terminal.wait_for(lambda text: bool(re.search(why, queues_border(text))), limit)
    # The last values stay, in the colour of what is not current.
    assert waiting(known)(terminal.text)
    terminal.wait_for(lambda _: terminal.colour(row) == terminal.colour("queue  "), 5)
    say(lab, f"the second host goes on with {known}")
    terminal.wait_for(f"the second host goes on with {known}", 10)
    during = keys(terminal)
    assert troubled(terminal.text)
    mend()
    at = time.monotonic()
    enqueue(lab, 2)
    terminal.wait_for(lambda text: fresh(text) and waiting(known + 2)(text), RECOVERY + at - time.monotonic())
    recovered = time.monotonic() - at
    terminal.wait_for(lambda _: terminal.colour(row) != terminal.colour("queue  "), 5)
    terminal.wait_for(lambda text: screens.lives(text) and well(text), RECOVERY + at - time.monotonic())
    alive = time.monotonic() - at
    print(
        f"told after {told:.1f} s; queues current {recovered:.1f} s and every pane {alive:.1f} s after the mending; "
        f"slowest key {before * 1000:.0f} ms before, {during * 1000:.0f} ms during"
    )


def test_the_sql_server_stops(lab_alone: Lab, behind: tuple[Proxy, Terminal]) -> None:
    stop, start = lambda: lab_alone.stop("mariadb"), lambda: lab_alone.start("mariadb")
    suffer(lab_alone, behind[1], stop, start, 10, "cannot reach|refused|lost|gone", "reports·data")


def test_redis_freezes(lab_alone: Lab, behind: tuple[Proxy, Terminal]) -> None:
    stop, start = lambda: lab_alone.pause("redis"), lambda: lab_alone.resume("redis")
    suffer(lab_alone, behind[1], stop, start, 10, "Redis gave no answer", "reports·redis")


def test_a_host_falls_silent(lab_alone: Lab, behind: tuple[Proxy, Terminal]) -> None:
    proxy, terminal = behind
    suffer(lab_alone, terminal, proxy.blackhole, proxy.forward, 20, "web1: |no answer", "reports")


def test_sessions_are_killed_and_no_new_one_is_let_in(lab_alone: Lab, behind: tuple[Proxy, Terminal]) -> None:
    def cut() -> None:
        lab_alone.stop("sshd1")
        lab_alone.servers.cut_sessions(lab_alone.node1)

    suffer(lab_alone, behind[1], cut, lambda: lab_alone.start("sshd1"), 5, "web1: ", "reports")


def test_killed_sessions_come_back(lab_alone: Lab, behind: tuple[Proxy, Terminal]) -> None:
    terminal = behind[1]
    at = time.monotonic()
    lab_alone.servers.cut_sessions(lab_alone.node1)
    terminal.wait_for(lambda text: troubled(text) or "web1: no link" in text, 5)
    told = time.monotonic() - at
    enqueue(lab_alone, 2)
    terminal.wait_for(lambda text: fresh(text) and waiting(7)(text) and screens.lives(text), RECOVERY)
    print(f"told after {told:.1f} s; every pane alive {time.monotonic() - at:.1f} s after the killing")


def test_a_stopped_sshd_leaves_what_is_open_alone_and_stops_a_deploy(
    lab_alone: Lab, behind: tuple[Proxy, Terminal]
) -> None:
    terminal = behind[1]
    lab_alone.stop("sshd1")
    enqueue(lab_alone, 2)
    terminal.wait_for(lambda text: fresh(text) and waiting(7)(text), 5)
    say(lab_alone, "the second host goes on")
    terminal.wait_for("the second host goes on", 5)
    # What needs a connection of its own says that there is none, and has changed nothing.
    screens.plan(terminal, "D", shows="from main (")
    screens.run(terminal)
    screens.wait_for_end(terminal, 1, "deploy", "failed")
    # The proxy answers for the host that does not.
    terminal.wait_for(lambda text: bool(re.search("web1: (no connection to|[^\n]* answered, but)", text)), 10)
    assert [lab_alone.release(node) for node in lab_alone.nodes] == [FIRST_RELEASE] * 2
    terminal.wait_for(lambda text: fresh(text) and screens.lives(text), 10)
    keys(terminal)


def test_a_reset_connection_comes_back(lab_alone: Lab, behind: tuple[Proxy, Terminal]) -> None:
    proxy, terminal = behind
    before = proxy.connections
    proxy.reset()
    enqueue(lab_alone, 2)
    terminal.wait_for(lambda text: proxy.connections > before and fresh(text) and waiting(7)(text), RECOVERY)
    keys(terminal)


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
    keys(terminal)


@pytest.mark.soak
@pytest.mark.timeout(3600)
def test_one_screen_outlives_everything_ten_times(lab_alone: Lab, behind: tuple[Proxy, Terminal]) -> None:
    proxy, terminal = behind

    def cut() -> None:
        lab_alone.stop("sshd1")
        lab_alone.servers.cut_sessions(lab_alone.node1)

    restart, thaw = lambda: lab_alone.start("mariadb"), lambda: lab_alone.resume("redis")
    faults: list[tuple[Callable[[], object], Callable[[], object], float, str, str]] = [
        (lambda: lab_alone.stop("mariadb"), restart, 10, "cannot reach|refused|lost|gone", "reports·data"),
        (lambda: lab_alone.pause("redis"), thaw, 10, "Redis gave no answer", "reports·redis"),
        (proxy.blackhole, proxy.forward, 20, "web1: |no answer", "reports"),
        (cut, lambda: lab_alone.start("sshd1"), 5, "web1: ", "reports"),
    ]
    known = 5
    for _ in range(10):
        for fault in faults:
            suffer(lab_alone, terminal, *fault, known=known)
            known += 2
