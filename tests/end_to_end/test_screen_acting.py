"""Acting from the screen in a real terminal, by keys, on two real hosts: deploy, a failing gate and the way back, the
change window, a screen that is killed, retry and forget, and two consoles side by side."""

from __future__ import annotations

import gzip
import json
import os
import re
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.end_to_end import screens
from tests.end_to_end.command import PROGRAM, Command
from tests.lab import seeding
from tests.lab.processes import end, wait_until
from tests.lab.values import FIRST_RELEASE
from tests.lab.world import Lab
from tests.terminal.session import Terminal
from tests.terminal.tmux import Tmux
from tests.waiting import NotInTimeError

pytestmark = [pytest.mark.deadline, pytest.mark.timeout(240)]
TINY = """title: Deploy
steps:
  - {name: touch, shell: {script: "echo touched >> touched", in: base}, on: all}
"""


@pytest.fixture
def world(lab_alone: Lab) -> Lab:
    """The world as it came up, workers running, nothing waiting and nothing failed."""
    lab_alone.clear_queues()
    lab_alone.workers("start")
    return lab_alone


@pytest.fixture
def idle(world: Lab) -> Iterator[Lab]:
    """The same with its workers stopped."""
    world.workers("stop")
    yield world
    world.clear_queues()
    world.workers("start")


@pytest.fixture
def tiny(world: Lab, tmp_path: Path) -> Iterator[Command]:
    """The command with a deploy of one harmless step."""
    command = Command(
        world.write_config(tmp_path / "config", actions={"deploy": TINY}), tmp_path / "home", mark=world.world.root
    )
    yield command
    end(command.runners())


def worker_pids(lab: Lab) -> list[set[str]]:
    """The pids of each host's worker programs."""
    return [
        {word for word in lab.supervisor(node, "pid", "all").stdout.split() if word not in ("0", "")}
        for node in lab.nodes
    ]


def releases(lab: Lab) -> list[str]:
    return [lab.release(node) for node in lab.nodes]


def say(lab: Lab, words: str) -> None:
    """A line of the application's log on the second host."""
    lab.artisan(lab.node2, "lab:log", "--level=alert", f"--message={words}")


def healths(text: str) -> str:
    """What the health pane shows: its numbers are measured anew with each reading."""
    return " ".join(re.findall(r"[●✖] (?:/up|/health|mail)[^│]*", text))


def free(console: Command) -> bool:
    found = console("lock", "status", "-e", "lab", "--json")
    return found.code == 0 and not found.json.get("held")


def test_deploy_watch_and_tail_on_one_screen(world: Lab, console: Command) -> None:
    world.set_environment(LAB_MIGRATION_SECONDS="8")
    seeding.dispatch(world, "ok", connection="redis", queue="reports", count=3)
    before = worker_pids(world)
    with screens.open_screen(console) as terminal:
        terminal.wait_for(screens.lives, 60)
        screens.plan(terminal, "D", shows="from main (")
        terminal.press("tab", "enter")
        terminal.wait_for("Read the plan first", 10)
        assert releases(world) == [FIRST_RELEASE] * 2
        screens.pause(screens.PAUSE)
        terminal.press("enter")
        terminal.wait_for("0 Run  1", 20)
        terminal.wait_for("▶ migrate", 60)
        seen_healths = {healths(terminal.text)}
        # Everything else on the screen goes on while the slow step runs.
        say(world, "said during the deploy")
        terminal.wait_for("said during the deploy", 5)
        terminal.press("2", "G")
        seeding.dispatch(world, "ok", connection="redis", queue="reports", count=34)
        terminal.wait_for(lambda text: bool(re.search(r"reports[^\n│]*\s37\s", text)), 5)
        assert "▶ migrate" in terminal.text, "the run was over before the panes could be seen to change"
        tails = []

        def over(text: str) -> bool:
            seen_healths.add(healths(text))
            tails.append(text)
            return bool(screens.ended(1, "deploy", "(ok|failed)").search(text))

        terminal.wait_for(over, 90)
        screens.wait_for_end(terminal, 1, "deploy")
        assert len(seen_healths) > 1, "health stood still during the run"
        assert any("Migrating: 2026" in text for text in tails), "the output of a step was never in the drawer"
        new = releases(world)
        assert new[0] == new[1] != FIRST_RELEASE
        terminal.wait_for(lambda text: f"release {new[0]}" in text.splitlines()[0], 15)
        assert "gate passed" in terminal.text
    assert all(not old & fresh and fresh for old, fresh in zip(before, worker_pids(world), strict=True))


