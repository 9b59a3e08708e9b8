"""Output with a step's secrets blotted out, byte for byte, so that offsets stay true.

Owns what is blotted out, and with what. Must not know where secrets come from, nor keep one.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from console.domain.redact import Secret, pieces


def masked(data: bytes, secrets: Iterable[Secret], *, complete: bool) -> bytes:
    """`data` with every secret, and every longer line of one, blotted out. Unless it is `complete`, an end that may be
    the beginning of a secret is cut off, to be looked at again together with what follows."""
    found = {piece.encode("utf-8", "surrogateescape") for secret in secrets for piece in pieces(secret.reveal())}
    spans: list[tuple[int, int]] = []
    end = len(data)
    for text in sorted(found, key=len, reverse=True):
        spans += _spans(data, text)
        data = data.replace(text, blotted(text))
        if not complete:
            # Measured before the shorter texts are blotted, because one of them may be the first line of this secret.
            end = min(end, len(data) - begun(data, text))
    # After a cut inside a secret its rest would not be recognised at the next look, and would be shown.
    while cut := [start for start, stop in spans if start < end < stop]:
        end = min(cut)
    return data[:end]


def _spans(data: bytes, text: bytes) -> Iterator[tuple[int, int]]:
    at = data.find(text)
    while at >= 0:
        yield at, at + len(text)
        at = data.find(text, at + len(text))


def blotted(data: bytes) -> bytes:
    """An asterisk for each byte."""
    return b"*" * len(data)


def begun(data: bytes, secret: bytes) -> int:
    """How many bytes at the end of `data` are the beginning of `secret`."""
    longest = min(len(data), len(secret) - 1)
    return next((size for size in range(longest, 0, -1) if data.endswith(secret[:size])), 0)
