"""What is said of a runner that is gone: how it ended and its last words, or that nothing could be written."""

from __future__ import annotations

import os
from pathlib import Path
from types import SimpleNamespace

import pytest

from console.services.runs.leases import new_holder
from console.services.runs.runner_log import noted_life, runner_end, runner_log
from console.services.runs.spawn import start_runner
from tests.config.samples import write
from tests.waiting import eventually

SMALL = "environments: {lab: {app: {path: /srv/app}, hosts: {web1: {ssh: web1}}}}\nstate: {path: state}\n"

TWO = "runner 4 of run 7 began\nrunner 4 ended with exit status 6\nrunner 5 of run 7 began\n"


def logged(state: Path, text: str) -> None:
    log = runner_log(state, 7)
    log.parent.mkdir(parents=True, exist_ok=True)
    log.write_text(text)


def test_a_runner_that_dies_at_once_leaves_its_last_words(tmp_path: Path) -> None:
    config = write(tmp_path, SMALL)
    (tmp_path / "state").mkdir(mode=0o700)
    start_runner(7, config=config, state_path=tmp_path / "state")
    log = runner_log(tmp_path / "state", 7)
    eventually(lambda: "names those there are" in log.read_text(), seconds=30)
    assert runner_end(tmp_path / "state", 7) == (
        "it ended with exit status 2; its last words: there is no run 7; "
        f"`opsconsole runs list --config {config}` names those there are"
    )


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("runner 5 of run 7 began\n", "it was killed: it wrote no end"),
        ("runner 5 of run 7 began\nrunner 5 ended with exit status 143\n", "it was ended by the signal TERM"),
        (
            TWO + "runner 5 ended with exit status 1\nno\x1b route\npassword=hunter22\n",
            "it ended with exit status 1; its last words: no␛ route; password=[secret]",
        ),
        ("Traceback\nMemoryError\n", "it was killed: it wrote no end; its last words: Traceback; MemoryError"),
    ],
)
def test_how_it_ended(tmp_path: Path, text: str, said: str) -> None:
    logged(tmp_path, text)
    assert runner_end(tmp_path, 7) == said


def test_what_earlier_runners_wrote_is_not_said_of_one_that_was_just_started(tmp_path: Path) -> None:
    earlier = "runner 5 of run 7 began\nrunner 5 ended with exit status 1\n"
    logged(tmp_path, earlier)
    log = runner_log(tmp_path, 7)
    said = f"nothing was added to its log {log}, so it ended before it began"
    assert runner_end(tmp_path, 7, since=len(earlier)) == said
    logged(tmp_path, earlier + "runner 6 of run 7 began\n")
    assert runner_end(tmp_path, 7, since=len(earlier)) == "it was killed: it wrote no end"


def test_a_full_disk_is_told_to_whoever_looks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    logged(tmp_path, "")
    log = runner_log(tmp_path, 7)
    assert runner_end(tmp_path, 7) == f"its log {log} is empty, so it ended before it began"
    monkeypatch.setattr(os, "statvfs", lambda _: SimpleNamespace(f_bavail=0, f_frsize=4096))
    full = f"and no space is left on the disk of {log.parent.parent}: it could write nothing"
    assert runner_end(tmp_path, 7) == f"its log {log} is empty, {full}"


def test_nothing_is_said_of_a_runner_that_another_account_or_machine_had(tmp_path: Path) -> None:
    assert runner_end(tmp_path, 7) == ""
    logged(tmp_path, "")
    assert runner_end(tmp_path, 7, new_holder()) == ""
    logged(tmp_path, "runner 5 of run 7 began\nrunner 5 ended with exit status 1\n")
    machine, boot, _, born, token = new_holder().split(" ")
    assert runner_end(tmp_path, 7, f"{machine} {boot} 5 {born} {token}") == "it ended with exit status 1"
    assert runner_end(tmp_path, 7, f"{machine} {boot} 6 {born} {token}") == ""
    assert runner_end(tmp_path, 7, f"elsewhere {boot} 5 {born} {token}") == ""
    assert runner_end(tmp_path, 7, f"{machine} another 5 {born} {token}") == "this machine was restarted"


def test_a_runner_notes_its_life_whatever_becomes_of_its_log(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(SystemExit), noted_life(7):
        raise SystemExit(143)
    said = f"runner {os.getpid()} of run 7 began\nrunner {os.getpid()} ended with exit status 143\n"
    assert capsys.readouterr().err == said

    class Full:
        def write(self, _: str) -> None:
            raise OSError(28, "No space left on device")

    monkeypatch.setattr("sys.stderr", Full())
    with noted_life(7) as status:
        status.append(0)
