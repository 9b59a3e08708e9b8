"""Output with a step's secrets blotted out, byte for byte, so that offsets stay true.

Owns how. Must not know where secrets come from, nor keep one.
"""

from __future__ import annotations

from collections.abc import Iterable

from console.domain.redact import Secret

_SHORTEST = 4
"""Shorter secrets stand in too much that is none."""


def masked(data: bytes, secrets: Iterable[Secret], *, complete: bool) -> bytes:
    """`data` without any of the secrets. What may be the beginning of one at its end is left out, to be looked at again
    with what follows, unless it is `complete`."""
    texts = (secret.reveal().encode("utf-8", "surrogateescape") for secret in secrets)
    hidden = [text for text in sorted(texts, key=len, reverse=True) if len(text) >= _SHORTEST]
    for text in hidden:
        data = data.replace(text, blotted(text))
    if hidden and not complete:
        data = data[: len(data) - max(begun(data, text) for text in hidden)]
    return data


def blotted(data: bytes) -> bytes:
    """As many bytes that say nothing."""
    return b"*" * len(data)


def begun(data: bytes, secret: bytes) -> int:
    """How many bytes at the end of `data` are the beginning of `secret`."""
    longest = min(len(data), len(secret) - 1)
    return next((size for size in range(longest, 0, -1) if data.endswith(secret[:size])), 0)
