"""Lines of 100 KB that were written to be slow to read: none takes longer than another."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from console.domain.exception_text import exception_chain, parse_frames, thrown_head
from console.domain.log_format import logged_chain, parse, parse_simple
from console.domain.log_heads import head_at, heads_behind
from console.domain.log_json import is_broken, members
from console.domain.log_stamps import day_and_clock, read_stamp
from console.domain.untrusted import Raw

LENGTH = 100_000
BEGINNINGS = (
    b"",
    b"[",
    b"#1 ",
    b"[object] (",
    b"Exception: ",
    b"Fatal error: ",
    b"PHP Fatal error:  ",
    b"2026-01-01 10:00:00 ",
    b"[01/02/2026 10:00",
    b"[2026-01-01 10:00:00] ",
    b"[2026-01-01 10:00:00] a.ERROR: ",
    b'[2026-01-01 10:00:00] a.ERROR: x {"exception":"[object] (A(code: 0): ',
    b"[2026-01-01 10:00:00] PHP Fatal error:  Uncaught ",
    b'{"message":"',
)
REPEATED = (
    *(b"a", b"1", b" ", b":", b": ", b"[", b" [", b" {", b"\\", b'"', b"a.", b"\n", b"\n[", b"\r", b"\xff"),
    *(b" in ", b" in x:1 ", b" in x on line 1 ", b" at ", b"(1)", b"@anonymous", b"A(code: ", b":1, A(code: 0): "),
    b" : eval()'d code(1)",
)
READERS: tuple[Callable[[bytes], object], ...] = (
    head_at,
    lambda data: heads_behind(b"\n" + data),
    lambda data: parse(data, host="web1", file="laravel.log", offset=0),
    lambda data: parse_simple(data.decode("latin-1")),
    lambda data: logged_chain(Raw(data)),
    lambda data: exception_chain(Raw(data)),
    lambda data: thrown_head(Raw(data)),
    lambda data: parse_frames(data.decode("latin-1")),
    read_stamp,
    day_and_clock,
    members,
    is_broken,
)


@pytest.mark.deadline
@pytest.mark.timeout(120)
@pytest.mark.parametrize("beginning", BEGINNINGS)
def test_no_line_takes_long(beginning: bytes) -> None:
    slow = []
    for repeated in REPEATED:
        data = beginning + repeated * (LENGTH // len(repeated)) + b'"}\n'
        for number, reader in enumerate(READERS):
            started = time.process_time()
            reader(data)
            if (took := time.process_time() - started) >= 0.2:
                slow.append((number, repeated, took))
    assert slow == []
