"""Somebody else who takes the lock of a run over."""

from __future__ import annotations

import threading

from console.domain.plans import Plan
from console.domain.policy import Operator
from console.services.target.fences import Fences
from console.services.target.living_steps import Living
from console.services.target.lock import EnvironmentLock, holder_of, new_token
from tests.services.running.stage import HOSTS, Stage
from tests.waiting import eventually

BEN = Operator(uid=1, login="ben", host="elsewhere", origin="")
WAITS = "while [ ! -e go ]; do sleep 0.02; done"


class Other:
    """Another console, with connections of its own."""

    def __init__(self, stage: Stage) -> None:
        self.stage = Stage(stage.directory)
        self.lock = EnvironmentLock(self.stage.shells["web1"], self.stage.environment, self.stage.clock)
        self.holder = holder_of(BEN, token=new_token(), why="b", at=self.stage.clock.now(), run=9)

    def take_over(self) -> None:
        """Takes the lock from whoever holds it."""
        self.lock.steal(self.lock.status(), self.holder, reason="looked dead", audit=self.stage.audit)

    def fence(self) -> dict[str, Living]:
        """Sets the fences; what lives."""
        return Fences(self.stage.reach).set(self.holder.token, lambda: self.lock.take(self.holder))


def begun(stage: Stage, plan: Plan, starts: int = 0) -> tuple[int, threading.Thread]:
    """A run in a thread of its own, once its first step runs on every host (or that many starts are noted)."""
    row = stage.confirm(plan)
    thread = threading.Thread(target=lambda: stage.runner(row.id).run())
    thread.start()
    eventually(lambda: stage.kinds(row.id).count("step_started") == (starts or len(plan.steps[0].hosts)))
    return row.id, thread


def let_go(stage: Stage) -> None:
    for host in HOSTS:
        (stage.directory / host / "go").touch()


def cut(stage: Stage, *, down: bool) -> None:
    for shell in stage.shells.values():
        shell.down = down
