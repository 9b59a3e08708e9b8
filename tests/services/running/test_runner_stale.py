"""Something changes between a plan and its first step, at any moment: nothing is ever done on a stale plan."""

from __future__ import annotations

import random
import shutil
from pathlib import Path

import pytest

from console.domain.runs import Outcome
from console.ports import Completed
from tests.fakes.shell import FakeShell
from tests.services.running.stage import Stage, action, lock_state, step


class Meddler(FakeShell):
    """A host on which somebody else does something just before the n-th script; notes when releases are read last."""

    def __init__(self, host: str, base: Path, *, at: int, deed: str) -> None:
        super().__init__(host)
        self._base = base
        self._at = at
        self._deed = deed
        self._count = 0
        self.done_at = 0
        self.read_at = 0

    def run(self, script: str, *, deadline: float = 15.0, limit: int = 4_194_304) -> Completed:
        self._count += 1
        if self._count == self._at:
            self._meddle()
        if "for d in releases" in script:
            self.read_at = self._count
        return super().run(script, deadline=deadline, limit=limit)

    def fingerprint(self) -> str:
        return "SHA256:another" if self._deed == "key" and self.done_at else super().fingerprint()

    def _meddle(self) -> None:
        self.done_at = self._count
        if self._deed == "link":
            (self._base / "current").unlink()
            (self._base / "current").symlink_to("releases/1")
        elif self._deed == "add":
            (self._base / "releases/8").mkdir()
        elif self._deed == "remove":
            shutil.rmtree(self._base / "releases/1")


def meddle(directory: Path, seed: int) -> None:
    chance = random.Random(seed)
    stage = Stage(directory)
    try:
        plan = stage.plan(action(step("deed", "touch deed")))
        host = chance.choice(["web1", "web2"])
        # Up to the reading under the lock there are but a few scripts; later ones are left for contrast.
        meddler = Meddler(
            host, directory / host, at=chance.randint(1, 6), deed=chance.choice(["link", "add", "remove", "key"])
        )
        stage.shells[host] = meddler
        stage.reach.shells[host] = meddler
        row = stage.confirm(plan)
        code = stage.runner(row.id).run()
        view = stage.view(row.id)
        done = bool(list(directory.glob("*/deed")))
        if meddler.done_at and meddler.done_at <= meddler.read_at:
            assert (code, view.outcome, done) == (7, Outcome.FAILED, False), meddler._deed
            assert "no longer what is there" in view.detail
        else:
            assert done == (view.outcome is Outcome.OK)
        assert lock_state(stage).value == "free"
    finally:
        stage.close()


@pytest.mark.parametrize("seed", range(8))
def test_a_stale_plan_is_never_carried_out(tmp_path: Path, seed: int) -> None:
    meddle(tmp_path, seed)


@pytest.mark.fuzz
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("seed", range(1000, 2000))
def test_a_stale_plan_is_never_carried_out_at_full_size(tmp_path: Path, seed: int) -> None:
    meddle(tmp_path, seed)
