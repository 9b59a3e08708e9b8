"""The screen of the installed command in a real terminal on the test world: it lives, it harms nothing, it leaves
nothing behind."""

from __future__ import annotations

import re
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from console.ui.command_index import all_commands
from tests.end_to_end.command import PROGRAM, Command
from tests.lab import seeding
from tests.lab.seeding import Seeded
from tests.lab.servers import sockets
from tests.lab.values import OLD_RELEASE
from tests.lab.world import Lab
from tests.terminal.session import Terminal
from tests.waiting import NotInTimeError

TITLES = ("1 Environments", "2 Queues", "3 Health", "4 Failed jobs", "5 Checklist", "6 Logs")


PRINTED = {
    "question_mark": "?", "colon": ":", "slash": "/", "minus": "-", "exclamation_mark": "!",
    "left_square_bracket": "[", "right_square_bracket": "]",
}  # fmt: skip
"""Keys that the table of commands names in words, as they are typed."""


def open_screen(console: Command, *, width: int = 120, height: int = 36) -> Terminal:
    """Starts the screen; it may still be empty."""
    return Terminal([PROGRAM], width=width, height=height, env=console.environment, cwd=console.home)


def row(text: str, start: str) -> str:
    """The first line of the screen that has a word, from there on."""
    return next((line[line.index(start) :] for line in text.splitlines() if start in line), "")


@pytest.fixture
def screen(seeded: tuple[Lab, Seeded], console: Command) -> Iterator[Terminal]:
    """The screen, all of its panes alive, workers stopped and jobs in every state."""
    with open_screen(console) as terminal:
        terminal.wait_for(lambda text: all(title in text for title in TITLES), 20)
        terminal.wait_for(lambda text: "14" in row(text, "4 Failed") and "● /up" in text and "reports" in text, 40)
        yield terminal


def test_six_panes_show_what_is(screen: Terminal, seeded: tuple[Lab, Seeded]) -> None:
    lab, left = seeded
    screen.wait_for(lambda text: lab.release(lab.node1) in text and "laravel" in text and "ERROR" in text, 30)
    counts = [str(each) for each in (left.ready, left.delayed, left.reserved)]
    both = r"reports[^\n│]*?\s+" + r"\s+".join(counts)
    screen.wait_for(lambda text: len(re.findall(both, text)) == 2, 20)
    assert "Tell the team" in screen.text and "NORMAL" in screen.lines[0]


def enqueue(lab: Lab, count: int) -> None:
    for connection in seeding.CONNECTIONS:
        seeding.dispatch(lab, "ok", connection=connection, queue="reports", count=count)


def changes(lab: Lab) -> dict[str, tuple[Callable[[], object], Callable[[str], bool], float]]:
    """For each pane a change made from outside, how the screen then looks, and two of the pane's intervals."""
    newest = lab.sql("select uuid from failed_jobs order by id desc limit 1")[0][0]
    return {
        "queues": (
            lambda: enqueue(lab, 70),
            lambda text: bool(re.search(r"reports[^\n│]*\s75\s", text)),
            5,
        ),
        "failed jobs": (
            lambda: lab.artisan(lab.node2, "queue:forget", newest),
            lambda text: "13" in row(text, "4 Failed"),
            5,
        ),
        "logs": (
            lambda: lab.artisan(lab.node2, "lab:log", "--level=alert", "--message=seen from outside"),
            lambda text: "seen from outside" in text,
            5,
        ),
        "workers": (
            lambda: lab.supervisor(lab.node2, "start", "laravel-worker:laravel-worker_01"),
            lambda text: "1/4" in row(text, "laravel-w"),
            15,
        ),
        "release": (
            lambda: lab.ssh(lab.node1, f"cd {lab.node1.path} && ln -s releases/{OLD_RELEASE} n && mv -T n current"),
            lambda text: OLD_RELEASE in text,
            15,
        ),
        "health": (lambda: lab.set_web_mode(lab.node1, "500"), lambda text: "✖ /up" in text, 35),
    }


@pytest.mark.deadline
def test_each_pane_shows_a_change_made_from_outside_without_a_key(
    lab_alone: Lab, screen: Terminal, seeded: tuple[Lab, Seeded]
) -> None:
    screen.wait_for("0/4", 30)
    late = {}
    for pane, (change, shown, seconds) in changes(lab_alone).items():
        change()
        try:
            screen.wait_for(shown, seconds)
        except NotInTimeError as error:
            late[pane] = str(error)
    assert not late, "\n\n".join(f"{pane}: {error}" for pane, error in late.items())


