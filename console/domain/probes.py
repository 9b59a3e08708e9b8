"""What the answer of a health URL means: its status, one line that says why, and the body's own word.

Owns the verdict over an answer; pane, command line, gate and `wait_http` ask nobody else. Must not fetch, must not
change what a body says (its word is verbatim), and must call nothing ok that it did not understand.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from console.domain.answers import (
    RepeatedKeyError,
    Statement,
    document_of,
    explanation,
    json_statements,
    own_word,
    text_statements,
)
from console.domain.documents import Json
from console.domain.expectations import difference
from console.domain.health import ProbeSpec, Status
from console.domain.redact import Redactor
from console.domain.untrusted import elide, harmless

_ORDER = tuple(Status)
_WELL = (Status.OK, Status.SKIPPED)
_FIGURES = re.compile(r"\d+")
_DETAIL = 200
_QUOTED = 60
_NO_BODY = (204, 205)
_PAGE = re.compile(r"<(?:!doctype\s+html|html|head|body)\b", re.IGNORECASE)
# Not past another `<`: a megabyte of them without any `>` would be searched a million times.
_MARKUP = re.compile(r"<[^<>]*>")
STALE = timedelta(minutes=10)
"""Age from which results that an application stored count as old: its scheduler may be dead."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpAnswer:
    """What came back: `problem` when nothing did. `cut` says that the body was longer than what is here; `misled` why
    this is no answer to what was asked (a redirect led elsewhere); `at` is the server's own time."""

    status: int | None = None
    body: bytes = b""
    content_type: str = ""
    cut: bool = False
    misled: str = ""
    problem: str = ""
    at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbeVerdict:
    """The meaning of one answer; the fields are those of `ProbeResult`."""

    status: Status
    detail: str = ""
    body_status: str | None = None
    concerns: tuple[str, ...] = ()
    understood: bool = True


def verdict(spec: ProbeSpec, answer: HttpAnswer) -> ProbeVerdict:
    """What an answer to `spec` means."""
    if answer.status is None:
        return _failed(answer.problem or "no answer")
    if answer.misled:
        return _failed(f"HTTP {answer.status}; {answer.misled}")
    text = _text(answer)
    document, statements, unread = _read(answer, text)
    word = own_word(document)
    wrong = _wrong_status(spec, answer.status)
    if wrong:
        return _failed(wrong, *(_bad_words(statements) or [explanation(document)]), word=word)
    missing = _missing(spec, document, text)
    if missing:
        # Why there is no document to compare with, where the answer looks like one.
        looks = document is None and text.lstrip()[:1] in ("{", "[")
        return _failed(missing, unread if spec.expect_json and looks else "", word=word)
    if spec.expect_json or spec.expect_text or answer.status >= 300:
        # The configuration says what is good: the table is not asked.
        return ProbeVerdict(status=Status.OK, body_status=word)
    return _judged((*statements, *_old(document, answer.at)), unread, word)


def _judged(statements: tuple[Statement, ...], unread: str, word: str | None) -> ProbeVerdict:
    """The worst of what a body says; what is not understood is a warning that quotes it."""
    worst = max((one.status or Status.WARNING for one in statements), key=_ORDER.index, default=Status.OK)
    concerns = [f"{one.place}: {one.said}" for one in statements if one.status not in _WELL]
    if unread:
        concerns.append(unread)
        worst = max(worst, Status.WARNING, key=_ORDER.index)
    return ProbeVerdict(
        status=worst,
        detail=_line(*_bad_words(statements), unread),
        body_status=word,
        # Figures change from answer to answer; what they are about is still the same.
        concerns=tuple(dict.fromkeys(_line(_FIGURES.sub("#", one.removeprefix(": "))) for one in concerns)),
        understood=not unread and all(one.status is not None for one in statements),
    )


def _bad_words(statements: tuple[Statement, ...]) -> list[str]:
    """What is not well, in words. Parts stand for the verdict over all of them, unless that is not understood."""
    bad = [one for one in statements if one.status not in _WELL]
    parts = [one for one in bad if not one.whole or one.status is None]
    return [_words(one) for one in parts or bad]


def _wrong_status(spec: ProbeSpec, status: int) -> str:
    if spec.expect_status is not None:
        return f"HTTP {status}, expected {spec.expect_status}" if status != spec.expect_status else ""
    if 200 <= status < 300:
        return ""
    return f"HTTP {status}, a redirect that was not followed" if 300 <= status < 400 else f"HTTP {status}"


