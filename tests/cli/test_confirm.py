"""What a person at a terminal is asked before a run starts, what a refusal leaves behind, and how following can end."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from console.cli.attachment import signals
from console.domain.event_codec import decode_payload
from console.domain.runs import EventKind
from console.errors import StateError
from tests.cli.ends import ENDS, STARTED, House, streams


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[House]:
    built = House(tmp_path, monkeypatch)
    yield built
    built.close()


def refusals(house: House) -> list[tuple[str, int | None]]:
    return [(entry.detail, entry.exit_status) for entry in house.stage.audit.entries() if entry.result == "refused"]


@pytest.mark.parametrize(("typed", "code"), [("y\n", 0), ("YES\n", 0), ("n\n", 7), ("\n", 7), ("lab\n", 7)])
def test_a_run_wants_a_yes(house: House, tmp_path: Path, typed: str, code: int) -> None:
    with streams("terminal", tmp_path) as terminal:
        terminal.type(typed)
        assert house("run", "try", "-e", "lab") == code
        said = terminal.out()
    assert "Run this? [y/N]" in said and said.index("Try on lab") < said.index("Run this?")
    assert len(house.stage.store.runs()) == (1 if code == 0 else 0)
    assert refusals(house) == ([] if code == 0 else [("It was not confirmed.", 7)])


@pytest.mark.parametrize("options", [("--confirm", "web"), ("--yes", "--confirm", "web")])
def test_the_name_of_another_environment_is_refused_before_anything_is_asked(
    house: House, tmp_path: Path, options: tuple[str, ...]
) -> None:
    with streams("terminal", tmp_path) as terminal:
        assert house("run", "try", "-e", "lab", *options) == 7
        assert "Run this?" not in terminal.out()
    assert refusals(house) == [("--confirm says web, this is for lab.", 7)]
    assert house.stage.store.runs() == ()


def test_an_unstartable_run_can_be_gone_on_with_or_ended(house: House, tmp_path: Path) -> None:
    house.unstartable = True
    with streams("file", tmp_path) as written:
        assert house("run", "try", "-e", "lab", "--yes") == 1
        assert "runs resume 1" in written.err() and "runs abort 1" in written.err()
    house.unstartable = False
    with streams("file", tmp_path) as written:
        assert house("runs", "resume", "1") == 0


@pytest.mark.parametrize("command", [("run", "try"), ("failed", "retry", "3fca83f8-1111-4000-8000-000000000003")])
def test_a_run_that_cannot_be_followed_any_more_is_of_unknown_end(
    house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: tuple[str, ...]
) -> None:
    def broken(*_: object) -> None:
        raise StateError("the state database failed: disk I/O error")

    monkeypatch.setattr("console.services.runs.attachment.Attachment._newer", broken)
    with streams("file", tmp_path) as written:
        assert house(*command, "-e", "lab", "--yes") == 8
        assert "disk I/O error" in written.err() and "runs attach 1" in written.err()


def test_what_cannot_be_read_after_the_end_changes_no_code(
    house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise StateError("the state database failed: disk I/O error")

    house.end = ENDS["lock held"]
    monkeypatch.setattr("console.services.runs.control.RunControl.history", broken)
    for command in (("run", "try"), ("failed", "retry", "3fca83f8-1111-4000-8000-000000000003")):
        with streams("file", tmp_path) as written:
            assert house(*command, "-e", "lab", "--yes") == 5
            assert "the lock is held by anna" in written.err()


def test_interrupts_leave_a_run_alone_and_say_where_it_is(
    house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = house.confirmed()
    for kind, data in (STARTED,):
        house.stage.store.append(run, decode_payload(kind, data), at=house.stage.clock.now())

    def caught(_number: int, handler: object) -> None:
        if callable(handler):
            handler(signal.SIGTERM, None)

    monkeypatch.setattr("signal.signal", caught)
    monkeypatch.setattr("console.cli.main._terminated", lambda *_: None)
    with streams("file", tmp_path) as written:
        assert house("runs", "attach", str(run), "--json") == 143
        assert f"Run {run} goes on." in written.err()
        assert '"kind":"run_detached"' in written.out() and '"outcome":null' in written.out()
    assert house.stage.kinds(run)[-1] == EventKind.RUN_STARTED.value


@pytest.mark.parametrize("ignored", [True, False])
def test_whoever_ignores_the_end_of_the_terminal_goes_on_ignoring_it(
    monkeypatch: pytest.MonkeyPatch, ignored: bool
) -> None:
    taken: list[int] = []
    before = signal.SIG_IGN if ignored else signal.SIG_DFL
    monkeypatch.setattr("signal.getsignal", lambda _number: before)
    monkeypatch.setattr("signal.signal", lambda number, _handler: taken.append(number))
    with signals():
        assert (signal.SIGHUP in taken) is not ignored and signal.SIGTERM in taken