def test_hostile_text_reaches_no_terminal(screen: Terminal, seeded: tuple[Lab, Seeded]) -> None:
    """Every byte the program wrote, in list, detail and log."""
    lab, _ = seeded
    lab.artisan(lab.node1, "lab:log", "--message=\x1b]52;c;eA==\x07 \u202egnp [/x] [@click=app.quit]y[/] end of it")
    screen.wait_for("end of it", 15)
    jobs = re.findall(r"│[ ›]([A-Z]\w+) +[A-Z][^│]* \d+(?: +\w+)+ *│", screen.text)
    screen.press("4", *("j" * jobs.index("PrintLabel")), "enter")
    screen.wait_for("label 1", 15)
    screen.press("escape", "v")
    screen.wait_for("uuid", 10)
    screen.press("6", "z", "g")
    screen.wait_for("label 1", 15)
    assert screen.running
    harmless(screen.output)


def harmless(output: bytes) -> None:
    """Fails unless the bytes hold only what a screen needs."""
    text = output.decode("utf-8", errors="strict")
    for found in re.findall(r"\x1b\](\d+)", text):
        assert found in {"0", "2", "22", "23"}, f"an operating system command {found}"
    assert "owned" not in "".join(re.findall(r"\x1b\][^\x07\x1b]*", text))
    assert not re.search("[\x80-\x9f\u200b\u202a-\u202e\u2066-\u2069\ufeff\x00\x05\x0c\x0e\x0f]", text)
    assert "evil.example.test\x1b" not in text


def test_its_connections_go_to_sshd_and_the_probed_addresses_only(screen: Terminal, seeded: tuple[Lab, Seeded]) -> None:
    lab, _ = seeded
    allowed = {(node.ip, port) for node in lab.nodes for port in (node.ssh_port, node.web_port)}
    seen: set[tuple[str, int]] = set()
    deadline = time.monotonic() + 6
    while time.monotonic() < deadline:
        for local, remote, listening in sockets(screen.pid):
            assert not listening, f"it listens at {local}"
            seen.add(remote)
        time.sleep(0.02)
    assert seen <= allowed
    assert {(node.ip, node.ssh_port) for node in lab.nodes} <= seen


@pytest.mark.parametrize("way", ["q", "ctrl+c", "term", "hup"])
def test_the_terminal_is_as_it_was(lab: Lab, console: Command, way: str) -> None:
    with open_screen(console) as terminal:
        terminal.wait_for("2 Queues", 20)
        if way == "ctrl+c":
            terminal.press("ctrl+c", "ctrl+c")
        elif way == "q":
            terminal.press("q")
        else:
            terminal.signal(signal.SIGTERM if way == "term" else signal.SIGHUP)
        code = terminal.wait(10)
        assert terminal.open_modes == set() and terminal.modes_restored
        assert code in {"q": {0}, "ctrl+c": {0, 130}, "term": {143}, "hup": {129, 0}}[way]


@pytest.mark.parametrize(("width", "height"), [(80, 24), (200, 50)])
def test_other_sizes(lab: Lab, console: Command, width: int, height: int) -> None:
    with open_screen(console, width=width, height=height) as terminal:
        terminal.wait_for(lambda text: "● /up" in text or "3 ok" in text or "Health" in text, 30)
        terminal.wait_for("laravel", 30)
        for key, title in zip(
            "123456", ("Environments", "Queues", "Health", "Failed", "Checklist", "Logs"), strict=True
        ):
            terminal.press(key)
            terminal.wait_for(title, 5)


@pytest.mark.deadline
def test_a_wrong_configuration_ends_it_with_the_errors(lab: Lab, tmp_path: Path) -> None:
    console = Command(lab.write_config(tmp_path / "config", tier="nromal"), tmp_path / "home")
    with open_screen(console) as terminal:
        assert terminal.wait(20) == 2
        assert terminal.open_modes == set() and terminal.modes_restored
        terminal.wait_for("opsconsole.yaml:", 2)
        assert "tier" in terminal.text


def test_without_a_terminal_it_refuses(console: Command, lab: Lab) -> None:
    done = subprocess.run([PROGRAM], env=console.environment, capture_output=True, text=True, check=False, stdin=-3)
    assert done.returncode == 2 and "terminal" in done.stderr


def test_no_key_of_the_main_screen_ends_it(lab: Lab, console: Command) -> None:
    """Also those of actions that this configuration has not."""
    with open_screen(console) as terminal:
        terminal.wait_for("● /up", 60)
        for command in all_commands():
            if command.where not in {"main", "table", "drawer", "failed"} or command.id == "app.detach":
                continue
            for key in command.keys.split(","):
                terminal.press(PRINTED.get(key, key))
                terminal.press("escape", "escape")
                terminal.wait_quiet(0.05)
                assert terminal.running, f"{key} ended it:\n{terminal.text}"
        terminal.wait_for("● /up", 20)
    assert console("runs", "list", "--json").json["runs"] == [], "a key alone ran something"


@pytest.mark.deadline
def test_keys_typed_ahead_go_where_the_first_of_them_leads(lab: Lab, console: Command) -> None:
    """On a slow link several keys arrive at once: `q` after `:` is a letter, not the way out."""
    with open_screen(console) as terminal:
        terminal.wait_for("● /up", 40)
        terminal.send(b":qrx")
        terminal.wait_for(": qrx", 10)
        assert terminal.running
