"""Ports and keys of the demo's servers, the same from one world to the next.

Owns two things on disk: the port each server had, and the keys. That is why a screen or a run that outlives its world
finds the next one. Must not serve anything.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    import paramiko

T = TypeVar("T")


class Endpoints:
    """What each server of the world in `root` had before; `save` keeps what they have now."""

    def __init__(self, root: Path) -> None:
        self._folder = root / "ssh"
        self._file = root / "ports.json"
        self._folder.mkdir(parents=True, exist_ok=True)
        self._ports: dict[str, int] = {}
        with contextlib.suppress(OSError, ValueError, AttributeError):
            self._ports = {str(name): int(port) for name, port in json.loads(self._file.read_text()).items()}

    def serve(self, name: str, make: Callable[[int], T]) -> T:
        """What `make` builds at this server's port, or at a free one (0) when somebody else has that by now."""
        try:
            return make(self._ports.get(name, 0))
        except OSError:
            return make(0)

    def note(self, name: str, port: int) -> None:
        """The port a server has got."""
        self._ports[name] = port

    def save(self) -> None:
        """For the next world."""
        self._file.write_text(json.dumps(self._ports))

    def key(self, name: str) -> paramiko.PKey:
        """The key of that name, generated the first time."""
        import paramiko

        file = self._folder / name
        with contextlib.suppress(OSError, paramiko.SSHException, ValueError):
            return paramiko.ECDSAKey.from_private_key_file(str(file))
        key = paramiko.ECDSAKey.generate()
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
        with os.fdopen(descriptor, "w") as stream:
            key.write_private_key(stream)
        return key
