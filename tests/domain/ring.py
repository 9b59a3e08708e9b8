"""A look into a ring that the console itself does not take."""

from __future__ import annotations

from console.domain.logs import LogRing


def raw(ring: LogRing, position: int) -> bytes:
    """The exact bytes of a record, empty when its block was let go."""
    block = ring._blocks.get(position >> 20)
    if block is None:
        return b""
    ring._index(block)
    return ring._record_bytes(block, position & ((1 << 20) - 1))
