"""Aliases as the operator's ssh resolves them, and what is refused."""

from __future__ import annotations

import getpass
import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from console.clients.openssh import Destination, parse_options, resolve
from console.domain.environment import Host, SshTarget
from console.errors import UsageError


def destination(tmp_path: Path, config: str, alias: str = "web") -> Destination:
    path = tmp_path / "config"
    path.write_text(config)
    return resolve(Host(name="web1", ssh=SshTarget(alias=alias)), str(path))


def test_an_alias_is_what_ssh_says(tmp_path: Path) -> None:
    (tmp_path / "more").write_text("Host web\n  Port 2222\n  HostKeyAlias pinned\n")
    found = destination(
        tmp_path,
        f"Include {tmp_path}/more\nMatch host web\n  User deploy\nHost web\n  HostName 10.1.2.3\n  User other\n"
        f'  IdentityFile {tmp_path}/%r_key\n  IdentitiesOnly yes\n  UserKnownHostsFile "{tmp_path}/known hosts" /x\n'
        "  GlobalKnownHostsFile none\n  ConnectTimeout 3\n  IdentityAgent none\n  AddressFamily inet\n",
    )
    assert found.label == "deploy@10.1.2.3:2222"
    assert (found.key_name, found.key_port) == ("pinned", 22)
    assert found.identity_files == (f"{tmp_path}/deploy_key",)
    assert found.identities_only
    assert "/x" in found.known_hosts
    assert (found.agent, found.connect_timeout, found.family) == ("", 3.0, "inet")


def test_user_at_host_needs_no_entry(tmp_path: Path) -> None:
    found = destination(tmp_path, "", "deploy@web1.internal")
    assert found.label == "deploy@web1.internal:22"
    assert found.key_name == "web1.internal"
    assert str(Path("~/.ssh/known_hosts").expanduser()) in found.known_hosts


@pytest.mark.parametrize("line", ["ProxyJump bastion", "ProxyCommand nc %h %p"])
def test_a_way_that_cannot_be_followed_is_refused_by_its_name(tmp_path: Path, line: str) -> None:
    with pytest.raises(UsageError, match=line.split(maxsplit=1)[0]):
        destination(tmp_path, f"Host web\n  {line}\n")


@pytest.mark.parametrize(
    "line",
    [
        "KnownHostsCommand /bin/true",
        "PreferredAuthentications password",
        "PubkeyAuthentication no",
        "BindInterface lo",
        "BindAddress somewhere",
        "RemoteCommand uptime",
        "SessionType none",
        "Ciphers chacha20-poly1305@openssh.com",
        "MACs umac-64@openssh.com",
        "KexAlgorithms diffie-hellman-group18-sha512",
        "PubkeyAcceptedAlgorithms sk-ssh-ed25519@openssh.com",
    ],
)
def test_what_cannot_be_followed_is_refused_by_its_name_with_a_way_out(tmp_path: Path, line: str) -> None:
    with pytest.raises(UsageError, match=line.split(maxsplit=1)[0]) as caught:
        destination(tmp_path, f"Host web\n  {line}\n")
    assert caught.value.fix
    assert caught.value.done == "Nothing was connected."


def test_lists_of_algorithms_are_followed_in_their_own_order(tmp_path: Path) -> None:
    found = destination(
        tmp_path, "Ciphers aes256-ctr,chacha20-poly1305@openssh.com,aes128-ctr\nMACs -hmac-sha2-256*\n"
    ).algorithms
    assert found.ciphers == ("aes256-ctr", "aes128-ctr")
    assert "hmac-sha2-512" in found.macs
    assert not any(each.startswith("hmac-sha2-256") for each in found.macs)
    assert destination(tmp_path, "").algorithms.ciphers[0] == "aes128-gcm@openssh.com", "ours, where nothing is stated"


def test_an_agent_is_the_one_that_the_configuration_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSH_AUTH_SOCK", "/one")
    monkeypatch.setenv("OTHER_AGENT", "/two")
    monkeypatch.delenv("NO_AGENT", raising=False)
    assert destination(tmp_path, "").agent == "/one"
    assert destination(tmp_path, "IdentityAgent $OTHER_AGENT\n").agent == "/two"
    assert destination(tmp_path, "IdentityAgent $NO_AGENT\n").agent == "", "and not the environment's"
    assert destination(tmp_path, "IdentityAgent none\n").agent == ""


def test_tokens_in_key_files_are_what_ssh_says_they_are(tmp_path: Path) -> None:
    found = destination(tmp_path, "Host web\n  User deploy\n  IdentityFile /k/%i-%r-%%-${HOME}\n").identity_files
    assert found == (f"/k/{os.getuid()}-deploy-%-{os.environ['HOME']}",)
    with pytest.raises(UsageError, match=r"IdentityFile ~nosuch/x: .*nosuch"):
        destination(tmp_path, "IdentityFile ~nosuch/x\n")


def test_proxy_none_is_no_proxy(tmp_path: Path) -> None:
    assert destination(tmp_path, "Host web\n  ProxyJump none\n").address == "web"


@pytest.mark.parametrize("alias", ["-oProxyCommand=touch", "two words", "new\nline", ""])
def test_a_word_that_is_no_alias_never_reaches_ssh(tmp_path: Path, alias: str) -> None:
    with pytest.raises(UsageError):
        destination(tmp_path, "", alias)


def test_a_broken_ssh_configuration_says_what_ssh_says(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="Bad configuration option"):
        destination(tmp_path, "Nonsense yes\n")


def test_the_file_of_revoked_host_keys_is_ssh_s_own_also_for_a_stated_address(tmp_path: Path) -> None:
    assert destination(tmp_path, "RevokedHostKeys /etc/revoked\n").revoked == "/etc/revoked"
    assert destination(tmp_path, "RevokedHostKeys none\n").revoked == ""
    (tmp_path / "config").write_text("Match host 10.0.0.1 user deploy\n  RevokedHostKeys /etc/revoked\n")
    target = SshTarget(host="10.0.0.1", port=2200, user="deploy", known_hosts="/kh")
    assert resolve(Host(name="web1", ssh=target), str(tmp_path / "config")).revoked == "/etc/revoked"


def test_a_stated_host_needs_no_ssh_command(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    target = SshTarget(host="h", port=2200, user="u", identity_file="/k", known_hosts="/kh")
    found = resolve(Host(name="web1", ssh=target))
    assert found.label == "u@h:2200"
    assert (found.identity_files, found.identities_only, found.known_hosts) == (("/k",), True, ("/kh",))
    plain = resolve(Host(name="web1", ssh=SshTarget(host="h")))
    assert plain.user == getpass.getuser()
    assert not plain.identities_only
    with pytest.raises(UsageError, match="ssh command"):
        resolve(Host(name="web1", ssh=SshTarget(alias="h")))


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=300))
def test_any_output_is_parsed(text: str) -> None:
    assert all(option and values for option, values in parse_options(text).items())
