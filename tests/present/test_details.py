"""One queue, one probe, one step's output and the logs that cannot be followed, in full."""

from __future__ import annotations

from dataclasses import replace

from console.domain.actions import Effect
from console.domain.logs import FollowState, FollowStatus
from console.domain.runs import StepProgress
from console.domain.snapshot import Snapshot
from console.domain.untrusted import Raw
from console.present.health_rows import probe_lines
from console.present.log_notices import down_lines
from console.present.queue_rows import queue_lines
from console.present.run_rows import output_lines
from console.present.text import Line
from tests.fakes.world_values import START, make_probes, make_queues


def texts(lines: tuple[Line, ...] | list[Line]) -> list[str]:
    return ["".join(text for text, _ in line) for line in lines]


def test_a_queue_tells_its_counts_and_what_they_are_a_part_of() -> None:
    reading = make_queues()
    queue = replace(reading.queues[0], connection="evil\x1b[31m", paused=True)
    said = texts(queue_lines(queue, Snapshot(source="queues:redis", value=reading, taken_at=START)))
    assert f"ready       {queue.ready:,}" in said and "paused      yes" in said
    assert "\x1b" not in "".join(said)


def test_a_good_answer_says_what_it_does_not_see_while_a_host_is_in_maintenance_mode() -> None:
    well = make_probes(START).probes[0]
    assert len(probe_lines(well, down=True)) == len(probe_lines(well, down=False)) + 1
    assert f"url      {well.url}" in texts(probe_lines(well, down=False))


def test_output_says_where_only_its_end_is_at_hand() -> None:
    outputs = {"web1": (Raw(b"done\x07\n"), 90_000), "": (Raw(b""), 0)}
    said = texts(
        output_lines(
            StepProgress(name="build", kind="shell", effect=Effect.ONCE, text="", hosts={}),
            outputs,
            "opsconsole runs attach 7",
        )
    )
    assert said[0] == "web1" and said[1].endswith("of 90,000 bytes: opsconsole runs attach 7 prints all")
    assert said[2].startswith("done") and "\x07" not in said[2]
    assert said[-2:] == ["here", "no output"]


def test_each_file_that_cannot_be_followed_tells_its_whole_reason() -> None:
    down = FollowStatus(host="web1", file="laravel.log", state=FollowState.DOWN, since=START, detail="gone\nfor good")
    said = texts(down_lines([down]))
    assert said[0].startswith("web1 laravel.log") and said[1:] == ["  gone", "  for good"]
