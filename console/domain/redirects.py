"""Where a health URL may send whoever asks it: which redirects are followed, and which landings are judged.

Owns these two rules. Must not ask anything, nor show a URL with its password: what is quoted passes the redactor.
"""

from __future__ import annotations

from urllib.parse import SplitResult, parse_qsl, urlsplit

from console.domain.redact import shown_url
from console.domain.untrusted import elide, harmless

MOST = 5
"""Redirects that are followed for one question."""


def refusal(here: str, target: str, named: str) -> str:
    """Why a redirect from `here` to `target` is not followed, empty when it is. `named` is the landing that the
    configuration expects; only it may be on another host."""
    was, to = urlsplit(here), urlsplit(target)
    if to.scheme not in ("http", "https"):
        return f"redirects to {_shown(target)}, which is no web address"
    if named and _same_place(to, urlsplit(named), to):
        return ""
    if _name(to) != _name(was):
        return f"redirects to another host, {_shown(target)}, and was not followed"
    if was.scheme == "https" and to.scheme == "http":
        return f"redirects from https to {_shown(target)} and was not followed"
    return ""


def misled(asked: str, landed: str, named: str) -> str:
    """Why the answer of `landed` is none to the question `asked`, empty when it is one: the same path but for a slash
    at its end, with every parameter that was asked, or the landing that the configuration names."""
    question, answer = urlsplit(asked), urlsplit(landed)
    if named:
        expected = urlsplit(named)
        return (
            "" if _same_place(answer, expected, question) else f"landed at {_quoted(question, answer)}, not at {named}"
        )
    if _path(answer) != _path(question) or not _parameters(question) <= _parameters(answer):
        return f"landed at {_quoted(question, answer)}, which is not what was asked"
    return ""


def keeps_credentials(asked: str, target: str) -> bool:
    """Whether what signs in at `asked` may be sent to `target`: the same origin, or its secured form."""
    was, to = urlsplit(asked), urlsplit(target)
    if _name(was) != _name(to):
        return False
    secured = was.scheme == "http" and to.scheme == "https" and _port(was) == 80 and _port(to) == 443
    return secured or (was.scheme == to.scheme and _port(was) == _port(to))


def _same_place(found: SplitResult, expected: SplitResult, base: SplitResult) -> bool:
    """Whether `found` is the place that a path (below `base`) or a whole URL names; a query only counts when named."""
    if expected.query and expected.query != found.query:
        return False
    if not expected.netloc:
        return _path(found) == _path(expected) and _name(found) == _name(base)
    same = expected.scheme == found.scheme and _name(expected) == _name(found) and _port(expected) == _port(found)
    return same and _path(found) == _path(expected)


def _parameters(url: SplitResult) -> set[tuple[str, str]]:
    return set(parse_qsl(url.query, keep_blank_values=True))


def _name(url: SplitResult) -> str:
    return (url.hostname or "").rstrip(".").lower()


def _port(url: SplitResult) -> int:
    return url.port or (443 if url.scheme == "https" else 80)


def _path(url: SplitResult) -> str:
    return url.path.rstrip("/")


def _quoted(question: SplitResult, answer: SplitResult) -> str:
    """The landing, as a path where that says all."""
    here = _name(question) == _name(answer) and question.scheme == answer.scheme and _port(question) == _port(answer)
    return _shown(answer._replace(scheme="", netloc="").geturl() or "/") if here else _shown(answer.geturl())


def _shown(url: str) -> str:
    return elide(harmless(shown_url(url)), 120)
