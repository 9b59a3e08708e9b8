"""What events say, as the JSON documents that are stored and printed, and back.

Owns that a document which was stored once is written and printed again to the letter, and that whatever a newer or an
older console wrote can be read. Must not say what an event means: `domain.runs.fold` does.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from enum import Enum
from functools import cache
from typing import Any, NamedTuple, get_type_hints

from console.domain.documents import Json, canonical
from console.domain.events import (
    ArchivedRows,
    GateDecided,
    GateSampled,
    JobResult,
    LinkLost,
    LinkRestored,
    LockLost,
    LockReleased,
    LockTaken,
    OperatorAnswered,
    OperatorNeeded,
    Outcome,
    Payload,
    PreflightDone,
    ProbeBefore,
    RunConfirmed,
    RunFinished,
    RunPlanned,
    RunStarted,
    StepFinished,
    StepIntended,
    StepNoted,
    StepOutput,
    StepStarted,
    UnknownPayload,
)

PAYLOADS: Mapping[str, type[Payload]] = {
    payload.EVENT: payload
    for payload in (
        RunPlanned,
        RunConfirmed,
        RunStarted,
        LockTaken,
        LockLost,
        PreflightDone,
        StepIntended,
        StepStarted,
        StepNoted,
        StepOutput,
        StepFinished,
        GateSampled,
        GateDecided,
        LinkLost,
        LinkRestored,
        OperatorNeeded,
        OperatorAnswered,
        LockReleased,
        RunFinished,
    )
}


_OUTCOMES: Mapping[str, Outcome] = {outcome.value: outcome for outcome in Outcome}


def encode_payload(payload: Payload) -> dict[str, Json]:
    """The document of what an event says, its keys in order."""
    if isinstance(payload, UnknownPayload):
        return dict(payload.more)
    return dict(sorted({**_known(payload), **payload.more}.items()))


def decode_payload(kind: str, document: Mapping[str, Json]) -> Payload:
    """What an event says. A key that is lacking, or whose value is not of its type, reads as the field's default."""
    payload: Any = PAYLOADS.get(kind)
    if payload is None:
        return UnknownPayload(kind=kind, more=document)
    values: dict[str, Any] = {}
    for each in _fields(payload):
        value = each.read(document.get(each.name))
        if value is not None:
            values[each.name] = value
    read: Payload = payload(**values)
    known = _known(read)
    more = {key: value for key, value in document.items() if key not in known or not _same(known[key], value)}
    lacking = frozenset(known.keys() - document.keys())
    return dataclasses.replace(read, more=more, lacking=lacking) if more or lacking else read


def outcome_of(word: object) -> Outcome:
    """The outcome of that word; a word that only a newer console knows counts as unknown, never as success."""
    return _OUTCOMES.get(word, Outcome.UNKNOWN) if isinstance(word, str) else Outcome.UNKNOWN


class _Field(NamedTuple):
    """A field of a payload. What is `optional` is written only where it is another than `default`."""

    name: str
    read: Callable[[Json], object]
    optional: bool
    default: object


@cache
def _fields(payload: Any) -> tuple[_Field, ...]:
    # Resolving annotations costs a thousand times what reading one value does.
    hints = get_type_hints(payload)
    beyond = {each.name for each in dataclasses.fields(Payload)}
    return tuple(
        _Field(each.name, _READERS[hints[each.name]], bool(each.metadata.get("optional")), each.default)
        for each in dataclasses.fields(payload)
        if each.name not in beyond
    )


def _known(payload: Payload) -> dict[str, Json]:
    """The document of the fields alone."""
    found = {}
    kind: Any = type(payload)
    for each in _fields(kind):
        value = getattr(payload, each.name)
        if each.name not in payload.lacking and not (each.optional and value == each.default):
            found[each.name] = _json(value)
    return found


def _json(value: Any) -> Json:
    if value is None or type(value) in (str, int, bool):
        plain: Json = value
        return plain
    if isinstance(value, Enum):
        return str(value.value)
    if isinstance(value, tuple):
        return [_json(each) for each in value]
    if isinstance(value, Mapping):
        return {key: _json(value[key]) for key in sorted(value)}
    if dataclasses.is_dataclass(value):
        return {name: _json(getattr(value, name)) for name in sorted(each.name for each in dataclasses.fields(value))}
    raise ValueError(f"a {type(value).__name__} is in no event")


def _same(ours: Json, stored: Json) -> bool:
    """Equal to the letter: 1 and true are equal to Python."""
    if isinstance(stored, list | dict):
        return canonical(ours) == canonical(stored)
    return type(ours) is type(stored) and ours == stored


def _text(value: Json) -> str | None:
    return value if isinstance(value, str) else None


def _number(value: Json) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _flag(value: Json) -> bool | None:
    return value if isinstance(value, bool) else None


def _words(value: Json) -> tuple[str, ...]:
    return tuple(str(word) for word in value) if isinstance(value, list) else ()


def _places(value: Json) -> Mapping[str, str] | None:
    return {key: str(place) for key, place in value.items()} if isinstance(value, dict) else None


def _results(value: Json) -> tuple[JobResult, ...]:
    return tuple(
        JobResult(
            uuid=str(each.get("uuid")), outcome=outcome_of(each.get("outcome")), detail=str(each.get("detail", ""))
        )
        for each in (value if isinstance(value, list) else ())
        if isinstance(each, dict)
    )


def _archive(value: Json) -> ArchivedRows | None:
    if not isinstance(value, dict) or not value.get("file"):
        return None
    return ArchivedRows(
        file=str(value["file"]), sha256=_text(value.get("sha256")) or "", rows=_number(value.get("rows")) or 0
    )


def _probes(value: Json) -> Mapping[str, ProbeBefore] | None:
    """The samples whose concerns can be read; of the others nothing is known."""
    if value is None:
        return None
    return {
        name: ProbeBefore(
            status=_text(each.get("status")) or "",
            detail=_text(each.get("detail")) or "",
            concerns=_words(each["concerns"]),
        )
        for name, each in (value.items() if isinstance(value, dict) else ())
        if isinstance(each, dict) and isinstance(each.get("concerns"), list)
    }


_READERS: Mapping[Any, Callable[[Json], object]] = {
    str: _text,
    str | None: _text,
    int: _number,
    int | None: _number,
    bool: _flag,
    bool | None: _flag,
    Outcome: outcome_of,
    tuple[str, ...]: _words,
    tuple[JobResult, ...]: _results,
    Mapping[str, str] | None: _places,
    Mapping[str, ProbeBefore] | None: _probes,
    ArchivedRows | None: _archive,
}
