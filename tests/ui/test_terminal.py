"""On a real terminal: what leaves the process, how it ends, what it loads and what it costs."""

from __future__ import annotations

import json
import re
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.terminal.session import Terminal, processor_seconds

ROOT = Path(__file__).parents[2]
READY = "bulk-actions"

# Everything the screen may send to a terminal: text, colours, cursor moves, modes it also takes back, title, and the
# questions Textual asks at start. No other OSC, DCS, APC or C1.
ALLOWED = re.compile(
    rb"\x1b\[[0-9;:]*m|\x1b\[\d*;?\d*H|\x1b\[\?(?:7|25|1000|1002|1003|1004|1006|1015|1016|1049|2004|2026|2048)[hl]"
    rb"|\x1b\[\?(?:2026|2048)\$p|\x1b\[[<>=]\d*(?:;\d+)?u|\x1b\[\d*;?\d*t|\x1b\[2?J|\x1b\[6n|\x1b\[0?c|\x1b\[\?u"
    rb"|\x1b\]2;[^\x00-\x1f\x7f]*\x07|\x1b\]22;[a-z-]*(?:\x1b\\|\x07)|\x1b_G[^\x1b]*\x1b\\|\x1b\[\d*[ABCDK]|\r|\n|\t"
)


def program(kind: str, *, width: int = 120, height: int = 36, **env: str) -> Terminal:
    argv = [sys.executable, "-m", "tests.ui.live_screen", kind]
    return Terminal(argv, width=width, height=height, env={"PYTHONPATH": str(ROOT), **env}, cwd=ROOT)


def left_over(output: bytes) -> bytes:
    """What remains after the allowed sequences and printable text are taken away."""
    rest = ALLOWED.sub(b"", output)
    return re.sub(rb"[\x20-\x7e]|[\xc2-\xf4][\x80-\xbf]+", b"", rest)


def forbidden_text(output: bytes) -> list[str]:
    """Characters that are valid UTF-8 and still act on a terminal."""
    text = ALLOWED.sub(b"", output).decode("utf-8")
    return re.findall("[\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]", text)


@pytest.mark.parametrize("size", [(120, 36), (80, 24)], ids=["120x36", "80x24"])
def test_hostile_text_sends_nothing_but_text(size: tuple[int, int]) -> None:
    with program("evil", width=size[0], height=size[1], HOME="/nonexistent") as terminal:
        terminal.wait_for("PROTECTED")
        terminal.wait_for("owned")
        for pane in ("4", "2", "3", "1"):
            terminal.press(pane, *("v" if pane == "4" else ""), "G", "enter")
            terminal.wait_for("Esc back")
            terminal.press("escape")
            terminal.wait_for(lambda text: "Esc back" not in text)
        terminal.wait_quiet(0.3)
        assert left_over(terminal.output) == b""
        assert forbidden_text(terminal.output) == []
        assert b"\x1b]52" not in terminal.output
        assert terminal.running
        terminal.press("q")
        assert terminal.wait() == 0


def test_only_y_writes_to_the_clipboard() -> None:
    with program("quiet") as terminal:
        terminal.wait_for(READY)
        terminal.press("2", "j", "y")
        terminal.wait_for("sent")
        assert "copied" not in terminal.text
        sent = re.findall(rb"\x1b\]52;c;([A-Za-z0-9+/=]*)\x07", terminal.output)
        assert len(sent) == 1
        terminal.press("q")
        assert terminal.wait() == 0


@pytest.mark.parametrize(
    ("end", "code"),
    [
        (lambda terminal: terminal.press("q"), 0),
        (lambda terminal: terminal.press("ctrl+c", "ctrl+c"), 0),
        (lambda terminal: terminal.signal(signal.SIGTERM), 143),
        (lambda terminal: terminal.signal(signal.SIGHUP), 129),
        (lambda terminal: terminal.signal(signal.SIGINT), 130),
    ],
    ids=["q", "ctrl+c twice", "TERM", "HUP", "INT"],
)
def test_the_terminal_is_as_it_was_after(end: Callable[[Terminal], object], code: int) -> None:
    with program("quiet") as terminal:
        terminal.wait_for(READY)
        end(terminal)
        assert terminal.wait() == code
        assert terminal.modes_restored
        assert terminal.open_modes == set()
        assert terminal.output.count(b"\x1b[22;2t") == terminal.output.count(b"\x1b[23;2t") == 1
        assert b"production \xc2\xb7 opsconsole" in terminal.output


@pytest.mark.parametrize(
    ("end", "code"),
    [(lambda terminal: terminal.press("q"), 0), (lambda terminal: terminal.signal(signal.SIGTERM), 143)],
    ids=["q", "TERM"],
)
def test_leaving_a_run_behind_names_the_way_back(end: Callable[[Terminal], object], code: int) -> None:
    with program("deploying") as terminal:
        terminal.wait_for("running")
        end(terminal)
        assert terminal.wait() == code
        assert b"Run 42 goes on. Come back with: opsconsole runs attach 42" in terminal.output.rpartition(b"1049l")[2]


def test_a_wrong_configuration_ends_it_with_every_problem_and_code_2() -> None:
    with program("wrong") as terminal:
        assert terminal.wait() == 2
        assert terminal.modes_restored and terminal.open_modes == set()
        assert b"opsconsole.yaml:3:7: unknown key healt" in terminal.output


