"""Typed values in commands: what real shells receive is what was meant, or it is refused."""

from __future__ import annotations

import random
import shutil
import subprocess

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from console.domain.shellwords import Kind, Typed, quote, refused

SHELLS = [shell for shell in (["sh"], ["bash"], ["dash"], ["busybox", "sh"]) if shutil.which(shell[0])]
TEXT = st.text(alphabet=st.characters(exclude_characters="\0\n\r", exclude_categories=["Cs"]), max_size=60)
NASTY = st.lists(
    st.sampled_from(
        ["'", '"', "$(id)", "`id`", "\\", " ", "*", "~", "!", "{a,b}", ";", "&", "|", "\x01", "\x7f", "\x81", "é", "#"]
    ),
    max_size=12,
).map("".join)


def received(shell: list[str], commands: list[str]) -> list[bytes]:
    script = "LC_ALL=C\n" + "\n".join(f"printf '%s\\0' {command}" for command in commands)
    done = subprocess.run(
        shell, input=script.encode("utf-8", "surrogateescape"), capture_output=True, check=True, timeout=60
    )
    return done.stdout.split(b"\0")[:-1]


def round_trip(values: list[str]) -> None:
    wanted = [value.encode("utf-8", "surrogateescape") for value in values]
    for shell in SHELLS:
        assert received(shell, [quote(value) for value in values]) == wanted, shell


@settings(max_examples=60, deadline=None)
@given(st.lists(st.one_of(TEXT, NASTY), min_size=40, max_size=80))
def test_words_reach_real_shells_exactly(values: list[str]) -> None:
    round_trip(values)


@pytest.mark.fuzz
@pytest.mark.timeout(1200)
def test_a_hundred_thousand_values_reach_real_shells_exactly() -> None:
    dice = random.Random(4)
    marks = "'\"\\$`!*?[]{}()<>|&;#~=% \t\x01\x07\x1b\x7f\x81\x9b\u00e9\u202e\U0001f600ab"
    for _ in range(100):
        round_trip(["".join(dice.choice(marks) for _ in range(dice.randrange(30))) for _ in range(1000)])


def test_undecodable_bytes_pass_too() -> None:
    value = b"caf\xe9\x80\xff".decode("utf-8", "surrogateescape")
    for shell in SHELLS:
        assert received(shell, [quote(value)]) == [b"caf\xe9\x80\xff"]


@pytest.mark.parametrize("kind", list(Kind))
@pytest.mark.parametrize("value", ["-rf", "--option=x", "a\nb", "a\0b", "a\rb"])
def test_dash_nul_and_line_breaks_are_refused_in_every_kind(kind: Kind, value: str) -> None:
    with pytest.raises(ValueError):
        Typed(kind, value)


@pytest.mark.parametrize(
    ("kind", "good", "bad"),
    [
        (Kind.INT, ["0", "42"], ["", "4.2", "1e3", "٣", " 1"]),
        (Kind.NAME, ["web-1", "laravel-worker:laravel-worker_00"], ["", ".x", "a b", "a/b"]),
        (Kind.RELEASE, ["42", "20261121205103", "v1.2-rc_3"], ["", "../etc", "a/b", "a..b", "."]),
        (Kind.QUEUE, ["default", "{tag}:x", "ärger"], ["", "a,b", "a b", "x" * 256]),
        (
            Kind.UUID,
            ["9b2e6f60-0f0e-4ac1-8f9b-0c9a5f1f2d3e", "17"],
            ["", "all", "9b2e6f60", "9b2e6f60-0f0e-4ac1-8f9b-0c9a5f1f2d3e1"],
        ),
        (
            Kind.GIT_REF,
            ["main", "feature/x-1", "v1.0.0", "a1b2c3d"],
            [
                "",
                "a..b",
                "a b",
                "x:y",
                "+main",
                "a.lock",
                "a.lock/b",
                "a/",
                "/a",
                "a//b",
                "a/.b",
                "a@{1}",
                "a~1",
                "a^",
                "a?",
                "a\\b",
                "x.",
            ],
        ),
        (Kind.PATH, ["/var/www/app", "a b/ü", "../x"], ["", "x" * 4097]),
        (Kind.TEXT, ["", "$(reboot) 'x'"], []),
    ],
)
def test_each_kind_takes_and_refuses(kind: Kind, good: list[str], bad: list[str]) -> None:
    assert [refused(kind, value) for value in good] == [""] * len(good)
    assert [value for value in bad if not refused(kind, value)] == []


def test_a_refusal_shows_the_value_harmlessly() -> None:
    with pytest.raises(ValueError, match="␛") as caught:
        Typed(Kind.UUID, "\x1b[2J")
    assert "\x1b" not in str(caught.value)


def test_a_nul_is_in_no_word() -> None:
    with pytest.raises(ValueError):
        quote("a\0")
