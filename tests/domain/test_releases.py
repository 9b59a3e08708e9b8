"""Releases as a real shell reports them, their order, names and where a rollback goes."""

from __future__ import annotations

import json
import subprocess
import time
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from console.domain.environment import AppPaths
from console.domain.releases import (
    HostReleases,
    Release,
    common_candidate,
    next_name,
    note_link,
    parse_releases,
    read_script,
    valid_name,
)

NOW = datetime(2026, 11, 21, 20, 51, 3, tzinfo=UTC)


def paths_of(base: Path) -> AppPaths:
    return AppPaths(
        base=str(base),
        tree=f"{base}/current",
        root=f"{base}/current",
        releases=f"{base}/releases",
        current=f"{base}/current",
        shared=f"{base}/shared",
        control=f"{base}/.opsconsole",
    )


def sh(script: str) -> bytes:
    done = subprocess.run(["sh"], input=script.encode(), capture_output=True, check=True)
    assert done.stderr == b""
    return done.stdout


def commit_of(name: str) -> str:
    return f"c0ffee{name.encode().hex()}"


def build(base: Path, *names: str, current: str = "") -> Path:
    for name in names:
        (base / "releases" / name).mkdir(parents=True)
        (base / "releases" / name / "REVISION").write_text(commit_of(name) + "\n")
    if current:
        (base / "current").symlink_to(f"releases/{current}")
    (base / ".opsconsole").mkdir(parents=True, exist_ok=True)
    return base


def read(base: Path) -> HostReleases:
    return parse_releases("web1", sh(read_script(paths_of(base))))


@pytest.mark.parametrize(
    ("link", "odd"),
    [
        ("releases/2", ""),
        ("releases/../releases/2/", ""),
        ("BASE/releases/2", ""),
        ("10", "leads to 10, which is not there"),
        ("releases/77", "leads to releases/77, which is not there"),
        ("elsewhere/releases/2", "leads to elsewhere/releases/2, which is not in releases/"),
        ("releases", "leads to releases, which is not in releases/"),
        ("releases/2/public", "leads to releases/2/public, which is not in releases/"),
        ("releases/link", "leads to releases/link, which is not in releases/"),
        ("releases/.hidden", "leads to releases/.hidden, which has no name of a release"),
        ("\x1b]0;x", "leads to ␛]0;x, which is not there"),
    ],
)
def test_only_a_link_into_releases_says_what_is_live(tmp_path: Path, link: str, odd: str) -> None:
    base = build(tmp_path / "app", "1", "2")
    for place in ("elsewhere/releases/2", "releases/2/public", "releases/.hidden"):
        (base / place).mkdir(parents=True)
    (base / "releases/link").symlink_to("../elsewhere/releases/2")
    (base / "current").symlink_to(link.replace("BASE", str(base)))
    found = read(base)
    assert (found.current, found.odd) == ("" if odd else "2", odd)


def test_a_path_that_is_itself_linked_is_the_same_place(tmp_path: Path) -> None:
    base = build(tmp_path / "real", "1", "2")
    (tmp_path / "app").symlink_to("real")
    (base / "current").symlink_to(tmp_path / "app/releases/2")
    assert read(tmp_path / "app").current == "2"
    assert read(base).odd == ""


def test_what_is_no_link_is_said(tmp_path: Path) -> None:
    base = build(tmp_path / "app", "1")
    assert read(base).odd == "is not there"
    (base / "current").mkdir()
    assert read(base).odd == "is a directory, not a link"
    (base / "current").rmdir()
    (base / "current").touch()
    assert read(base).odd == "is a file, not a link"
    assert read(build(tmp_path / "fresh")).odd == "", "before the first deploy nothing is odd"


def test_what_lies_on_a_host_is_read(tmp_path: Path) -> None:
    base = build(tmp_path / "it's an app", "9", "10", "11", current="10")
    (base / "releases" / "11" / "BAD_RELEASE").touch()
    (base / "releases" / "notes.txt").touch()
    (base / "releases" / "evil\nname").mkdir()
    (base / "releases" / "link").symlink_to("10")
    assert read(base) == HostReleases(
        host="web1",
        current="10",
        releases=(
            Release(name="9", commit=commit_of("9"), lived=True),
            Release(name="10", commit=commit_of("10"), lived=True),
            Release(name="11", commit=commit_of("11"), bad=True),
        ),
    )


