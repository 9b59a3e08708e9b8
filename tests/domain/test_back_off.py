"""Pauses after failures."""

from __future__ import annotations

from console.domain.back_off import pause_after


def test_pauses_grow_to_five_seconds_and_no_further() -> None:
    assert [pause_after(failures) for failures in (1, 2, 3, 4, 5, 60)] == [1.0, 2.0, 4.0, 5.0, 5.0, 5.0]
