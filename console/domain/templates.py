"""Templates in action files: `{root.name}` filled from a scope, whole argv elements or text inside one.

Owns which roots exist and how a value enters an argv list, a text or a shell script. Must not quote: whoever builds
the script quotes whole elements, so a value can never become shell syntax.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from console.domain.documents import Json
from console.errors import RefusedError, UsageError

ROOTS = ("app", "env", "host", "param", "release", "run")
NAMES = frozenset(
    {
        *("app.path", "app.root", "app.current", "app.releases", "app.shared", "app.php", "app.keep"),
        *("app.source.ref", "app.source.git", "app.source.archive"),
        *("env.name", "env.tier", "env.url", "host.name", "host.path"),
        *("release.name", "release.path", "release.commit", "run.action"),
    }
)
"""Every name that planning gives a value, but for an action's own parameters."""
Scope = Mapping[str, Json]
"""Root name to a document, `{"param": {"ref": "main"}, "release": {"name": "7"}}`."""

_TEMPLATE = re.compile(r"\{((?:" + "|".join(ROOTS) + r")(?:\.[A-Za-z0-9_-]+)+)\}")
_PLAIN = re.compile(r"[A-Za-z0-9_./:@%+=,-]*\Z")


def names(document: Json) -> frozenset[str]:
    """Every template name used anywhere in a document, `param.ref` for `{param.ref}`."""
    if isinstance(document, str):
        return frozenset(match[1] for match in _TEMPLATE.finditer(document))
    if isinstance(document, list):
        return frozenset().union(*(names(item) for item in document))
    if isinstance(document, dict):
        return frozenset().union(*(names(item) for item in document.values()))
    return frozenset()


def look_up(name: str, scope: Scope) -> Json:
    """The value behind `root.name`; UsageError when the scope has none."""
    value: Json = dict(scope)
    for part in name.split("."):
        if not isinstance(value, dict) or part not in value:
            raise UsageError(f"{{{name}}} stands for nothing here.", fix="See the template roots in the documentation.")
        value = value[part]
    return value


def fill(document: Json, scope: Scope) -> Json:
    """`document` with every template replaced.

    A list element that is one template naming a list becomes that many elements. Values with NUL or a line break are
    refused, and so is a whole element that would begin with a dash: a command would read it as an option.
    """
    if isinstance(document, str):
        return _fill_text(document, scope)
    if isinstance(document, list):
        return [filled for item in document for filled in _fill_element(item, scope)]
    if isinstance(document, dict):
        return {key: fill(item, scope) for key, item in document.items()}
    return document


def fill_script(text: str, scope: Scope) -> str:
    """A shell script with its templates replaced; only values without any shell meaning are let in."""

    def replaced(match: re.Match[str]) -> str:
        value = _words(match[1], scope)
        if not _PLAIN.match(value):
            raise RefusedError(
                f"{{{match[1]}}} has a value that a shell script could read as syntax.",
                fix="Use an argv list in place of `script:`; its elements are quoted.",
            )
        return value

    return _TEMPLATE.sub(replaced, text)


def _fill_text(text: str, scope: Scope) -> str:
    return _TEMPLATE.sub(lambda match: _words(match[1], scope), text)


def _fill_element(item: Json, scope: Scope) -> list[Json]:
    if not isinstance(item, str):
        return [fill(item, scope)]
    whole = _TEMPLATE.fullmatch(item)
    if whole is None:
        return [_fill_text(item, scope)]
    value = look_up(whole[1], scope)
    values = [_word(part, whole[1]) for part in value] if isinstance(value, list) else [_words(whole[1], scope)]
    for text in values:
        if text.startswith("-"):
            raise RefusedError(f"{{{whole[1]}}} begins with a dash: a command would take it for an option.")
    return list(values)


def _words(name: str, scope: Scope) -> str:
    value = look_up(name, scope)
    if isinstance(value, list):
        return " ".join(_word(part, name) for part in value)
    return _word(value, name)


def _word(value: Json, name: str) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (dict, list)):
        raise UsageError(f"{{{name}}} names a group of values, not one.")
    text = str(value)
    if any(character in text for character in "\0\n\r"):
        raise RefusedError(f"{{{name}}} holds a line break or NUL, which no command here may get.")
    return text