def test_keys_act_on_the_banner_and_a_protected_one_wants_its_name(world: Lab, tiny: Command) -> None:
    touched = [Path(node.path, "touched") for node in world.nodes]
    with screens.open_screen(tiny) as terminal:
        terminal.wait_for(screens.lives, 60)
        # The cursor goes to the protected environment; the key still plans for the banner's.
        terminal.press("1", "j")
        screens.plan(terminal, "D", shows="touched", asks=False)
        assert re.search(r"NORMAL +lab  ", terminal.text) and "labprod  " not in dialog(terminal)
        terminal.press("escape")
        terminal.wait_for(lambda text: "Plan: " not in text, 10)
        terminal.press("enter")
        terminal.wait_for(lambda text: "PROTECTED" in text.splitlines()[0] and "labprod" in text.splitlines()[0], 20)
        terminal.press("D")
        terminal.wait_for("open a change window first (U)", 10)
        assert "Plan: " not in terminal.text
        terminal.press("U")
        terminal.wait_for("change window 14:5", 15)
        screens.plan(terminal, "D", shows="type labprod to run", asks=False)
        screens.pause(screens.PAUSE)
        for wrong in ("lab", "prod!"):
            screens.type_by_hand(terminal, wrong)
            terminal.press("enter")
            terminal.wait_for("That is not labprod. Nothing has been started.", 10)
            assert "Plan: " in terminal.text
        terminal.send(b"\x1b[200~labprod\x1b[201~")
        terminal.wait_for(lambda text: "Type it" in text and "type labprod to run" in text, 10)
        terminal.press("enter")
        terminal.wait_for("Nothing has been started. Type it key by key", 10)
        terminal.send(b"labprod\r")
        # Keys are taken in their order: what was sent at once has been dealt with when the field shows what came later.
        type_until_shown(terminal, "labprod")
        assert "Plan: " in terminal.text and not any(file.exists() for file in touched)
        terminal.press("enter")
        screens.wait_for_end(terminal, 1, "deploy", seconds=60)
        assert [file.read_text() for file in touched] == ["touched\n"] * 2
        terminal.press("L")
        terminal.wait_for(lambda text: "· read-only" in text.splitlines()[0], 10)
    refused = tiny("run", "deploy", "-e", "labprod", "--yes")
    assert refused.code == 7
    verified = tiny("audit", "verify")
    assert verified.code == 0, verified.out


def dialog(terminal: Terminal) -> str:
    """The text between the edges of the dialog that lies over the screen."""
    lines = terminal.lines
    top = next(line for line in lines if "Plan: " in line)
    left = top.index("Plan: ") - 3
    return "\n".join(line[left : left + 112] for line in lines[lines.index(top) :])


def clear(terminal: Terminal) -> None:
    """Empties the field that has the focus, key by key."""
    for _ in range(12):
        terminal.press("backspace")
    terminal.wait_for("type labprod to run", 10)


def type_until_shown(terminal: Terminal, word: str) -> None:
    """Types a word until it stands in the field: a busy machine may see keys come as fast as a paste, and refuse it."""
    for attempt in range(4):
        clear(terminal)
        screens.type_by_hand(terminal, word)
        try:
            terminal.wait_for(f"│ {word}  ", 3)
        except NotInTimeError:
            if attempt == 3:
                raise
        else:
            return