def test_a_crash_shows_an_id_and_keeps_the_trace_to_itself(tmp_path: Path) -> None:
    with program("crash", XDG_STATE_HOME=str(tmp_path)) as terminal:
        assert terminal.wait() == 1
        assert terminal.modes_restored and terminal.open_modes == set()
        output = terminal.output
    assert b"hunter2" not in output and b"Traceback" not in output and b"RuntimeError" not in output
    (report,) = (tmp_path / "opsconsole").iterdir()
    assert report.stat().st_mode & 0o777 == 0o600
    assert report.stem.removeprefix("crash-").encode() in output
    trace = report.read_text()
    assert "something broke" in trace and "hunter2" not in trace


def test_a_bug_in_a_widget_ends_it_the_same_way(tmp_path: Path) -> None:
    with program("broken", XDG_STATE_HOME=str(tmp_path)) as terminal:
        terminal.wait_for(READY)
        terminal.press("2", "y")
        assert terminal.wait() == 1
        assert terminal.modes_restored and terminal.open_modes == set()
        output = terminal.output
    assert b"very-secret" not in output and b"Traceback" not in output and b"locals" not in output
    (report,) = (tmp_path / "opsconsole").iterdir()
    assert "very-secret" not in report.read_text() and "in a widget" in report.read_text()


@pytest.mark.deadline
def test_it_can_be_left_while_services_are_still_coming() -> None:
    with program("stuck") as terminal:
        terminal.wait_for("6 Logs")
        began = time.monotonic()
        terminal.press("q")
        assert terminal.wait(5) == 0
        assert time.monotonic() - began < 3


def test_variables_that_textual_obeys_do_nothing() -> None:
    with program("quiet", TEXTUAL_PRESS="q", TEXTUAL="debug", TEXTUAL_SCREENSHOT="0", NO_COLOR="") as terminal:
        terminal.wait_for(READY)
        terminal.wait_quiet(0.3)
        assert terminal.running and b"38;2;" in terminal.output


def test_without_utf8_everything_is_ascii() -> None:
    with program("quiet", LANG="C", LC_ALL="C", PYTHONUTF8="1") as terminal:
        terminal.wait_for(READY)
        terminal.press("?")
        terminal.wait_quiet(0.3)
        title = re.sub(rb"\x1b\]2;[^\x07]*\x07", b"", terminal.output)
        assert all(byte < 0x80 for byte in title)


def test_resizing_keeps_everything_in_place() -> None:
    with program("quiet") as terminal:
        terminal.wait_for("4 Failed jobs")
        for width, height in ((80, 24), (200, 50), (40, 10), (20, 5), (120, 36)):
            terminal.resize(width, height)
            terminal.wait_quiet(0.2)
            assert terminal.running
        terminal.wait_for(lambda text: all(f"{n} " in text for n in range(1, 7)) and READY in text)


@pytest.mark.parametrize("between", [((80, 24),), ((200, 50), (40, 10), (20, 5)), ((119, 36), (20, 5))], ids=len)
def test_of_resizes_in_a_burst_the_last_is_drawn(between: tuple[tuple[int, int], ...]) -> None:
    def whole(text: str) -> bool:
        lines = text.splitlines()
        ends = [len(line) for line in lines if line.startswith("╰")]
        return all(f"{n} " in text for n in range(1, 7)) and ends == [120, 120] and "q detach" in lines[-1]

    with program("quiet") as terminal:
        terminal.wait_for(READY)
        terminal.wait_for(whole)
        for _ in range(6):
            for width, height in (*between, (120, 36)):
                terminal.resize(width, height)
            terminal.wait_for(whole)


def test_nothing_but_textual_and_the_standard_library_is_loaded_before_the_first_paint(tmp_path: Path) -> None:
    found = tmp_path / "loaded.json"
    with program("loaded", LOADED=str(found)) as terminal:
        assert terminal.wait() == 0
    roots = {name.partition(".")[0] for name in json.loads(found.read_text())}
    third_party = {name for name in roots if name not in sys.stdlib_module_names and not name.startswith(("_", "__"))}
    of_textual = {
        "textual",
        "rich",
        "typing_extensions",
        "markdown_it",
        "mdurl",
        "pygments",
        "platformdirs",
        "linkify_it",
    }
    of_python = {"console", "tests", "sitecustomize", "usercustomize", "distutils_precedence", "opsconsole"}
    assert third_party - of_textual - of_python == set()
    ours = {name for name in json.loads(found.read_text()) if name.startswith("console.")}
    layers = {name.split(".")[1] for name in ours}
    assert layers <= {
        "ui",
        "domain",
        "present",
        "ports",
        "errors",
        "services",
        "resources",
        "own_directories",
        "own_commands",
    }


# --- figures ---------------------------------------------------------------------------------------------------------


@pytest.mark.bench
def test_idle_costs_at_most_three_percent_and_four_kilobytes_a_second() -> None:
    with program("moving") as terminal:
        terminal.wait_for(READY)
        time.sleep(5)
        began, used = time.monotonic(), processor_seconds(terminal.pid)
        time.sleep(20)
        seconds = time.monotonic() - began
        percent = (processor_seconds(terminal.pid) - used) / seconds * 100
        rate = terminal.written_since(began) / seconds
        print(f"\nidle, moving at 1 Hz: {percent:.1f} % CPU, {rate:.0f} B/s")
        assert percent <= 3 and rate <= 4096


@pytest.mark.bench
def test_when_nothing_changes_nothing_is_written() -> None:
    with program("quiet") as terminal:
        terminal.wait_for(READY)
        terminal.wait_quiet(1.5)
        began = time.monotonic()
        time.sleep(5)
        assert terminal.written_since(began) == 0
