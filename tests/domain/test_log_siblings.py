"""Which files a log file became when it was rotated."""

from __future__ import annotations

import pytest

from console.domain.log_siblings import FoundFile, fixed_beginning, siblings


def found(*names: str) -> list[FoundFile]:
    """Files of these names, written in this order."""
    return [
        FoundFile(path=f"/logs/{name}", inode=f"1:{number}", size=10, changed=number)
        for number, name in enumerate(names, 1)
    ]


@pytest.mark.parametrize(
    "name",
    [
        "laravel.log.1",
        "laravel.log.12.gz",
        "laravel.log-20261128",
        "laravel.log-20261128.gz",
        "laravel.log-20261128-1764288000.xz",
        "laravel.log-2026112813",
        "laravel.log.2026-11-28",
        "laravel-2026-11-28.log",
        "laravel-2026-11-28.log.zst",
        "laravel-20261128.log.bz2",
        "laravel-2026-11.log",
        "laravel.1.log",
        "laravel.log.old",
        "laravel.log.gz",
    ],
)
def test_names_that_rotation_makes(name: str) -> None:
    assert [each.name for each in siblings("/logs/laravel.log", None, found(name))] == [name]
    assert name.startswith(fixed_beginning("laravel.log"))


@pytest.mark.parametrize(
    "name",
    [
        "laravel.logs",
        "laravel-queue.log",
        "laravel-2.log",
        "laravel.log.swp",
        "laravel.log.1.txt",
        "other.log.1",
        "xlaravel.log",
        "laravel.log.gz.part",
        "laravelXlog",
    ],
)
def test_names_that_are_somebody_elses(name: str) -> None:
    assert siblings("/logs/laravel.log", None, found(name)) == ()


def test_a_pattern_has_what_it_matches_and_what_that_became() -> None:
    names = ["laravel-2026-11-27.log.gz", "laravel-2026-11-28.log", "laravel-2026-11-29.log", "nginx.log"]
    files = found(*names)
    assert [each.name for each in siblings("/logs/laravel-*.log", files[2], files)] == names[:2]
    assert fixed_beginning("laravel-*.log") == "laravel-"
    assert fixed_beginning("worker") == "worker"


def test_what_was_written_last_is_the_newest() -> None:
    files = found("laravel.log.3.gz", "laravel.log.2.gz", "laravel.log.1", "laravel.log")
    assert [each.name for each in siblings("/logs/laravel.log", files[3], files)] == [each.name for each in files[:3]]


def test_a_file_that_is_being_compressed_is_read_once() -> None:
    files = found("laravel.log.1.gz", "laravel.log.1", "laravel.log.2.gz")
    assert [each.name for each in siblings("/logs/laravel.log", None, files)] == ["laravel.log.1", "laravel.log.2.gz"]


def test_one_file_of_two_names_is_one() -> None:
    linked = FoundFile(path="/logs/laravel.log.1", inode="1:9", size=1, changed=1)
    current = FoundFile(path="/logs/laravel.log", inode="1:9", size=1, changed=1)
    assert siblings("/logs/laravel.log", current, [linked, current]) == ()


def test_the_ending_says_how_it_is_packed() -> None:
    packed, plain = found("laravel.log.2.gz", "laravel.log.1")
    assert (packed.packing, packed.plain_path) == ("gz", "/logs/laravel.log.2")
    assert (plain.packing, plain.plain_path) == ("", plain.path)
