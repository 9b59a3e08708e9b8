"""A step's output without its secrets: whole ones and their longer lines, wherever the output is cut."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from console.domain.redact import Redactor, Secret
from console.services.running.mask import masked

KEY = "-----BEGIN KEY-----\nMIIEpAIBAAKC\nq8pz41xx\nshort\n-----END KEY-----\n"


def pieced(data: bytes, secrets: tuple[Secret, ...], cuts: list[int]) -> bytes:
    """The output as a runner sees it that looks at growing pieces, each from where the last one ended."""
    shown = b""
    for cut in [*sorted(cuts), len(data)]:
        at = len(shown)
        if cut > at:
            shown += masked(data[at:cut], secrets, complete=cut == len(data))
    return shown


def test_each_longer_line_of_a_secret_is_masked() -> None:
    output = b"q8pz41xx and again  MIIEpAIBAAKC; short stays\n"
    assert masked(output, (Secret(KEY),), complete=True) == b"******** and again  ************; short stays\n"
    whole = KEY.encode()
    assert masked(whole, (Secret(KEY),), complete=True) == b"*" * len(whole)
    assert b"short" not in masked(KEY.strip().encode(), (Secret(KEY),), complete=True)
    windows = KEY.replace("\n", "\r\n").encode()
    assert b"q8pz41xx" not in masked(windows, (Secret(KEY),), complete=True)
    assert "q8pz41xx" not in Redactor().knowing(Secret(KEY)).text("its third line is q8pz41xx")


def test_a_short_line_of_a_whole_secret_is_masked_though_the_output_was_cut_before_it() -> None:
    secret = Secret("LINE1LONG\nab")
    data = b"x LINE1LONG\nab y"
    for cut in range(len(data)):
        assert pieced(data, (secret,), [cut]) == b"x ************ y"


@settings(max_examples=400, deadline=None)
@given(
    st.lists(st.text(alphabet="ab\n", min_size=1, max_size=26), min_size=1, max_size=3),
    st.lists(st.text(alphabet="ab\n", max_size=12), max_size=4),
    st.lists(st.integers(0, 120), max_size=8),
    st.data(),
)
def test_no_cut_shows_more_than_one_look(
    values: list[str], filler: list[str], cuts: list[int], draw: st.DataObject
) -> None:
    secrets = tuple(Secret(value) for value in values)
    parts = [*filler, *draw.draw(st.lists(st.sampled_from(values), max_size=4))]
    data = "|".join(draw.draw(st.permutations(parts))).encode()
    shown = pieced(data, secrets, [cut for cut in cuts if cut < len(data)])
    assert len(shown) == len(data)
    hidden = [value for value in values if len(value) >= 4]
    hidden += [line for value in values for line in value.split("\n") if len(line) >= 8]
    for value in hidden:
        assert value.encode() not in shown
