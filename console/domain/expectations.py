"""What the configuration expects of an answer, compared with what came.

Owns the comparison of JSON documents. Must not judge an answer that nothing was said about; `domain.probes` does.
"""

from __future__ import annotations

import json

from console.domain.documents import Json
from console.domain.untrusted import elide, harmless

_DEPTH_LIMIT = 40


def difference(expected: Json, found: Json, path: str = "", depth: int = 0) -> str:
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
            unlike = difference(value, found[key], place, depth + 1)
            if unlike:
                return unlike
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
