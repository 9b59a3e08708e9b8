"""Releases as a real shell reports them, their order, names and where a rollback goes."""

from __future__ import annotations

import json
import subprocess
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
    candidate,
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


def build(base: Path, *names: str, current: str = "") -> Path:
    for name in names:
        (base / "releases" / name).mkdir(parents=True)
        (base / "releases" / name / "REVISION").write_text(f"c0ffee{name}\n")
    if current:
        (base / "current").symlink_to(f"releases/{current}")
    (base / ".opsconsole").mkdir(parents=True, exist_ok=True)
    return base


def read(base: Path) -> HostReleases:
    return parse_releases("web1", sh(read_script(paths_of(base))))


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
            Release(name="9", commit="c0ffee9", lived=True),
            Release(name="10", commit="c0ffee10", lived=True),
            Release(name="11", commit="c0ffee11", bad=True),
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
    found = candidate(read(base))
    assert found is not None
    assert found.name == "2"
    (base / "releases" / "2" / "BAD_RELEASE").touch()
    found = candidate(read(base))
    assert found is not None
    assert found.name == "1"


def test_deployers_log_orders_and_is_kept(tmp_path: Path) -> None:
    base = build(tmp_path, "alpha", "beta", "gamma", current="beta")
    log = base / ".dep" / "releases_log"
    log.parent.mkdir()
    log.write_text(
        "".join(json.dumps({"release_name": name, "target": "main"}) + "\n" for name in ("gamma", "alpha", "beta"))
        + "not json\n[1]\n"
    )
    assert [release.name for release in read(base).releases] == ["gamma", "alpha", "beta"]
    found = candidate(read(base))
    assert found is not None
    assert found.name == "alpha"
    sh(note_link(paths_of(base), "gamma"))
    assert json.loads(log.read_text().splitlines()[-1])["release_name"] == "gamma"
    assert [release.name for release in read(base).releases] == ["gamma", "alpha", "beta"], (
        "linking again moves nothing"
    )


def test_no_candidate_without_a_current_release(tmp_path: Path) -> None:
    assert candidate(read(build(tmp_path / "a", "1", "2"))) is None
    assert candidate(read(build(tmp_path / "b", "1", "2", current="1"))) is None


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
