"""A runner's own view of its run, however long that run has been."""

from __future__ import annotations

import random
from collections.abc import Iterator
from itertools import product
from pathlib import Path

import pytest

from console.domain.runs import Event, EventKind
from console.services.ledger import Ledger
from tests.services.acting import Stage, action, step

KINDS = (EventKind.STEP_INTENDED, EventKind.STEP_STARTED, EventKind.STEP_FINISHED, EventKind.LINK_LOST)


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    built = Stage(tmp_path)
    yield built
    built.close()


def fill(ledger: Ledger, number: int) -> None:
    seeded = random.Random(number)
    for _ in range(number):
        data = {"outcome": "ok"}
        ledger.note(
            seeded.choice(KINDS),
            step=seeded.choice(("one", "two", "")),
            host=seeded.choice(("web1", "web2")),
            data=data,
        )


def looked_for(events: tuple[Event, ...], kinds: tuple[EventKind, ...], step: str | None, host: str | None) -> int:
    """What `last` must find, the slow way: its number, 0 for nothing."""
    fits = (
        event.seq
        for event in events
        if event.kind in kinds and step in (None, event.step) and host in (None, event.host)
    )
    return max(fits, default=0)


def test_the_newest_event_of_every_question(stage: Stage) -> None:
    row = stage.confirm(stage.plan(action(step("one", "true"), step("two", "true"))))
    ledger = Ledger(stage.store, row, stage.clock)
    fill(ledger, 60)
    for one in (ledger, Ledger(stage.store, row, stage.clock)):
        sets = [(kind,) for kind in EventKind] + [KINDS[:2], KINDS, (EventKind.LOCK_TAKEN, EventKind.LINK_LOST)]
        for kinds, name, host in product(sets, (None, "", "one", "three"), (None, "", "web1", "web3")):
            found = one.last(*kinds, step=name, host=host)
            assert (found.seq if found else 0) == looked_for(one.events, kinds, name, host), (kinds, name, host)


def test_looking_back_does_not_cost_more_in_a_long_run(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    row = stage.confirm(stage.plan(action(step("one", "true"))))
    ledger = Ledger(stage.store, row, stage.clock)
    fill(ledger, 5)

    def refuse(_self: Ledger) -> tuple[Event, ...]:
        raise AssertionError("every event was copied")

    monkeypatch.setattr(Ledger, "events", property(refuse))
    ledger.progress("one", "web1")
    assert ledger.last(EventKind.RUN_CONFIRMED) is not None and ledger.begun
