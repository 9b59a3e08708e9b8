"""Errors per minute in logs of every form, each error once."""

from __future__ import annotations

import time
from datetime import UTC, datetime

import pytest

from console.domain.logs import FileOrigin, LogRing

A = FileOrigin("web1", "laravel.log", "8:1")
TEN_O_CLOCK = int(datetime(2026, 1, 5, 10, tzinfo=UTC).timestamp()) // 60


def json_line(level: str, message: str = "two") -> bytes:
    return f'{{"message":"{message}","level_name":"{level}","datetime":"2026-01-05T10:00:00+00:00"}}\n'.encode()


def rate(*pieces: bytes) -> int:
    ring, offset = LogRing(), 0
    for piece in pieces:
        ring.append(A, offset, piece, live=False)
        offset += len(piece)
        total = sum(ring.errors_per_minute(TEN_O_CLOCK, 5))
    return total


@pytest.mark.timeout(10)
def test_json_lines_are_counted_and_the_counting_ends() -> None:
    assert rate(json_line("INFO")) == 0
    assert rate(json_line("ERROR")) == 1
    assert rate(json_line("INFO") + json_line("CRITICAL") + b"plain\n" + json_line("ERROR")) == 2
    assert rate(b"plain\n" + json_line("ERROR")) == 1
    assert rate(json_line("ERROR"), json_line("ERROR"), b"plain\n" + json_line("ERROR")) == 3


@pytest.mark.timeout(10)
@pytest.mark.parametrize("words", ["ERROR: two", "Fatal error: two", "CRITICAL: ERROR:", "App Failed: two"])
def test_a_json_error_whose_message_has_the_words_of_a_head_is_one(words: str) -> None:
    assert rate(json_line("ERROR", words)) == 1
    assert rate(b"plain\n" + json_line("ERROR", words) + json_line("INFO", words)) == 1


@pytest.mark.deadline
@pytest.mark.timeout(60)
@pytest.mark.parametrize("head", [b"", b"[2026-01-05 10:00:00] a.ERROR:", b"[2026-01-05 10:00:00] a b.ERROR:", b'{"'])
@pytest.mark.parametrize("word", [b"ERROR:", b" error:", b" Failed:", b"EMERGENCY:"])
def test_a_line_full_of_words_takes_no_time(head: bytes, word: bytes) -> None:
    started = time.process_time()
    assert rate(head + word * (400_000 // len(word)) + b"\n") == (1 if head.startswith(b"[") else 0)
    assert time.process_time() - started < 0.2
