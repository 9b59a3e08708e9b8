"""Two consoles and one lock: links that break, answers that come late, take-overs and returns at seeded instants.

A deploys. At some instant its links break, are slow, or deliver only later; B finds A's lock, watches it on a clock of
its own, takes it over and deploys itself, while A comes back. Everything runs on real directories with real shells, and
every step writes when it began and ended.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Sequence
from dataclasses import replace
from itertools import count
from pathlib import Path
from threading import Event as Flag

from console.domain.actions import Action
from console.domain.policy import Operator
from console.domain.runs import Outcome
from console.errors import OpsconsoleError, UnreachableError
from console.ports import Completed
from console.services.target.lock import EnvironmentLock, LockState
from console.services.target.take_over import TakeOver
from tests.fakes.shell import FakeShell
from tests.fakes.stepping import SteppingClock
from tests.services.running.chronicle import STEPS, Chronicle, Done, Said, Story
from tests.services.running.stage import HOSTS, QUICK, Stage, action, step
from tests.waiting import eventually

BEN = Operator(uid=1, login="ben", host="elsewhere", origin="")


class Link(FakeShell):
    """A host over a link that breaks: a text may be lost, delivered without its answer, or delivered much later."""

    def __init__(self, host: str, chronicle: Chronicle, chance: random.Random) -> None:
        super().__init__(host)
        self.chronicle = chronicle
        self.chance = chance
        self.storm = 0.0
        """How likely each call meets a fault."""
        self.slow = 0.0
        """Up to how long a text or its answer takes."""
        self.flying: list[threading.Thread] = []
        self.guard = threading.Lock()

    def run(self, script: str, *, deadline: float = 15.0, limit: int = 4_194_304) -> Completed:
        with self.guard:
            fault = self.chance.random() < self.storm or self.down
            kind = self.chance.choice(["lost", "deaf", "late"])
            before, after, delay = (self.chance.random() for _ in range(3))
        time.sleep(before * self.slow)
        if fault and kind == "late":
            self._deliver_later(script, delay * 0.6)
        if fault and kind == "deaf" and not self.down:
            self.chronicle.carry_out(self.host, script)
        if fault:
            raise UnreachableError(f"{self.host}: the link broke")
        done = self.chronicle.carry_out(self.host, script)
        time.sleep(after * self.slow)
        if self.down:
            raise UnreachableError(f"{self.host}: the answer was lost")
        return done

    def _deliver_later(self, script: str, delay: float) -> None:
        def deliver() -> None:
            time.sleep(delay)
            self.chronicle.carry_out(self.host, script)

        thread = threading.Thread(target=deliver, daemon=True)
        self.flying.append(thread)
        thread.start()


class Interleaving:
    """One seed's world: A's and B's consoles on the same two hosts."""

    def __init__(self, directory: Path, seed: int) -> None:
        self.chance = random.Random(seed)
        self.directory = directory
        self.chronicle = Chronicle()
        self.a, self.b = Stage(directory), Stage(directory)
        self.links = {
            name: Link(name, self.chronicle, random.Random(seed * 7 + number)) for number, name in enumerate(HOSTS)
        }
        for name in HOSTS:
            self.a.shells[name] = self.a.reach.shells[name] = self.links[name]
            mine = Link(name, self.chronicle, random.Random(seed * 11))
            mine.slow = self.chance.choice([0.0, 0.0, 0.05])
            self.b.shells[name] = self.b.reach.shells[name] = mine
        self.story = Story()
        self.b_runs: list[int] = []
        """B's last run."""

    def play(self) -> Story:
        """Everything from A's first step to the last text that was still under way."""
        story, chance = self.story, self.chance
        row = self.a.confirm(self.a.plan(self._deploy("A")))
        story.a_token = row.token
        for link in self.links.values():
            link.slow = chance.choice([0.0, 0.02, 0.08])
        a = self._start_a(row.id)
        if chance.random() < 0.8:
            eventually(lambda: "step_started" in self.a.kinds(row.id) or not a.is_alive(), 30)
        time.sleep(chance.uniform(0.0, 0.6))
        returning = threading.Thread(target=self._return, args=(row.id, a, *self._break()), daemon=True)
        returning.start()
        self._b()
        returning.join(90)
        assert not returning.is_alive(), "A's runner never ended"
        story.a_detail = self.a.view(row.id).detail
        for link in self.links.values():
            for thread in link.flying:
                thread.join(30)
        self._settle()
        story.done = tuple(self._told())
        story.fences = tuple(self.chronicle.fences)
        story.said = tuple(self._said("A", row.id)) + tuple(one for run in self.b_runs for one in self._said("B", run))
        story.fenced_starts = self.chronicle.refused
        return story

    def close(self) -> None:
        """Closes both consoles."""
        self.a.close()
        self.b.close()

    # --- inside ------------------------------------------------------------------------------------------------------

    def _start_a(self, run: int) -> threading.Thread:
        runner = self.a.runner(run, pace=replace(QUICK, patience=5.0, question=0.3))

        def go() -> None:
            try:
                self.story.a_code = runner.run()
            except OpsconsoleError:
                # A runner that another one replaces before its first step ends like any program, by its error.
                if not self.a.lost.is_set():
                    raise

        thread = threading.Thread(target=go, daemon=True)
        thread.start()
        return thread

    def _deploy(self, who: str) -> Action:
        # A long step of A still runs when B begins, unless B waits for it.
        long, seconds = self.chance.choice(STEPS[:3]), self.chance.choice([0.3, 2.5])

        def script(name: str) -> str:
            log, pause = self.directory / "log", self.chance.choice([0.0, 0.03, 0.2])
            pause = seconds if (who, name) == ("A", long) else pause
            tell = f'echo "$1 {who} {name} $(basename "$PWD") $(date +%s.%N)" >> {log}'
            return f"tell() {{ {tell}; }}; tell began; sleep {pause}; tell ended"

        names = STEPS if who == "A" else STEPS[:2]
        places = {name: self.chance.choice(["all", "all", "primary"]) for name in names}
        return action(*(step(name, script(name), on=on) for name, on in places.items()))

    def _break(self) -> tuple[float, bool]:
        """Breaks A's links in some way; for how long, and whether A's runner does not outlive that."""
        if self.chance.random() < 0.25:
            for link in self.links.values():
                link.down = True
            self.a.lost.set()
            return self.chance.uniform(0.1, 2.5), True
        hosts: Sequence[str] = self.chance.choice([HOSTS, HOSTS, ("web1",), ("web2",), ()])
        storm = self.chance.choice([0.0, 0.3, 0.8])
        for name in hosts:
            self.links[name].storm = storm
            self.links[name].down = storm == 0.0
        return self.chance.uniform(0.1, 2.0), False

    def _return(self, run: int, a: threading.Thread, seconds: float, dies: bool) -> None:
        """Mends A's links after a while; somebody goes on with its run when its runner is gone."""
        time.sleep(seconds)
        if dies:
            a.join(60)
        self._calm()
        a.join(60)
        if dies and self.a.view(run).outcome is None:
            self.a.lost = Flag()
            self.story.a_resumed = True
            self._start_a(run).join(60)

    def _calm(self) -> None:
        for link in self.links.values():
            link.storm, link.down = 0.0, False

    def _b(self) -> None:
        """B takes the lock if somebody holds it, and deploys; as often as it takes until it may."""
        ending = self.chance.random() < 0.3
        for attempt in count():
            if attempt == 40:
                return
            try:
                self._release(end_steps=ending)
                row = self.b.confirm(self.b.plan(self._deploy("B")))
            except OpsconsoleError:
                self.story.refused_beside += 1
                time.sleep(0.05)
                continue
            self.b_runs = [row.id]
            self.story.b_code = self.b.runner(row.id).run()
            if self.story.b_code == 0:
                return
            time.sleep(0.05)

    def _release(self, *, end_steps: bool) -> None:
        # Its thirty seconds pass at once: A's lock counts as dead though A may be anything but.
        clock = SteppingClock()
        lock = EnvironmentLock(self.b.shells["web1"], self.b.environment, clock)
        seen, stale = lock.watch()
        if seen.state is LockState.HELD and stale:
            taking = TakeOver(reach=self.b.reach, lock=lock, audit=self.b.audit, operator=BEN, clock=clock)
            taking.release(seen, "looks dead", end_steps=end_steps)
            self.story.took_over = True

    def _settle(self) -> None:
        """Waits until no step runs any more."""

        def over() -> bool:
            places = [place for host in HOSTS for place in (self.directory / host / ".opsconsole/runs").glob("*/*.1")]
            return all((place / "rc").exists() for place in places if (place / "pid").exists())

        eventually(over, otherwise="a step goes on")

    def _said(self, who: str, run: int) -> list[Said]:
        view = self.a.view(run)
        return [
            Said(
                who=who,
                name=each.name,
                host=host,
                outcome=progress.outcome,
                detail=progress.detail,
                complete=view.outcome is Outcome.OK,
            )
            for each in view.steps
            for host, progress in each.hosts.items()
        ]

    def _told(self) -> list[Done]:
        log = self.directory / "log"
        began: dict[tuple[str, str, str], float] = {}
        found = []
        for line in log.read_text().splitlines() if log.exists() else []:
            word, who, name, host, at = line.split(" ")
            if word == "began":
                assert (who, name, host) not in began, f"{who} did {name} twice on {host}"
                began[who, name, host] = float(at)
            else:
                found.append(Done(who=who, name=name, host=host, began=began[who, name, host], ended=float(at)))
        ended = {(one.who, one.name, one.host) for one in found}
        return found + [
            Done(who=key[0], name=key[1], host=key[2], began=at, ended=None)
            for key, at in began.items()
            if key not in ended
        ]
