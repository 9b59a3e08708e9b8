"""What events say, written and read again: by this console, by an older and by a newer one."""

from __future__ import annotations

import dataclasses
import json
import random
from collections.abc import Callable, Mapping
from typing import Any, get_type_hints

import pytest

from console.domain.documents import Json, canonical
from console.domain.event_codec import PAYLOADS, decode_payload, encode_payload
from console.domain.events import (
    ArchivedRows,
    EventKind,
    JobResult,
    OperatorAnswered,
    Outcome,
    Payload,
    ProbeBefore,
    RunFinished,
    RunStarted,
    StepFinished,
    StepIntended,
    UnknownPayload,
)

Seeded = random.Random
VALUES: Mapping[Any, Callable[[Seeded], object]] = {
    str: lambda seeded: seeded.choice(("", "ok", "caf\udce9", "two\nlines", "0")),
    str | None: lambda seeded: seeded.choice((None, "", "no")),
    int: lambda seeded: seeded.choice((0, 1, -1, 2**40)),
    int | None: lambda seeded: seeded.choice((None, 0, 1, 255)),
    bool: lambda seeded: seeded.random() < 0.5,
    bool | None: lambda seeded: seeded.choice((None, False, True)),
    Outcome: lambda seeded: seeded.choice(list(Outcome)),
    tuple[str, ...]: lambda seeded: seeded.choice(((), ("",), ("a", "b"))),
    tuple[JobResult, ...]: lambda seeded: tuple(
        JobResult(uuid=str(number), outcome=seeded.choice(list(Outcome)), detail="x" * number)
        for number in range(seeded.randrange(3))
    ),
    Mapping[str, str] | None: lambda seeded: seeded.choice((None, {}, {"web2": "/b", "web1": "/a"})),
    Mapping[str, ProbeBefore] | None: lambda seeded: seeded.choice(
        (None, {}, {"up": ProbeBefore(status="warning", detail="slow", concerns=("a", "b"))})
    ),
    ArchivedRows | None: lambda seeded: seeded.choice((None, ArchivedRows(file="/a", sha256="0", rows=2))),
}
BEYOND = {each.name for each in dataclasses.fields(Payload)}
STRANGE: tuple[Json, ...] = (
    None, True, False, 0, 1, 1.0, -3, "", "ok", "retired", [], ["a", 1], [{"uuid": "u", "outcome": "ok", "rank": 1}],
    {}, {"web1": "/a"}, {"web1": 1}, {"file": "/f", "rows": True}, {"up": {"status": "ok", "concerns": ["x"]}},
)  # fmt: skip


def payload_of(kind: type[Payload], seeded: Seeded) -> Payload:
    hints = get_type_hints(kind)
    names = [each.name for each in dataclasses.fields(kind) if each.name not in BEYOND]
    values: dict[str, Any] = {name: VALUES[hints[name]](seeded) for name in names}
    more = seeded.choice(({}, {"answered": 200}, {"rows": {"a": [1, "b"]}, "archived": None}))
    lacking = {name for name in names if seeded.random() < 0.1 and not kind.__dataclass_fields__[name].metadata}
    for name in lacking:
        values[name] = kind.__dataclass_fields__[name].default
    made: Any = kind
    read: Payload = made(**values, more=more, lacking=frozenset(lacking))
    return read


def test_every_kind_has_its_type() -> None:
    assert set(PAYLOADS) == set(EventKind)
    assert all(word == payload.EVENT for word, payload in PAYLOADS.items())


@pytest.mark.parametrize("kind", EventKind)
def test_what_is_written_is_read_again(kind: EventKind) -> None:
    seeded = random.Random(kind.value)
    for _ in range(300):
        payload = payload_of(PAYLOADS[kind], seeded)
        stored = json.loads(canonical(encode_payload(payload)))
        assert decode_payload(kind, stored) == payload


@pytest.mark.parametrize("kind", [*EventKind, "moon_sampled"])
def test_whatever_was_stored_is_printed_to_the_letter(kind: str) -> None:
    seeded = random.Random(str(kind))
    words = ["answered", "results", *(each.name for each in dataclasses.fields(PAYLOADS.get(kind, StepFinished)))]
    for _ in range(600):
        # Keys that are lacking, keys of a newer console, values of another type.
        stored = {name: seeded.choice(STRANGE) for name in words if seeded.random() < 0.6}
        assert canonical(encode_payload(decode_payload(kind, stored))) == canonical(stored), stored


def test_a_document_with_few_keys_reads_as_the_defaults() -> None:
    intent = decode_payload(EventKind.STEP_INTENDED, {"uploaded": "/x"})
    assert isinstance(intent, StepIntended)
    assert (intent.attempt, intent.base, intent.text, intent.more) == (1, 0, "", {"uploaded": "/x"})
    started = decode_payload(EventKind.RUN_STARTED, {"pid": 7})
    assert isinstance(started, RunStarted) and started.places is None and not started.resumed
    withdrawn = decode_payload(EventKind.OPERATOR_ANSWERED, {"request": "withdrawn"})
    assert isinstance(withdrawn, OperatorAnswered) and not withdrawn.ignored and withdrawn.question is None
    end = decode_payload(EventKind.RUN_FINISHED, {"outcome": "failed", "exit_code": None})
    assert isinstance(end, RunFinished) and (end.outcome, end.exit_code, end.offers) == (Outcome.FAILED, None, ())


def test_a_word_of_a_newer_console_is_no_success() -> None:
    results: Json = [{"uuid": "a", "outcome": "parked"}, "no result"]
    ended = decode_payload(EventKind.STEP_FINISHED, {"outcome": "postponed", "results": results})
    assert isinstance(ended, StepFinished)
    assert ended.outcome is Outcome.UNKNOWN
    assert ended.results == (JobResult(uuid="a", outcome=Outcome.UNKNOWN),)


def test_an_unknown_kind_keeps_its_word_and_what_it_says() -> None:
    assert decode_payload("moon_sampled", {"phase": 3}) == UnknownPayload(kind="moon_sampled", more={"phase": 3})
