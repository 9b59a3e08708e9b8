"""The harness sees what a terminal would see, and what a program leaves behind."""

from __future__ import annotations

import signal
import sys
import time
from pathlib import Path

import pytest

from tests.terminal.session import Terminal, processor_seconds, resident_bytes
from tests.terminal.tmux import Tmux
from tests.waiting import NotInTimeError, eventually

RUDE = (
    "import sys,time,termios,tty; tty.setraw(0); sys.stdout.write('\\x1b[?1049h\\x1b[?25lhere'); sys.stdout.flush(); "
)


def test_typing_and_looking() -> None:
    with Terminal(["sh", "-c", "stty size; read word; echo got $word; read word"], width=50, height=10) as terminal:
        terminal.wait_for("10 50")
        terminal.press(*"abc", "enter")
        terminal.wait_for("got abc")
        assert terminal.lines[1] == "abc" and terminal.running
        terminal.press("ctrl+c")
        assert terminal.wait() == -signal.SIGINT


def test_the_terminal_is_the_controlling_one_and_can_be_resized() -> None:
    script = "trap 'stty size </dev/tty' WINCH; echo ready; while :; do sleep 0.05; done"
    with Terminal(["bash", "-c", script]) as terminal:
        terminal.wait_for("ready")
        terminal.resize(77, 20)
        terminal.wait_for("20 77")


def test_what_a_rude_program_leaves_behind_is_seen() -> None:
    with Terminal([sys.executable, "-c", RUDE + "sys.exit(3)"]) as terminal:
        assert terminal.wait() == 3
        terminal.wait_for("here")
        assert terminal.open_modes == {1049, -25} and not terminal.modes_restored


def test_what_a_polite_program_leaves_behind_is_nothing() -> None:
    with Terminal(["sh", "-c", r"printf '\033[?1000;1049h\033[?25l'; printf '\033[?1049;1000l\033[?25h'"]) as terminal:
        assert terminal.wait() == 0
        assert terminal.open_modes == set() and terminal.modes_restored


@pytest.mark.deadline
def test_times_and_costs() -> None:
    script = "import time; time.sleep(0.2); print('late', flush=True); t=time.process_time()\n"
    script += "while time.process_time() - t < 0.3: pass\nprint('done', flush=True); input()"
    with Terminal([sys.executable, "-S", "-c", script]) as terminal:
        terminal.wait_for("done")
        assert 0.2 <= terminal.painted_at("late") < terminal.painted_at("done")
        # The kernel counts in ticks of 10 ms and may miss some of them.
        assert 0.2 <= processor_seconds(terminal.pid) < 1.5
        assert 4_000_000 < resident_bytes(terminal.pid) < 60_000_000
        terminal.wait_quiet(0.1)
        assert terminal.answer_time("x") < 0.5
        assert 0 < terminal.written_since(time.monotonic() - 5) < 200


def test_strange_sequences_do_not_reach_the_screen() -> None:
    with Terminal(["printf", r"a\033P+q544e\033\\b\033[>1uc\033]52;c;eA==\007d\033[?2026$pe"]) as terminal:
        terminal.wait()
        terminal.wait_for("e")
        assert terminal.lines[0].startswith("abcd") and b"]52;" in terminal.output


@pytest.mark.deadline
def test_a_program_that_ignores_everything_is_killed() -> None:
    began = time.monotonic()
    with Terminal(["sh", "-c", "trap '' TERM HUP; echo up; while :; do sleep 0.1; done"]) as terminal:
        terminal.wait_for("up")
    assert not Path(f"/proc/{terminal.pid}").exists() and time.monotonic() - began < 10


def test_tmux_shows_types_and_tells_the_end(tmp_path: Path) -> None:
    with Tmux(tmp_path, ["sh", "-c", "echo up; read word; echo got $word; exit 5"], width=60, height=10) as tmux:
        tmux.wait_for("up")
        tmux.resize(70, 12)
        tmux.press("abc", "Enter")
        tmux.wait_for("got abc")
        assert tmux.modes["alternate"] is False and tmux.modes["mouse"] is False
        # With what it ended tmux does not always learn.
        eventually(lambda: tmux.dead, 5)


def test_waiting_in_vain_shows_the_screen() -> None:
    with Terminal(["sh", "-c", "echo something; read word"]) as terminal:
        terminal.wait_for("something")
        with pytest.raises(NotInTimeError, match="something"):
            terminal.wait_for("nothing", 0.1)
