"""Streams over a real sshd that bring more than is taken, and end before they should."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import pytest

from console.clients.ssh import SshShell
from console.clients.ssh_channels import ChannelProcess
from console.errors import UnreachableError
from tests.waiting import eventually


def test_what_comes_in_bulk_is_whole_and_waits_on_the_host_for_a_slow_reader(shell: SshShell, tmp_path: Path) -> None:
    data = bytes(range(256)) * 40_000
    (tmp_path / "large").write_bytes(data)
    stream = shell.stream(f"exec cat {tmp_path}/large", bulk=True)
    first = stream.read(1000, timeout=5)
    assert first is not None
    if isinstance(stream._process, ChannelProcess):
        channel = stream._process.channel
        eventually(lambda: len(channel.in_buffer) + len(stream._held) > 1_000_000)
        assert len(channel.in_buffer) + len(stream._held) < 5_000_000 < len(data)
    else:
        # Here a pipe holds what was not read, and the console only what one read took from it.
        time.sleep(0.5)
        assert len(stream._held) < 5_000_000 < len(data)
    assert first + b"".join(iter(lambda: stream.read(timeout=5), None)) == data


def test_a_session_that_dies_under_a_reader_is_a_lost_link(shell: SshShell, tmp_path: Path) -> None:
    (tmp_path / "large").write_bytes(bytes(50_000_000))
    stream = shell.stream(f"echo $PPID; exec cat {tmp_path}/large", bulk=True)
    begun = stream.read(timeout=5) or b""
    os.kill(int(begun.partition(b"\n")[0]), signal.SIGKILL)
    with pytest.raises(UnreachableError):
        while stream.read(timeout=5) is not None:
            pass
