"""Records of a log file, from its bytes in one go."""

from __future__ import annotations

from console.domain.log_blocks import FileOrigin
from console.domain.log_records import Records

FILE = FileOrigin("web1", "laravel.log", "1:2")


def whole(data: bytes) -> Records:
    """All records of a file that holds `data`."""
    return Records(FILE, 0, data)
