"""The script that looks for maintenance mode, run by real shells on real directories, and what its answer means."""

from __future__ import annotations

import json
import os
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from console.domain.environment import AppPaths
from console.domain.maintenance import HostMaintenance, cache_file, parse, read_script
from console.domain.untrusted import harmless

NOW = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)
SHELLS = [["sh"], ["bash", "--posix"], ["busybox", "sh"]]


def paths_of(root: Path) -> AppPaths:
    app = str(root)
    return AppPaths(base=app, tree=app, root=app, releases=app, current=app, shared=app, control=app)


def asked(root: Path, shell: list[str], cached: str = "", *, prefix: tuple[str, ...] = ()) -> HostMaintenance:
    script = read_script(paths_of(root), cached)
    done = subprocess.run([*prefix, *shell], input=script.encode(), capture_output=True, timeout=20, check=True)
    assert not done.stderr
    return parse("web1", done.stdout, now=datetime.now(UTC))


@pytest.fixture
def app(tmp_path: Path) -> Path:
    root = tmp_path / "an 'app'"
    (root / "storage/framework").mkdir(parents=True)
    return root


def down(root: Path, **payload: object) -> Path:
    file = root / "storage/framework/down"
    said = {"except": [], "redirect": None, "retry": None, "secret": None, "status": 503, **payload}
    file.write_text(json.dumps(said, indent=4))
    return file


@pytest.mark.parametrize("shell", SHELLS)
def test_a_down_file_is_found_with_its_age_and_without_its_secret(app: Path, shell: list[str]) -> None:
    assert asked(app, shell) == HostMaintenance(host="web1", down=False)
    file = down(app, retry=60, secret="let-me-in", template="<h1>\n" * 2000)
    old = datetime.now(UTC).timestamp() - 720
    os.utime(file, (old, old))
    found = asked(app, shell)
    assert found.down and found.bypass and (found.retry, found.http_status) == (60, 503)
    assert found.since is not None and abs((datetime.now(UTC) - found.since).total_seconds() - 720) < 5
    assert "let-me-in" not in repr(found)
    down(app, status=200)
    assert (asked(app, shell).http_status, asked(app, shell).bypass) == (200, False)


@pytest.mark.parametrize("shell", SHELLS)
def test_what_cannot_be_seen_is_not_taken_for_up(app: Path, shell: list[str]) -> None:
    storage = app / "storage"
    with pytest.raises(ValueError, match="no application"):
        asked(app.parent / "elsewhere", shell)
    (storage / "framework").rmdir()
    assert not asked(app, shell).down, "a storage directory without the framework's part"
    storage.rmdir()
    assert not asked(app, shell).down, "an application that never stored anything"
    storage.symlink_to("../nowhere")
    with pytest.raises(ValueError, match="may not look"):
        asked(app, shell)


@pytest.mark.skipif(os.geteuid() != 0, reason="needs an account that may look everywhere, to become one that may not")
def test_a_closed_directory_is_no_answer(app: Path) -> None:
    down(app)
    (app / "storage/framework").chmod(0o700)
    for folder in (app, *app.parents):
        if folder != Path("/tmp") and folder != Path("/"):
            folder.chmod(0o755)
    nobody = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--")
    with pytest.raises(ValueError, match="may not look"):
        asked(app, ["sh"], prefix=nobody)


def test_a_cache_store_of_files_is_looked_at_by_its_own_name(app: Path) -> None:
    file = cache_file(f"{app}/storage/framework/cache/data/")
    assert file.endswith("/framework/cache/data/b6/78/b67866da9996fab03a7a4321cc5fe28a94fe2953")
    assert not asked(app, ["sh"], file).down
    Path(file).parent.mkdir(parents=True)
    Path(file).write_text('9999999999a:2:{s:5:"retry";N;}')
    assert asked(app, ["sh"], file).down


@pytest.mark.parametrize("shell", SHELLS)
def test_a_relative_directory_lies_below_the_application(app: Path, shell: list[str]) -> None:
    relative = cache_file("storage/framework/cache/data")
    assert not asked(app, shell, relative).down
    assert not asked(app, shell, cache_file("elsewhere/cache")).down
    file = app / relative
    file.parent.mkdir(parents=True)
    file.write_text('9999999999a:2:{s:5:"retry";N;}')
    assert asked(app, shell, relative).down


@pytest.mark.parametrize("output", [b"", b"clock 5\n", b"sh: not found\n", b"\x1b]52;c;aGk=\x07"])
def test_no_answer_is_not_up(output: bytes) -> None:
    with pytest.raises(ValueError, match="no answer about maintenance mode") as error:
        parse("web1", output, now=NOW)
    assert str(error.value).isprintable()


def test_the_age_is_measured_by_the_hosts_own_clock() -> None:
    found = parse("web1", b"clock 1000\nsince 940\nbody {}\n", now=NOW)
    assert found.since == NOW - timedelta(seconds=60)
    assert parse("web1", b"clock 1000\nsince 1200\nbody {}\n", now=NOW).since == NOW
    assert parse("web1", b"clock 1000\nsince \nbody\n", now=NOW).since is None


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=300))
def test_any_output_is_an_answer_or_a_reason(output: bytes) -> None:
    try:
        found = parse("web1", output, now=NOW)
    except ValueError as error:
        assert harmless(str(error)) == str(error)
    else:
        assert found.since is None or found.since <= NOW
