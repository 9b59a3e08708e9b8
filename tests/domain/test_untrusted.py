"""What no text from outside may do once it is shown."""

from __future__ import annotations

import random
import unicodedata
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from console.domain.untrusted import Raw, elide, harmless

# Weighted towards the code points an attack is made of.
NASTY = st.one_of(
    st.characters(),
    st.sampled_from(list("\x00\x07\x08\t\n\r\x1b\x7f\x80\x85\x9b\x9d\u061c\u200b\u200d\u202a\u202e\u2066\u2069\ufeff")),
    st.sampled_from(["\ud800", "\udc80", "\udcff", "\U000e0001", "\U000e0100", "\ufe0f", "\u2028", "\U00013430"]),
    st.sampled_from(["\x1b]52;c;", "\x1b[2J", "[/x]", "[@click=app.quit]", "\x9b31m"]),
)
STRINGS = st.lists(NASTY, max_size=40).map("".join)


def dangerous(text: str) -> list[str]:
    """Code points that a terminal would obey, reorder by, or hide."""
    return [c for c in text if unicodedata.category(c) in {"Cc", "Cf", "Cs", "Zl", "Zp"}]


def generated(count: int, seed: int) -> Iterator[str]:
    """Strings from a seeded generator: much quicker than hypothesis, which looks for the small cases above."""
    dice = random.Random(seed)
    attacks = [
        "\x1b]52;c;",
        "\x1b[2J",
        "\x9b31m",
        "[/x]",
        "\u202e",
        "\u200b",
        "\ufeff",
        "\r",
        "\n",
        "\t",
        "\x07",
        "\x85",
    ]
    for _ in range(count):
        yield "".join(
            dice.choice(attacks)
            if dice.random() < 0.3
            else chr(dice.randrange(0x110000) if dice.random() < 0.5 else dice.randrange(0x300))
            for _ in range(dice.randrange(24))
        )


def check(text: str) -> None:
    raw = Raw(text.encode("utf-8", "surrogatepass"))
    assert dangerous(raw.show()) == []
    assert dangerous("".join(raw.lines())) == []


@settings(max_examples=300, deadline=None)
@given(STRINGS)
def test_nothing_dangerous_survives_show_or_lines(text: str) -> None:
    check(text)


def test_nothing_dangerous_survives_in_twenty_thousand_strings() -> None:
    for text in generated(20_000, seed=7):
        check(text)


@settings(max_examples=500, deadline=None)
@given(st.binary(max_size=200))
def test_exact_gives_every_byte_back(data: bytes) -> None:
    assert Raw.of(Raw(data).exact()).data == data
    assert dangerous(Raw(data).show()) == []


@settings(max_examples=300, deadline=None)
@given(STRINGS, st.integers(0, 40))
def test_a_chunk_border_changes_nothing(text: str, cut: int) -> None:
    assert harmless(text[:cut]) + harmless(text[cut:]) == harmless(text)


def test_every_code_point_alone() -> None:
    for code in range(0x110000):
        shown = harmless(chr(code))
        assert shown, hex(code)
        assert not dangerous(shown), hex(code)


def test_controls_become_pictures_that_name_them() -> None:
    assert Raw(b"a\x1b]52;c;eA==\x07b").show() == "a␛]52;c;eA==␇b"
    assert Raw("x\u202ey".encode()).show() == "x‹U+202E›y"
    assert Raw(b"caf\xe9").show() == "caf‹E9›"


def test_lines_split_at_every_kind_of_newline_and_widen_tabs() -> None:
    assert Raw(b"one\r\ntwo\rthree\n\tfour").lines() == ("one", "two", "three", "  four")
    assert Raw(b"a\nb\nc\nd").lines(count=2) == ("a", "b")


def test_show_is_cut_with_an_ellipsis_and_never_decodes_the_rest() -> None:
    assert Raw(b"x" * 10_000_000).show(5) == "xxxx…"
    assert Raw("äöü€".encode()).show(4) == "äöü€"
    assert elide("abc", 0) == "…"


def test_raw_refuses_to_become_text_by_accident() -> None:
    with pytest.raises(TypeError):
        str(Raw(b"x"))
    with pytest.raises(TypeError):
        f"{Raw(b'x')}"
    assert not Raw.of(None)


@pytest.mark.fuzz
@pytest.mark.timeout(600)
def test_nothing_dangerous_survives_at_full_size() -> None:
    for text in generated(1_000_000, seed=11):
        check(text)
