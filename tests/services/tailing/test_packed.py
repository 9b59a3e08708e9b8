"""Compressed files, unpacked as they come."""

from __future__ import annotations

import bz2
import gzip
import lzma
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from console.errors import RemoteError
from console.services.tailing import packed
from console.services.tailing.packed import Unpacking

Pack = Callable[[bytes], bytes]
PACKS: list[Pack] = [gzip.compress, bz2.compress, lzma.compress]


def unpacked(data: bytes, size: int) -> tuple[bytes, bool]:
    """What comes of a file fed in pieces of that size, and whether it ended as it should."""
    found, unpacking = b"", Unpacking()
    for at in range(0, len(data), size):
        unpacking.feed(data[at : at + size])
        while plain := unpacking.take():
            found += plain
    return found, unpacking.whole


@given(st.lists(st.binary(max_size=300), min_size=1, max_size=3), st.integers(1, 400), st.sampled_from(PACKS))
def test_members_of_any_size_in_pieces_of_any_size(members: list[bytes], size: int, pack: Pack) -> None:
    assert unpacked(b"".join(pack(each) for each in members), size) == (b"".join(members), True)


@pytest.mark.parametrize("pack", PACKS)
def test_a_small_file_that_unpacks_to_a_huge_one_is_given_in_small_pieces(
    pack: Pack, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(packed, "AT_ONCE", 1000)
    unpacking = Unpacking()
    unpacking.feed(pack(b"x" * 100_000))
    pieces = []
    while plain := unpacking.take():
        pieces.append(plain)
    assert b"".join(pieces) == b"x" * 100_000 and max(map(len, pieces)) <= 1000 and unpacking.whole


@pytest.mark.parametrize("pack", PACKS)
def test_a_file_that_is_cut_off_is_not_whole(pack: Pack) -> None:
    data = pack(bytes(range(256)) * 50)
    found, whole = unpacked(data[:-5], 100)
    assert not whole and (bytes(range(256)) * 50).startswith(found)


@pytest.mark.parametrize("pack", PACKS)
def test_a_broken_file_is_said_to_be(pack: Pack) -> None:
    data = bytearray(pack(bytes(range(256)) * 50))
    data[20:60] = b"\x00" * 40
    with pytest.raises(RemoteError):
        unpacked(bytes(data), 1000)


def test_what_is_none_is_said_to_be() -> None:
    with pytest.raises(RemoteError, match="no gzip, bzip2 or xz"):
        unpacked(b"plain text\n", 100)
    assert unpacked(gzip.compress(b"x") + b"\0" * 100, 7) == (b"x", True), "tapes pad with zeros"


@pytest.mark.parametrize("data", [b"", b"\n", b"\x1f\x8b"])
def test_a_file_without_a_member_is_not_whole(data: bytes) -> None:
    assert unpacked(data, 10) == (b"", False)
