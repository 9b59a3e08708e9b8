"""What the body of an answer says of health, statement by statement: JSON of any shape, plain text, or nothing.

Owns where in a body words about health stand. What a word means is the table's in `domain.verdicts`; what statements
come to is judged in `domain.probes`. Must not take anything for good that it does not understand.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import cast

from console.domain.documents import Json
from console.domain.health import Status
from console.domain.untrusted import elide
from console.domain.verdicts import line_meaning, meaning

OWN = ("status", "state", "health", "healthy", "is_healthy", "ok", "up", "alive", "success")
"""Keys whose value is the verdict of the object they stand in, without regard to case."""
PARTS = ("checks", "check_results", "services", "components", "dependencies", "subsystems")
"""Keys whose every entry is a part with a verdict of its own."""
ERRORS = ("error", "errors", "exception", "failures")
"""Keys that deny health by holding anything; an object there with verdicts of its own speaks for itself."""
NAMED = ("database", "db", "cache", "redis", "queue", "queues", "mail", "storage", "scheduler", "horizon", "reverb")
"""Parts whose `false` denies health also beside a verdict."""
FLAGS: Mapping[str, Status] = {
    "down": Status.FAILED,
    "failed": Status.FAILED,
    "unhealthy": Status.FAILED,
    "stale": Status.WARNING,
    "degraded": Status.WARNING,
    "maintenance": Status.WARNING,
    "maintenance_mode": Status.WARNING,
}
"""Keys whose `true` is bad, and whose `false` says nothing."""
_SILENT = ("message", "name", "label", "version", "env", "environment", "level", "log_level", "mode", "type", "driver")
_FIGURES = ("meta", "metadata")
_LOOSE = ("debug", "cached", *FLAGS)
_WHY = ("notification_message", "short_summary", "message", "detail", "output", "error", "description", "reason")
_NAME_WORDS = 3
_NAMED_WORD = re.compile(r"([^:=]+)[:=](.*)")
_DEEPEST = 40
_MOST = 500
_NAME, _PLACE = 80, 200
"""Characters of a name and of a place: every statement holds its place, and hostile names are as long as a body."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """One thing a body says: where, in which words, and what that means; None for what is not understood. `why` is
    the body's own explanation; `whole` marks the verdict over the document itself, which its parts explain."""

    place: str
    said: str
    status: Status | None
    why: str = ""
    whole: bool = False


class RepeatedKeyError(ValueError):
    """An object of a JSON document has a key twice: which of its values counts, every reader decides for itself."""


def document_of(text: str) -> Json:
    """The JSON of a body; ValueError when it is none, too deep to be read, or says one thing twice (RepeatedKeyError).
    A document that was encoded twice (as a JSON text) is decoded twice."""
    try:
        found = json.loads(text, object_pairs_hook=_object)
        if isinstance(found, str) and found.lstrip()[:1] in ("{", "["):
            found = json.loads(found, object_pairs_hook=_object)
    except RecursionError as error:
        raise ValueError("nested too deep") from error
    return cast("Json", found)


def _object(pairs: list[tuple[str, Json]]) -> dict[str, Json]:
    found: dict[str, Json] = {}
    for name, value in pairs:
        if name in found and found[name] != value:
            raise RepeatedKeyError(f"it has the key {json.dumps(name[:_NAME])} twice, with two values")
        found[name] = value
    return found


def own_word(document: Json) -> str | None:
    """The document's own verdict, exactly as it stands there; None when it has none."""
    if isinstance(document, dict):
        for key in OWN:
            for name, value in document.items():
                if _key(name) == key and value is not None and _is_own(key, value):
                    return _said(value)
    return None


def json_statements(document: Json) -> tuple[Statement, ...]:
    """Everything a JSON document says of health."""
    found: list[Statement] = []
    for statement in _whole(document):
        found.append(statement)
        if len(found) == _MOST:
            found.append(Statement(place="", said=f"more than {_MOST} statements", status=None))
            break
    return tuple(found)