def test_a_failing_gate_offers_the_way_back_and_r_takes_it(world: Lab, console: Command) -> None:
    with screens.open_screen(console) as terminal:
        terminal.wait_for(screens.lives, 60)
        screens.plan(terminal, "D", shows="from main (")
        screens.run(terminal)
        terminal.wait_for("✓ link", 90)
        world.set_web_mode(world.node1, "500")
        screens.wait_for_end(terminal, 1, "deploy", "failed")
        terminal.wait_for(lambda text: "offers: rollback" in text and "the gate failed" in text, 10)
        new, pids = releases(world), worker_pids(world)
        assert new[0] == new[1] != FIRST_RELEASE, "the failed release is left live until somebody decides"
        terminal.wait_for("✖ /up", 35)
        # The way back is open while the application is ill.
        screens.plan(terminal, "R", shows="Failing now: /up")
        assert re.search(rf"release +{FIRST_RELEASE}", terminal.text) and "gift_cards" in terminal.text
        world.set_web_mode(world.node1, "normal")
        screens.run(terminal)
        screens.wait_for_end(terminal, 2, "rollback")
        assert releases(world) == [FIRST_RELEASE] * 2
        assert all(not old & fresh and fresh for old, fresh in zip(pids, worker_pids(world), strict=True))
        terminal.wait_for(lambda text: f"release {FIRST_RELEASE}" in text.splitlines()[0] and "● /up" in text, 35)
    assert all(Path(node.path, "releases", new[0], "BAD_RELEASE").exists() for node in world.nodes)
    assert free(console)


def test_a_run_outlives_its_screen(world: Lab, console: Command) -> None:
    world.set_environment(LAB_MIGRATION_SECONDS="6")
    with screens.open_screen(console) as terminal:
        terminal.wait_for(screens.lives, 60)
        screens.plan(terminal, "D", shows="from main (")
        screens.run(terminal)
        terminal.wait_for("▶ migrate", 60)
        os.kill(terminal.pid, signal.SIGKILL)
        assert terminal.wait(10) == -signal.SIGKILL
    assert console.runners()
    with screens.open_screen(console) as terminal:
        terminal.wait_for(lambda text: bool(re.search(r"0 Run +1 +deploy [^\n]* running ", text)), 20)
        screens.wait_for_end(terminal, 1, "deploy")
        assert "✓ migrate" in terminal.text
    assert world.sql("select count(*) from migrations where migration like '%%gift_cards%%'") == [(1,)]
    new = releases(world)
    assert new[0] == new[1] != FIRST_RELEASE
    assert free(console)
    verified = console("audit", "verify")
    assert verified.code == 0, verified.out


def table(lab: Lab) -> set[str]:
    return {str(row[0]) for row in lab.sql("select uuid from failed_jobs")}


def by_keys(terminal: Terminal, key: str, heading: str) -> None:
    """Marks two rows, presses the key and says yes."""
    terminal.press("4", "g", "space", "space")
    terminal.wait_for("2 marked", 10)
    terminal.press(key)
    terminal.wait_for(lambda text: heading in text and "2 failed jobs" in text, 20)
    screens.run(terminal)