def _missing(spec: ProbeSpec, document: Json, text: str) -> str:
    if spec.expect_json and (unlike := difference(dict(spec.expect_json), document)):
        return unlike
    if spec.expect_text and spec.expect_text not in text:
        return f"the answer does not hold {_quote(spec.expect_text)}"
    return ""


def _text(answer: HttpAnswer) -> str:
    charset = re.search(r"charset=\"?([\w.-]+)", answer.content_type)
    for encoding in ((charset[1],) if charset else ()) + ("utf-8-sig",):
        try:
            return answer.body.decode(encoding)
        except (LookupError, ValueError):
            continue
    return answer.body.decode("latin-1")


def _read(answer: HttpAnswer, text: str) -> tuple[Json, tuple[Statement, ...], str]:
    """The body as a document, what it says of health, and what of it was not understood, empty when nothing."""
    kind, bare = answer.content_type.lower(), text.strip()
    if answer.status in _NO_BODY or (not bare and "json" not in kind):
        return None, (), ""
    if not bare:
        return None, (), "it claims to be JSON and is empty"
    if _is_page(kind, bare):
        # A page is for people: its words are decoration, and an application that fails says so by its status.
        return None, (), ""
    if answer.cut:
        return None, (), "it is longer than 1 MB and was not read"
    document: Json = None
    if "json" in kind or bare[0] in '{["':
        try:
            document = document_of(bare)
        except RepeatedKeyError as error:
            return None, (), str(error)
        except ValueError:
            return None, (), f"{_quote(bare)} is no JSON that can be read"
        statements = json_statements(document)
    elif _is_text(kind, bare):
        statements = text_statements(_MARKUP.sub("\n", bare) if bare[0] == "<" else bare)
    else:
        return None, (), f"an answer of the type {elide(kind, 40) or 'unknown'} is not understood"
    return document, statements, "" if statements else f"{_quote(bare)} says nothing of health that is understood"


def _is_page(kind: str, bare: str) -> bool:
    return "json" not in kind and bare[0] == "<" and ("html" in kind or bool(_PAGE.search(bare[:1000])))


def _is_text(kind: str, bare: str) -> bool:
    if kind.startswith("image/") or "\0" in bare:
        return False
    some = bare[:4000]
    return kind.startswith("text/") or sum(char.isprintable() or char.isspace() for char in some) > 0.95 * len(some)


def _old(document: Json, at: datetime | None) -> tuple[Statement, ...]:
    """A warning when the results that a document holds were stored long ago: whoever stores them no longer does."""
    found = document.get("finishedAt") if isinstance(document, dict) else None
    if at is None or found is None:
        return ()
    try:
        if isinstance(found, str) and not found.isdigit():
            stored = datetime.fromisoformat(found)
            stored = stored if stored.tzinfo else stored.replace(tzinfo=UTC)
        else:
            seconds = float(str(found))
            stored = datetime.fromtimestamp(seconds / 1000 if seconds > 1e11 else seconds, UTC)
    except (ValueError, OverflowError, OSError):
        return (Statement(place="finishedAt", said=str(found), status=None),)
    if at - stored <= STALE:
        return ()
    minutes = int((at - stored).total_seconds() // 60)
    why = f"the checks ran {minutes} min ago; the scheduler may be dead"
    return (Statement(place="finishedAt", said="old", status=Status.WARNING, why=why),)


def _words(one: Statement) -> str:
    """A statement as a person reads it: `checks.queue: warn (34 jobs wait)`."""
    said = elide(one.said, _QUOTED) if one.status and one.place else _quote(one.said)
    line = f"{one.place}: {said}" if one.place else said
    if one.status is None:
        return f"{line} is not understood"
    return f"{line} ({one.why})" if one.why and one.why != one.said else line


def _quote(text: str) -> str:
    return f'"{elide(harmless(" ".join(text.split())), _QUOTED)}"'


def _failed(*parts: str, word: str | None = None) -> ProbeVerdict:
    return ProbeVerdict(status=Status.FAILED, detail=_line(*parts), body_status=word, concerns=(_line(parts[0]),))


def _line(*parts: str) -> str:
    return elide(harmless(Redactor().text("; ".join(part for part in parts if part))), _DETAIL)
