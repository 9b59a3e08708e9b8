"""What the answer of a health URL means: its status word, its one line of detail, and the body's own words.

Owns the verdict over a probe's answer. Must not fetch, and must not change what a body says: its status is verbatim.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast

from console.domain.documents import Json
from console.domain.health import ProbeSpec, Status
from console.domain.untrusted import Raw, elide, harmless

_WORDS = {
    "ok": Status.OK,
    "up": Status.OK,
    "pass": Status.OK,
    "passed": Status.OK,
    "healthy": Status.OK,
    "warn": Status.WARNING,
    "warning": Status.WARNING,
    "degraded": Status.WARNING,
    "fail": Status.FAILED,
    "failed": Status.FAILED,
    "error": Status.FAILED,
    "down": Status.FAILED,
    "unhealthy": Status.FAILED,
    "crashed": Status.CRASHED,
    "skipped": Status.SKIPPED,
}
_ORDER = tuple(Status)
_DETAIL = 200
_DEPTH_LIMIT = 40


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What came back: `problem` when nothing did. `cut` says that the body was longer than what is here."""

    status: int | None = None
    body: bytes = b""
    cut: bool = False
    note: str = ""
    problem: str = ""


def verdict(spec: ProbeSpec, answer: Answer) -> tuple[Status, str, str | None]:
    """The probe's status, a harmless line saying why, and the body's own status verbatim."""
    if answer.status is None:
        return Status.FAILED, harmless(answer.problem) or "no answer", None
    document = _document(answer)
    word = _own_word(document)
    said = _said(document)
    notes = [answer.note, "the answer is longer than 1 MB and was cut" if answer.cut else ""]
    if spec.expect_status is not None and answer.status != spec.expect_status:
        return Status.FAILED, _line(f"HTTP {answer.status}, expected {spec.expect_status}", said, *notes), word
    if spec.expect_status is None and answer.status >= 400:
        return Status.FAILED, _line(f"HTTP {answer.status}", said, *notes), word
    if spec.expect_json:
        missing = _difference(dict(spec.expect_json), document, "")
        if missing:
            return Status.FAILED, _line(missing, *notes), word
        return Status.OK, _line(*notes), word
    return _body_status(document, word), _line(said, *notes), word


def _document(answer: Answer) -> Json:
    try:
        # Only objects mean something here; a deep or huge text is not worth the stack.
        text = answer.body.decode("utf-8-sig")
        if answer.cut or not text.lstrip().startswith("{") or text.count("[") + text.count("{") > 100_000:
            return None
        return cast("Json", json.loads(text))
    except (ValueError, RecursionError):
        return None


def _own_word(document: Json) -> str | None:
    """The body's own `status`, exactly as it stands there."""
    if isinstance(document, dict):
        found = document.get("status")
        if isinstance(found, str):
            return found
    return None


def _checks(document: Json) -> list[Mapping[str, Json]]:
    """The checks of a spatie/laravel-health document; its results are a list or an object with numbers as keys."""
    if not isinstance(document, dict):
        return []
    found = document.get("checkResults")
    results = list(found.values()) if isinstance(found, dict) else found if isinstance(found, list) else []
    return [result for result in results if isinstance(result, dict)]


def _known(word: Json) -> Status | None:
    return _WORDS.get(word.strip().lower()) if isinstance(word, str) else None


def _body_status(document: Json, word: str | None) -> Status:
    if not isinstance(document, dict):
        return Status.OK
    own = _known(word)
    if own is not None:
        return own
    if isinstance(document.get("healthy"), bool):
        return Status.OK if document["healthy"] else Status.FAILED
    found = [status for check in _checks(document) if (status := _known(check.get("status"))) is not None]
    worst = max(found, key=_ORDER.index, default=Status.OK)
    return Status.OK if worst is Status.SKIPPED else worst


def _said(document: Json) -> str:
    """The checks that are not ok, or the body's own message."""
    bad = []
    for check in _checks(document):
        if _known(check.get("status")) not in (Status.OK, Status.SKIPPED):
            name = _plain(check.get("label")) or _plain(check.get("name"))
            why = _plain(check.get("notificationMessage")) or _plain(check.get("shortSummary"))
            bad.append(f"{name}: {why or _plain(check.get('status'))}")
    if bad:
        return "; ".join(bad)
    if isinstance(document, dict) and _known(document.get("status")) is not Status.OK:
        return next((_plain(document.get(key)) for key in ("message", "detail", "error") if document.get(key)), "")
    return ""


def _plain(value: Json) -> str:
    return Raw.of(value).show(_DETAIL) if isinstance(value, str) else ""


def _difference(expected: Json, found: Json, path: str, depth: int = 0) -> str:
    """Where `found` does not hold `expected`, empty when it does. Lists and scalars must be equal."""
    if isinstance(expected, dict):
        if not isinstance(found, dict):
            return f"{path or 'the answer'} is not a JSON object"
        if depth > _DEPTH_LIMIT:
            return f"{path} is nested too deep to compare"
        for key, value in expected.items():
            place = f"{path}.{key}" if path else key
            if key not in found:
                return f"{place} is missing"
            difference = _difference(value, found[key], place, depth + 1)
            if difference:
                return difference
        return ""
    if type(expected) is type(found) and expected == found:
        return ""
    if isinstance(expected, int | float) and isinstance(found, int | float) and not isinstance(found, bool):
        return "" if not isinstance(expected, bool) and expected == found else _unequal(expected, found, path)
    return _unequal(expected, found, path)


def _unequal(expected: Json, found: Json, path: str) -> str:
    return f"{path} is {_short(found)}, expected {_short(expected)}"


def _short(value: Json) -> str:
    return elide(harmless(json.dumps(value, ensure_ascii=False)), 60)


def _line(*parts: str) -> str:
    return elide(harmless("; ".join(part for part in parts if part)), _DETAIL)