def test_an_absolute_link_and_one_elsewhere(tmp_path: Path) -> None:
    base = build(tmp_path / "a", "1")
    (base / "current").symlink_to(base / "releases" / "1")
    assert read(base).current == "1"
    (base / "current").unlink()
    (base / "current").symlink_to("/somewhere/else")
    assert read(base).current == ""
    (base / "current").unlink()
    (base / "current").symlink_to("releases/gone")
    assert read(base).current == ""


def test_no_directory_is_not_an_empty_one(tmp_path: Path) -> None:
    assert read(tmp_path / "nowhere") == HostReleases(host="web1", current="", releases=(), there=False)
    assert read(tmp_path) == HostReleases(host="web1", current="", releases=(), there=True)


def test_unreadable_and_binary_revisions_do_no_harm(tmp_path: Path) -> None:
    base = build(tmp_path, "1", "2", current="2")
    (base / "releases" / "1" / "REVISION").write_bytes(b"\x1b[31m\xff" + b"x" * 500)
    [first, _] = read(base).releases
    assert first.commit.isprintable()
    assert len(first.commit) <= 64


def test_a_link_that_we_switched_is_remembered_and_a_failed_build_is_not(tmp_path: Path) -> None:
    base = build(tmp_path, "1", "2", "3", "4", current="4")
    for name in ("2", "4"):
        sh(note_link(paths_of(base), name))
    lived = {release.name: release.lived for release in read(base).releases}
    assert lived == {"1": True, "2": True, "3": False, "4": True}
    assert common_candidate([read(base)]) == "2"
    (base / "releases" / "2" / "BAD_RELEASE").touch()
    assert common_candidate([read(base)]) == "1"


def test_deployers_log_orders_and_is_kept(tmp_path: Path) -> None:
    base = build(tmp_path, "alpha", "beta", "gamma", current="beta")
    log = base / ".dep" / "releases_log"
    log.parent.mkdir()
    log.write_text(
        "".join(json.dumps({"release_name": name, "target": "main"}) + "\n" for name in ("gamma", "alpha", "beta"))
        + "not json\n[1]\n"
    )
    assert [release.name for release in read(base).releases] == ["gamma", "alpha", "beta"]
    assert common_candidate([read(base)]) == "alpha"
    sh(note_link(paths_of(base), "gamma"))
    assert json.loads(log.read_text().splitlines()[-1])["release_name"] == "gamma"
    assert [release.name for release in read(base).releases] == ["gamma", "alpha", "beta"], (
        "linking again moves nothing"
    )


def made(base: Path, *names: str) -> Path:
    """Releases that were built one after the other, with what a framework has."""
    for name in names:
        folder = base / "releases" / name
        folder.mkdir(parents=True)
        (folder / "artisan").touch()
        (folder / "REVISION").write_text(name)
        time.sleep(0.01)
    (base / ".opsconsole").mkdir(exist_ok=True)
    return base


@pytest.mark.parametrize(
    "names",
    [
        ["v1.9.0", "v1.9.1", "v1.10.0"],
        ["1a2b3c4", "f00dbee", "9b2c3d4"],
        ["1.3.0+build.5", "1.4.0+build.7", "1.4.1+build.8"],
        ["feature x", "Ärger", "2026-01-01_1200", "9", "main", "10"],
    ],
)
def test_releases_stand_in_the_order_of_building_whatever_they_are_called(tmp_path: Path, names: list[str]) -> None:
    base = made(tmp_path, *names)
    (base / "current").symlink_to(f"releases/{names[-1]}")
    # The mark renews the directory's time, and a touched directory looks newest: neither says when it was built.
    (base / "releases" / names[0] / "BAD_RELEASE").touch()
    assert [release.name for release in read(base).releases] == names
    assert common_candidate([read(base)]) == names[-2]


def test_numbers_say_their_order_also_when_every_time_was_renewed(tmp_path: Path) -> None:
    base = made(tmp_path, "20260102080000", "20251215093000", "20260101080000")
    assert [one.name for one in read(base).releases] == ["20251215093000", "20260101080000", "20260102080000"]


def test_a_half_built_release_is_nowhere_to_go_back_to(tmp_path: Path) -> None:
    base = made(tmp_path, "v1.0", "v1.2")
    (base / "current").symlink_to("releases/v1.2")
    (base / "releases/v1.1").mkdir()
    found = read(base)
    assert [one.name for one in found.releases] == ["v1.0", "v1.2", "v1.1"]
    assert common_candidate([found]) == "v1.0"
    (base / "releases/v1.0/artisan").unlink()
    assert common_candidate([read(base)]) == ""