def text_statements(text: str) -> tuple[Statement, ...]:
    """Everything a plain text says of health: line by line, `name: word` with its name."""
    found = []
    lines = text.splitlines()
    for line in lines[:_MOST]:
        match = _NAMED_WORD.match(line)
        name, mark, value = (match[1].strip(), True, match[2].strip()) if match else ("", False, "")
        own = _key(name) in OWN
        status = line_meaning(value) if mark and len(name.split()) <= _NAME_WORDS else None
        # A number is a count, unless it stands where the verdict does.
        counted = value.isdigit() and not own
        if mark and not counted and (own or status is not None):
            found.append(Statement(place=name, said=value, status=status))
        elif not counted and (status := line_meaning(line)) is not None:
            found.append(Statement(place="", said=line.strip(), status=status))
    if len(lines) > _MOST:
        found.append(Statement(place="", said=f"more than {_MOST} lines", status=None))
    return tuple(found)


def _key(name: str) -> str:
    """A key's words in lower case, joined by `_`: `checkResults` and `check-results` are the same."""
    return re.sub(r"[\s.-]+", "_", re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name.strip())).lower()


def _whole(document: Json) -> Iterator[Statement]:
    if isinstance(document, list):
        yield from _entries(document, "", 0)
    elif isinstance(document, dict):
        said = False
        for statement in (*_verdicts(document, "", 0), *_asides(document)):
            said = True
            yield statement
        if not said:
            yield from _loose(document, "", 0)
    elif document is not None:
        yield _word("", document)


def _verdicts(document: dict[str, Json], place: str, depth: int) -> Iterator[Statement]:
    """The verdicts in an object: its own, its parts', and those of any object deeper in it."""
    own = [name for name, value in document.items() if _is_own(_key(name), value)]
    bad = any(meaning_of(document[name]) is not Status.OK for name in own)
    why = explanation(document) if bad else ""
    for name in own:
        yield _word(place or _at("", name), document[name], why, whole=not depth)
    for name, value in document.items():
        key, at = _key(name), _at(place, name)
        if key in _FIGURES:
            continue
        if key in ERRORS and value and not isinstance(value, dict) and not (own and bad):
            yield Statement(place=at, said=_said(value), status=Status.FAILED)
        elif isinstance(value, dict | list) and depth >= _DEEPEST:
            yield Statement(place=at, said="nested too deep", status=None)
        elif key in PARTS or (key in OWN and isinstance(value, dict)):
            # The name of Spatie's list says nothing that its entries' names do not.
            yield from _entries(value, "" if key == "check_results" else at, depth + 1)
        elif isinstance(value, dict):
            inner = list(_verdicts(value, at, depth + 1))
            yield from inner
            if key in ERRORS and not inner and not (own and bad) and _holds(value):
                yield Statement(place=at, said=_said(value), status=Status.FAILED)
        elif isinstance(value, list):
            yield from _listed(value, at, depth + 1)


def _listed(values: list[Json], place: str, depth: int) -> Iterator[Statement]:
    """The verdicts in the objects of a list that is no list of parts, and of the lists in it."""
    for number, entry in enumerate(values):
        if isinstance(entry, dict):
            yield from _verdicts(entry, _at(place, _name(entry) or str(number)), depth)
        elif isinstance(entry, list) and depth >= _DEEPEST:
            yield Statement(place=place, said="nested too deep", status=None)
        elif isinstance(entry, list):
            yield from _listed(entry, _at(place, str(number)), depth + 1)


def _holds(value: Json) -> bool:
    """Whether anything but nothing, zero and `false` stands there."""
    if isinstance(value, dict | list):
        return any(_holds(inner) for inner in (value.values() if isinstance(value, dict) else value))
    return bool(value)


def _at(place: str, name: str) -> str:
    """The place of what has this name there."""
    return elide(f"{place}.{elide(name, _NAME)}" if place else elide(name, _NAME), _PLACE)


