"""The order in which host keys are asked for, beside the list that the system's `ssh` sends to the same server."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from itertools import combinations
from pathlib import Path

import pytest

from console.clients.known_hosts import KnownHosts
from console.clients.openssh import resolve
from console.clients.ssh_connect import offered_host_keys
from console.domain.environment import Host, SshTarget
from tests.clients.conftest import Sshd, keygen

_KINDS = ("ed25519", "ecdsa", "rsa")


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """A public key of each kind, and an authority's."""
    root = tmp_path_factory.mktemp("keys")
    made = {kind: keygen(root / kind, kind=kind, bits=2048 if kind == "rsa" else 0) for kind in _KINDS}
    made["authority"] = keygen(root / "authority")
    yield {name: " ".join(path.with_suffix(".pub").read_text().split()[:2]) for name, path in made.items()}


def sent_by_ssh(config: Path) -> tuple[str, ...]:
    """What `ssh -vv` says that it asks for."""
    words = ["ssh", "-vv", "-F", str(config), "-o", "BatchMode=yes", "web", "true"]
    said = subprocess.run(
        words, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60, check=False
    ).stderr
    own = said.partition("local client KEXINIT proposal")[2]
    line = next(line for line in own.splitlines() if "host key algorithms: " in line)
    return tuple(line.partition("host key algorithms: ")[2].strip().split(","))


LISTS = [tuple(chosen) for size in range(4) for chosen in combinations(_KINDS, size)]


@pytest.mark.parametrize("known", LISTS, ids=" ".join)
@pytest.mark.parametrize("marker", ["", "authority", "revoked"])
def test_host_keys_are_asked_for_as_ssh_does(
    shared_sshd: Sshd, keys: dict[str, str], tmp_path: Path, known: tuple[str, ...], marker: str
) -> None:
    name = f"[127.0.0.1]:{shared_sshd.port}"
    lines = [f"{name} {keys[kind]}" for kind in reversed(known)] + [f"127.0.0.1 {keys['rsa']}"]
    lines += [f"@cert-authority * {keys['authority']}"] if marker == "authority" else []
    lines += [f"@revoked * {keys[kind]}" for kind in known[:1]] if marker == "revoked" else []
    assert_same_order(shared_sshd, tmp_path, lines, "")


@pytest.mark.parametrize("value", ["rsa-sha2-512,ssh-ed25519", "+ssh-rsa", "^rsa-sha2-512", "ssh-ed25519"])
def test_a_stated_order_is_kept_as_ssh_keeps_it(
    shared_sshd: Sshd, keys: dict[str, str], tmp_path: Path, value: str
) -> None:
    lines = [f"[127.0.0.1]:{shared_sshd.port} {keys['ecdsa']}"]
    assert_same_order(shared_sshd, tmp_path, lines, f"HostKeyAlgorithms {value}")


def assert_same_order(sshd: Sshd, tmp_path: Path, lines: list[str], option: str) -> None:
    (tmp_path / "known").write_text("".join(f"{line}\n" for line in lines))
    config = tmp_path / "config"
    config.write_text(
        f"HostName 127.0.0.1\nPort {sshd.port}\nUserKnownHostsFile {tmp_path}/known\nGlobalKnownHostsFile none\n"
        f"KexAlgorithms curve25519-sha256\nIdentityAgent none\n{option}\n"
    )
    destination = resolve(Host(name="web1", ssh=SshTarget(alias="web")), str(config))
    ours = offered_host_keys(destination, KnownHosts.read(destination.known_hosts))
    assert ours == sent_by_ssh(config)
