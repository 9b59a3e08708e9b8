"""A runner's own view of its run, however long that run has been."""

from __future__ import annotations

import random
from itertools import product

import pytest

from console.domain.event_codec import PAYLOADS, decode_payload
from console.domain.events import (
    LinkLost,
    Payload,
    RunConfirmed,
    RunStarted,
    StepFinished,
    StepIntended,
    StepOutput,
    StepStarted,
)
from console.domain.runs import Event, EventKind, Outcome, fold, start_view
from console.errors import LockHeldError
from console.services.running.journal import Journal
from console.store.leases import Leases
from tests.services.running.stage import Stage, action, step

KINDS = (StepIntended, StepStarted, StepFinished, LinkLost)


def test_what_a_runner_writes_is_what_everybody_shows(stage: Stage) -> None:
    row = stage.confirm(stage.plan(action(step("link", "true"))))
    journal = Journal(stage.store, row, stage.clock, Leases(stage.database).take("run-1", "me"))
    journal.note(RunStarted())
    journal.note(decode_payload(EventKind.STEP_INTENDED, {"attempt": 2}), step="link", host="web1")
    journal.output("link", "web1", 0, b"hello ")
    journal.output("link", "web1", 6, b"")
    journal.output("link", "web1", 6, b"world")
    journal.finish("link", "web1", Outcome.FAILED, exit_status=3, detail="no space")
    shown = fold(start_view(row), stage.store.events(row.id))
    assert shown == journal.view
    host = shown.steps[0].hosts["web1"]
    assert (host.attempt, host.bytes, host.exit_status, host.outcome) == (2, 11, 3, Outcome.FAILED)
    assert stage.store.output(row.id, "link", "web1") == b"hello world"
    assert [one.payload.length for one in journal.events if isinstance(one.payload, StepOutput)] == [6, 5]


def test_a_runner_that_was_replaced_can_state_no_other_intent(stage: Stage) -> None:
    row = stage.confirm(stage.plan(action(step("link", "true"))))
    leases = Leases(stage.database)
    lease = leases.take("run-1", "me")
    journal = Journal(stage.store, row, stage.clock, lease)
    journal.note(StepIntended(), step="link", host="web1")
    leases.take_over(lease, "you")
    with pytest.raises(LockHeldError):
        journal.note(StepIntended(), step="next", host="web1")
    assert [event.step for event in stage.store.events(row.id) if event.kind is EventKind.STEP_INTENDED] == ["link"]


def fill(journal: Journal, number: int) -> None:
    seeded = random.Random(number)
    for _ in range(number):
        payload = seeded.choice(KINDS)()
        journal.note(payload, step=seeded.choice(("one", "two", "")), host=seeded.choice(("web1", "web2")))


def looked_for(events: tuple[Event, ...], kind: type[Payload], step: str | None, host: str | None) -> int:
    """What `last` must find, the slow way: its number, 0 for nothing."""
    fits = (
        event.seq
        for event in events
        if type(event.payload) is kind and step in (None, event.step) and host in (None, event.host)
    )
    return max(fits, default=0)


def test_the_newest_event_of_every_question(stage: Stage) -> None:
    row = stage.confirm(stage.plan(action(step("one", "true"), step("two", "true"))))
    journal = Journal(stage.store, row, stage.clock)
    fill(journal, 60)
    for one in (journal, Journal(stage.store, row, stage.clock)):
        by_number = {event.seq: event.payload for event in one.events}
        for kind, name, host in product(PAYLOADS.values(), (None, "", "one", "three"), (None, "", "web1", "web3")):
            wanted = looked_for(one.events, kind, name, host)
            assert one.last_seq(kind, step=name, host=host) == wanted, (kind, name, host)
            assert one.last(kind, step=name, host=host) == by_number.get(wanted), (kind, name, host)


def test_looking_back_does_not_cost_more_in_a_long_run(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    row = stage.confirm(stage.plan(action(step("one", "true"))))
    journal = Journal(stage.store, row, stage.clock)
    fill(journal, 5)

    def refuse(_self: Journal) -> tuple[Event, ...]:
        raise AssertionError("every event was copied")

    monkeypatch.setattr(Journal, "events", property(refuse))
    journal.progress("one", "web1")
    assert journal.last(RunConfirmed) is not None and journal.begun
