"""Two consoles, one lock, and links that break between them: no step behind a fence, no run beside a living step."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.services.running.chronicle import Story, judge
from tests.services.running.interleaving import Interleaving


def play(directory: Path, seed: int) -> Story:
    directory.mkdir()
    world = Interleaving(directory, seed)
    try:
        story = world.play()
        judge(story)
    finally:
        world.close()
    return story


@pytest.mark.parametrize("first", range(0, 20, 5))
def test_interleavings_of_broken_links_take_overs_and_returns(tmp_path: Path, first: int) -> None:
    stories = [play(tmp_path / str(seed), seed) for seed in range(first, first + 5)]
    assert any(story.took_over for story in stories)
    assert any(story.b_code == 0 for story in stories)


@pytest.mark.soak
@pytest.mark.timeout(7200)
def test_two_hundred_interleavings(tmp_path: Path) -> None:
    stories = [play(tmp_path / str(seed), seed) for seed in range(1000, 1200)]
    tally = {
        "taken over": sum(story.took_over for story in stories),
        "B refused at least once": sum(story.refused_beside > 0 for story in stories),
        "B ended ok": sum(story.b_code == 0 for story in stories),
        "A ended ok": sum(story.a_code == 0 for story in stories),
        "A lost the lock": sum(story.a_code == 5 for story in stories),
        "A waits for an operator": sum(story.a_code == 8 for story in stories),
        "A resumed": sum(story.a_resumed for story in stories),
        "starts that a fence refused": sum(story.fenced_starts for story in stories),
    }
    print("\n" + "\n".join(f"{value:5} {name}" for name, value in tally.items()))
    for name in (
        "taken over",
        "B refused at least once",
        "B ended ok",
        "A lost the lock",
        "starts that a fence refused",
    ):
        assert tally[name] >= 20, tally
