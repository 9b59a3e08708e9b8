"""What an environment comes to: the one that is read fully by its readings, the others by their light question."""

from __future__ import annotations

from dataclasses import replace

import pytest

from console.domain.health import Status
from console.domain.queues import QueueReading
from console.domain.readings import LIGHT, LightReading
from console.domain.snapshot import Trouble
from console.present.environment_rows import environment_rows
from console.present.readings import judge
from tests.fakes.clock import FakeClock
from tests.fakes.reach import make_environment
from tests.fakes.screen import FakeBoard


@pytest.fixture
def board() -> FakeBoard:
    return FakeBoard(FakeClock())


def light(board: FakeBoard, status: Status) -> None:
    board.put("lab", LIGHT, LightReading(status=status, detail=""), every=30.0)


@pytest.mark.parametrize(
    ("status", "state"), [(Status.OK, "ok"), (Status.WARNING, "warning"), (Status.FAILED, "failed")]
)
def test_an_environment_nobody_looks_at_is_what_its_light_question_says(
    board: FakeBoard, status: Status, state: str
) -> None:
    light(board, status)
    assert judge(board, "lab", board.clock.monotonic(), polled=False).state == state


def test_a_light_question_from_before_it_was_selected_says_nothing_any_more(board: FakeBoard) -> None:
    light(board, Status.FAILED)
    board.clock.advance(300)
    board.put("lab", "queues:redis", QueueReading(connection="redis", driver="redis", queues=(), server_time=0))
    assert judge(board, "lab", board.clock.monotonic()).troubles == ()


def test_troubles_from_before_it_was_left_are_told_with_their_age_until_it_is_read_again(board: FakeBoard) -> None:
    queues = QueueReading(connection="redis", driver="redis", queues=(), server_time=0)
    board.put("lab", "queues:redis", queues)
    for number in range(6):
        board.put("lab", f"probe{number}", queues)
        each = board.snapshots["lab"][f"probe{number}"]
        failed = Trouble(f"probe {number} failed", bad=True)
        board.snapshots["lab"][f"probe{number}"] = replace(each, troubles=(failed,))
    board.clock.advance(300)
    light(board, Status.OK)
    verdict = judge(board, "lab", board.clock.monotonic(), polled=False)
    assert (verdict.state, len(verdict.troubles), verdict.ago) == ("failed", 6, 300)
    (row,) = environment_rows([make_environment(name="lab")], "other", {"lab": verdict})
    assert [cell.text for cell in row.cells[:3]] == ["✖", "lab", "✖6 5m ago"]
    light(board, Status.FAILED)
    assert judge(board, "lab", board.clock.monotonic(), polled=False).ago is None, "now it is known to be bad"


def test_an_error_from_before_it_was_left_is_not_forgotten_either(board: FakeBoard) -> None:
    board.put("lab", "hosts", QueueReading(connection="redis", driver="redis", queues=(), server_time=0))
    board.fail("lab", "queues:redis", "Redis does not answer")
    light(board, Status.OK)
    assert judge(board, "lab", board.clock.monotonic(), polled=False).state == "warning"


def test_an_old_light_answer_is_no_verdict(board: FakeBoard) -> None:
    light(board, Status.OK)
    board.clock.advance(300)
    assert judge(board, "lab", board.clock.monotonic(), polled=False).state == "unknown"
