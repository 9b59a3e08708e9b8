"""JSON documents: their type, their one canonical form, and their hash.

Owns how a document becomes bytes that two machines agree on. Must not read or write files.
"""

from __future__ import annotations

import hashlib
import json
from typing import TypeAlias

Json: TypeAlias = bool | int | float | str | list["Json"] | dict[str, "Json"] | None
"""A JSON document as the standard library reads it."""


def canonical(document: Json) -> str:
    """The document with sorted keys, no blanks and ASCII only: equal documents give equal text."""
    return json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)


def digest(document: Json) -> str:
    """SHA-256 of the canonical form, 64 hex characters."""
    return hashlib.sha256(canonical(document).encode("ascii")).hexdigest()