def _is_own(key: str, value: Json) -> bool:
    """Whether this is a verdict. Of numbers only 0 and 1 are, and HTTP codes as a `status`: others count something."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return key in OWN and (value in (0, 1) or (key == "status" and meaning_of(value) is not None))
    return key in OWN and not isinstance(value, dict | list)


def _entries(parts: Json, place: str, depth: int) -> Iterator[Statement]:
    """The parts of a document: a list, or an object whose keys are names (or numbers, as a sorted list becomes)."""
    if isinstance(parts, dict):
        named = list(parts.items())
    elif isinstance(parts, list):
        named = [(str(number), part) for number, part in enumerate(parts)]
    else:
        named = []
        yield _word(place, parts)
    for name, part in named:
        called = (_name(part) if isinstance(part, dict) and name.isdigit() else "") or name
        at = _at(place, called)
        if isinstance(part, dict | list) and depth >= _DEEPEST:
            yield Statement(place=at, said="nested too deep", status=None)
        elif isinstance(part, dict):
            found = list(_verdicts(part, at, depth + 1)) or list(_loose(part, at, depth + 1))
            yield from found or [Statement(place=at, said=_said(part), status=None)]
        elif isinstance(part, list):
            yield from _entries(part, at, depth + 1)
        elif not isinstance(part, int | float) or part in (0, 1):
            yield _word(at, part)


def _asides(document: Mapping[str, Json]) -> Iterator[Statement]:
    """What stands beside verdicts and is bad: words of the table, `false` of a part that is one by its name, flags.
    Good words there prove nothing."""
    for name, value in document.items():
        key = _key(name)
        inner = list(value.items()) if key in NAMED and isinstance(value, dict) else [(name, value)]
        for under, found in inner:
            at = _at("", name) if found is value else _at(name, under)
            if isinstance(found, bool):
                if status := FLAGS.get(_key(under)) if found else None:
                    yield Statement(place=at, said="true", status=status)
                elif not found and key in NAMED and _key(under) not in (*_LOOSE, *OWN):
                    yield _word(at, found)
            elif _is_word(_key(under), found) and meaning_of(found) not in (None, Status.OK, Status.SKIPPED):
                yield _word(at, found)


def _loose(document: Mapping[str, Json], place: str, depth: int) -> Iterator[Statement]:
    """What an object without any verdict says: every truth and every word of the table in it."""
    for name, value in document.items():
        key, at = _key(name), _at(place, name)
        if isinstance(value, dict) and depth < _DEEPEST:
            yield from _loose(value, at, depth + 1)
        elif (isinstance(value, bool) and key not in _LOOSE) or _is_word(key, value):
            yield _word(at, value)


def _is_word(key: str, value: Json) -> bool:
    """Whether this is a word of the table where it is likely to be a verdict."""
    if not isinstance(value, str) or key in (*_SILENT, *ERRORS, *OWN):
        return False
    return not value.strip().isdigit() and meaning(value) is not None


def _word(place: str, value: Json, why: str = "", *, whole: bool = False) -> Statement:
    return Statement(place=place, said=_said(value), status=meaning_of(value), why=why, whole=whole)


def meaning_of(value: Json) -> Status | None:
    """What a verdict means: a word, a truth, 0 or 1, or an HTTP status code."""
    if isinstance(value, str):
        return line_meaning(value)
    if isinstance(value, int) and not isinstance(value, bool) and 200 <= value <= 599:
        return Status.OK if value < 300 else Status.FAILED if value >= 400 else None
    return None if value is None or isinstance(value, dict | list) else meaning(json.dumps(value))


def explanation(document: Json) -> str:
    """The sentence with which an object explains itself, empty when it has none."""
    if not isinstance(document, dict):
        return ""
    by_key = {_key(name): value for name, value in document.items()}
    return next((value for key in _WHY if isinstance(value := by_key.get(key), str) and value), "")


def _name(part: Mapping[str, Json]) -> str:
    by_key = {_key(name): value for name, value in part.items()}
    return next((value for key in ("label", "name", "id") if isinstance(value := by_key.get(key), str) and value), "")


def _said(value: Json) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
