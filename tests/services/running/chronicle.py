"""What happened on the hosts while two runs met, and the judgement over it."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from console.domain.runs import Outcome
from console.ports import Completed
from tests.fakes.shell import FakeShell

STEPS = ("one", "two", "three", "four", "five")


@dataclass(frozen=True, slots=True, kw_only=True)
class Fence:
    """A fence that a host confirmed, and the steps it named as living. Times are the test's."""

    host: str
    token: str
    number: int
    sent: float
    answered: float
    living: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """One step as it told of itself. `ended` is None when something ended it."""

    who: str
    name: str
    host: str
    began: float
    ended: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What a run's journal says of one step on one host. `complete` is whether that run ended ok."""

    who: str
    name: str
    host: str
    outcome: Outcome | None
    detail: str
    complete: bool


@dataclass(slots=True)
class Chronicle:
    """What the hosts really carried out, whether or not anybody heard of it."""

    fences: list[Fence] = field(default_factory=list)
    refused: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def carry_out(self, host: str, script: str) -> Completed:
        """Runs a text on a host and notes what it means."""
        sent = time.time()
        done = FakeShell(host).run(script, deadline=60.0)
        answered = time.time()
        lines = done.stdout.decode("utf-8", "replace").splitlines()
        head = lines[0].split(" ") if lines else [""]
        with self._lock:
            if head[:2] == ["opsconsole-start", "fenced"]:
                self.refused += 1
            if head[:2] == ["opsconsole-lock", "fenced"]:
                token = re.search(r"^oc_token='?([0-9a-f]+)", script, re.MULTILINE)
                living = tuple(line.split(" ")[3] for line in lines if line.startswith("step "))
                self.fences.append(
                    Fence(
                        host=host,
                        token=token[1] if token else "",
                        number=int(head[2]),
                        sent=sent,
                        answered=answered,
                        living=living,
                    )
                )
        return done


@dataclass(slots=True)
class Story:
    """What came of one seed."""

    took_over: bool = False
    refused_beside: int = 0
    a_code: int | None = None
    b_code: int | None = None
    a_detail: str = ""
    a_token: str = ""
    b_began: float | None = None
    b_ended: float | None = None
    fenced_starts: int = 0
    done: tuple[Done, ...] = ()
    fences: tuple[Fence, ...] = ()
    said: tuple[Said, ...] = ()
    a_resumed: bool = False


def judge(story: Story) -> None:
    """Nothing of the old holder behind the new one's fence, and no run begun beside a living step."""
    of_b = [one for one in story.done if one.who == "B"]
    for one in story.done:
        if one.who != "A":
            continue
        for fence in story.fences:
            behind = fence.host == one.host and fence.token != story.a_token and one.began > fence.answered
            if not behind or f"{one.name}.1" in fence.living:
                continue
            again = [
                other
                for other in story.fences
                if other.host == one.host and other.token == story.a_token and other.number > fence.number
            ]
            assert any(other.sent < one.began for other in again), f"{one} behind {fence}"
        for other in of_b:
            assert one.ended is None or one.ended <= other.began or _after(one, of_b), f"{one} beside {other}"
    done = {(one.who, one.name, one.host): one for one in story.done}
    for said in story.said:
        found = done.get((said.who, said.name, said.host))
        if said.outcome is Outcome.OK or said.complete:
            assert found is not None and found.ended is not None, f"{said} was lost"
        if said.detail.startswith("nothing was started"):
            assert found is None, f"{said}, and it was done"


def _after(one: Done, of_b: Sequence[Done]) -> bool:
    """Whether it began after all of B's had ended: then A had lawfully taken the lock again."""
    return all(other.ended is not None and one.began >= other.ended for other in of_b)
