"""Who acts: the kernel's word first, sudo's only from root, and where the session came from."""

from __future__ import annotations

import os
import pwd
import socket
from pathlib import Path

import pytest

from console.services.records.operators import current_operator


def own_name() -> str:
    return pwd.getpwuid(os.getuid()).pw_name


@pytest.fixture
def unset(tmp_path: Path) -> Path:
    path = tmp_path / "loginuid"
    path.write_text(str(2**32 - 1))
    return path


def test_without_any_trace_it_is_the_account_itself(unset: Path, tmp_path: Path) -> None:
    for path in (unset, tmp_path / "absent"):
        operator = current_operator({}, loginuid=path)
        assert (operator.uid, operator.login, operator.origin) == (os.getuid(), own_name(), "")
        assert operator.host == socket.gethostname()


def test_the_kernels_login_counts_before_sudo(tmp_path: Path) -> None:
    path = tmp_path / "loginuid"
    someone = next(entry for entry in pwd.getpwall() if entry.pw_uid not in (0, os.getuid()))
    path.write_text(str(someone.pw_uid))
    assert current_operator({"SUDO_USER": "mallory"}, loginuid=path).login == someone.pw_name


def test_sudo_user_counts_for_root_only(unset: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "getuid", lambda: 0)
    assert current_operator({"SUDO_USER": "ana"}, loginuid=unset).login == "ana"
    monkeypatch.setattr(os, "getuid", lambda: 12345678)
    assert current_operator({"SUDO_USER": "ana"}, loginuid=unset).login == "uid 12345678"


def test_the_origin_is_the_clients_address_and_harmless(unset: Path) -> None:
    seen = current_operator({"SSH_CONNECTION": "10.0.0.7 50000 10.0.0.1 22"}, loginuid=unset)
    assert seen.origin == "10.0.0.7"
    assert seen.label.endswith("@10.0.0.7")
    assert "\x1b" not in current_operator({"SSH_CONNECTION": "\x1b[2J x"}, loginuid=unset).origin