def test_one_other_name_changes_nothing_about_the_numbers(tmp_path: Path) -> None:
    base = made(tmp_path, "20250301000000", "20250101000000", "20250201000000", "old")
    names = [one.name for one in read(base).releases]
    assert names == ["20250101000000", "20250201000000", "20250301000000", "old"]


def test_a_release_that_no_log_names_stands_where_it_was_built(tmp_path: Path) -> None:
    base = made(tmp_path, "by-hand-1", "beta", "by-hand-2", "alpha", "by-hand-3")
    for name in ("beta", "alpha"):
        sh(note_link(paths_of(base), name))
    assert [one.name for one in read(base).releases] == ["by-hand-1", "beta", "by-hand-2", "alpha", "by-hand-3"]
    (base / "releases/beta/artisan").chmod(0o700)
    found = [one.name for one in read(base).releases]
    assert found.index("beta") < found.index("alpha"), "the log outranks a file whose time was renewed"


def test_an_artisan_below_the_release_is_found(tmp_path: Path) -> None:
    base = made(tmp_path, "b", "a")
    for name in ("a", "b"):
        (base / "releases" / name / "code").mkdir()
        (base / "releases" / name / "code/artisan").touch()
        time.sleep(0.01)
    paths = replace(paths_of(base), root=f"{base}/current/code")
    found = parse_releases("web1", sh(read_script(paths)))
    assert [one.name for one in found.releases] == ["a", "b"]


def test_without_times_numbers_in_names_count_as_numbers(tmp_path: Path) -> None:
    base = build(tmp_path, "v1.10.0", "v1.9.0", "v1.10.0-rc1", "v1.9.0+b2", "2", "10")
    order = ["2", "10", "v1.9.0", "v1.9.0+b2", "v1.10.0-rc1", "v1.10.0"]
    assert [one.name for one in read(base).releases] == order


def test_what_is_no_commit_id_is_not_shown_as_one(tmp_path: Path) -> None:
    base = made(tmp_path, "v1.9.0", "v2")
    (base / "releases/v2/REVISION").write_text("C0FFEEC0FFEE\n")
    assert [one.commit for one in read(base).releases] == ["", "C0FFEEC0FFEE"]


def test_no_candidate_without_a_current_release(tmp_path: Path) -> None:
    assert common_candidate([read(build(tmp_path / "a", "1", "2"))]) == ""
    assert common_candidate([read(build(tmp_path / "b", "1", "2", current="1"))]) == ""


def test_all_hosts_must_have_the_candidate() -> None:
    def host(name: str, *releases: Release, current: str) -> HostReleases:
        return HostReleases(host=name, current=current, releases=releases)

    one, two, three = (Release(name=n, lived=True) for n in "123")
    assert common_candidate([host("a", one, two, three, current="3"), host("b", one, three, current="3")]) == "1"
    bad = replace(two, bad=True)
    assert common_candidate([host("a", one, two, three, current="3"), host("b", one, bad, three, current="3")]) == "1"
    assert common_candidate([host("a", one, three, current="3"), host("b", two, three, current="3")]) == ""
    assert common_candidate([host("a", one, three, current="3"), host("b", current="")]) == ""
    assert common_candidate([]) == ""


@pytest.mark.parametrize(
    ("existing", "name"),
    [
        (["1", "2", "41"], "42"),
        (["999999"], "1000000"),
        ([], "20261121205103"),
        (["20261121205103", "20261121205104"], "20261121205105"),
        (["1", "20250101000000"], "20261121205103"),
        (["1", "x"], "20261121205103"),
        (["1234567"], "20261121205103"),
    ],
)
def test_the_next_name_follows_the_habit_of_the_host(existing: list[str], name: str) -> None:
    assert next_name(existing, NOW) == name


@given(st.binary(max_size=300))
@settings(max_examples=200, deadline=None)
def test_any_output_is_read_without_harm(data: bytes) -> None:
    found = parse_releases("h", b"there\0release\t1\t0\tabc\0" + data)
    assert found.there
    assert all(valid_name(release.name) and release.commit.isprintable() for release in found.releases)


@given(st.sets(st.integers(1, 999_998).map(str), min_size=1) | st.sets(st.text(max_size=8)))
@settings(max_examples=100, deadline=None)
def test_a_new_name_is_never_taken(existing: set[str]) -> None:
    name = next_name(existing, NOW)
    assert name not in existing
    assert valid_name(name)


def test_only_names_of_releases_are_noted(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="not a release"):
        note_link(paths_of(tmp_path), "$(reboot)")