def test_retry_and_forget_of_marked_jobs(idle: Lab, console: Command) -> None:
    seeding.fail(idle, connections=("database",))
    there = table(idle)
    with screens.open_screen(console) as terminal:
        terminal.wait_for(lambda text: screens.lives(text) and f"4 Failed jobs  {len(there)} " in text, 60)
        terminal.press("4", "v")
        terminal.wait_for("when queue", 10)
        by_keys(terminal, "r", "Retry failed jobs")
        screens.wait_for_end(terminal, 1, "retry")
        retried = there - table(idle)
        assert len(retried) == 2
        # What became of each is read back and said by its id, and the rows are gone from the pane.
        terminal.wait_for(lambda text: all(f"{one}  ok  back on its queue" in text for one in retried), 10)
        terminal.wait_for(f"4 Failed jobs  {len(there) - 2} ", 10)
        terminal.wait_for(lambda text: bool(re.search(r"seeding[^\n│]*\s2\s", text)), 10)

        by_keys(terminal, "x", "Forget failed jobs")
        screens.wait_for_end(terminal, 2, "forget")
        forgotten = there - retried - table(idle)
        assert len(forgotten) == 2
        terminal.wait_for(lambda text: all(f"{one}  ok  deleted" in text for one in forgotten), 10)
        terminal.wait_for(f"4 Failed jobs  {len(there) - 4} ", 10)
        pane = terminal.text[: terminal.text.index("0 Run")]
        assert not any(one[:8] in pane for one in retried | forgotten)
    (archive,) = (console.config.parent / "state").glob("archives-*/*.gz")
    kept = [json.loads(line) for line in gzip.decompress(archive.read_bytes()).splitlines()]
    assert {each["uuid"] for each in kept} == forgotten
    assert all(each["payload"] and each["exception"] for each in kept)


def test_a_job_that_went_meanwhile_is_told_apart(idle: Lab, console: Command) -> None:
    seeding.fail(idle, connections=("database",))
    with screens.open_screen(console) as terminal:
        terminal.wait_for(lambda text: screens.lives(text) and "4 Failed jobs  7 " in text, 60)
        terminal.press("4", "v")
        terminal.wait_for("when queue", 10)
        newest, next_one = (str(row[0]) for row in idle.sql("select uuid from failed_jobs order by id desc limit 2"))
        terminal.press("g", "space", "space", "r")
        terminal.wait_for("2 failed jobs", 20)
        idle.artisan(idle.node2, "queue:forget", newest)
        screens.run(terminal)
        screens.wait_for_end(terminal, 1, "retry", "failed")
        terminal.wait_for(f"{newest}  failed  there was no such failed job", 10)
        terminal.wait_for(f"{next_one}  ok  back on its queue", 10)
    assert newest not in table(idle) and next_one not in table(idle)


def test_a_colleagues_tick_appears_without_a_key(world: Lab, tiny: Command) -> None:
    with screens.open_screen(tiny) as mine, screens.open_screen(tiny) as theirs:
        for terminal in (mine, theirs):
            terminal.wait_for(lambda text: "5 Checklist  0/4" in text and "Tell the team" in text, 60)
        theirs.press("5", "t")
        theirs.wait_for("✓ Tell the team", 10)
        took = mine.wait_for(lambda text: "✓ Tell the team" in text and "5 Checklist  1/4" in text, 5)
        assert took < 2, f"two intervals are one second; it took {took:.1f}"


def test_in_tmux_a_paste_runs_nothing_and_typing_does(world: Lab, tiny: Command, tmp_path: Path) -> None:
    touched = Path(world.node1.path, "touched")
    with Tmux(tmp_path / "tmux", [PROGRAM], env=tiny.environment, cwd=tiny.home) as window:
        window.wait_for("● /up", 60)
        window.press(":")
        window.wait_for(" :", 10)
        window.press("env labprod", "Enter")
        window.wait_for("PROTECTED", 20)
        window.press("U")
        window.wait_for("change window 14:5", 20)
        window.press("D")
        window.wait_for("type labprod to run", 20)
        screens.pause(screens.PAUSE)
        window.paste("labprod")
        window.wait_for("Type it", 10)
        window.press("Enter")
        window.wait_for("Nothing has been started. Type it key by key", 10)
        assert not touched.exists()
        for letter in "labprod":
            window.press(letter)
            screens.pause(screens.TYPING)
        window.wait_for("│ labprod  ", 10)
        window.press("Enter")
        window.wait_for("run 1 deploy: ok", 60)
        assert touched.read_text() == "touched\n"
        window.press("q")
        wait_until(lambda: window.dead, "the end", 15)
        assert not window.modes["alternate"] and not window.modes["mouse"]
