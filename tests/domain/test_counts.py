"""Numbers that say whether they are whole."""

from __future__ import annotations

import pytest

from console.domain.counts import Count, Sign, bounds
from console.present.text import counted


def test_a_number_reads_as_what_it_is() -> None:
    assert counted(Count(4812)) == "4,812"
    assert counted(Count.at_least(1000, "of the newest 1,000")) == "≥1,000"
    assert counted(Count.about(7, "an estimate")) == "~7"
    assert Count.at_least(5, "") == Count.about(5, "") == Count(5)


@pytest.mark.parametrize(("sign", "bound"), [(Sign.EXACT, "words"), (Sign.ABOUT, ""), (Sign.AT_LEAST, "")])
def test_what_is_not_exact_says_why_and_only_that(sign: Sign, bound: str) -> None:
    with pytest.raises(ValueError):
        Count(1, sign, bound)


def test_bounds_are_named_once() -> None:
    assert bounds(["a", "", "b", "a"]) == "a; b"
