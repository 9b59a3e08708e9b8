"""Verdicts over known_hosts files, with ssh-keygen as the judge of what matches."""

from __future__ import annotations

import base64
import subprocess
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from console.clients.known_hosts import KnownHosts, fingerprint, parse
from console.errors import HostKeyError


def blob(seed: int, kind: str = "ssh-ed25519") -> bytes:
    """The public bytes of a made-up key."""
    name = kind.encode()
    return len(name).to_bytes(4, "big") + name + (32).to_bytes(4, "big") + bytes([seed]) * 32


def line(names: str, key: bytes, kind: str = "ssh-ed25519", marker: str = "") -> str:
    return f"{marker} {names} {kind} {base64.b64encode(key).decode()} comment".strip() + "\n"


def hashed(path: Path, text: str) -> str:
    """The same lines with hashed names, by ssh-keygen."""
    path.write_text(text)
    subprocess.run(["ssh-keygen", "-q", "-H", "-f", str(path)], check=True, capture_output=True)
    path.with_suffix(".old").unlink(missing_ok=True)
    return path.read_text()


def judge(text: str, key: bytes, *, name: str = "web1", port: int = 22, strict: str = "yes", path: str = "") -> None:
    kind = key[4 : 4 + key[3]].decode()
    KnownHosts((path or "kh",), tuple(parse(path or "kh", text))).judge(
        name, port, kind, key, label=name, strict=strict
    )


KEY, OTHER = blob(1), blob(2)


@pytest.mark.parametrize(
    "text",
    [
        line("web1", KEY),
        line("WEB1", KEY),
        line("a,web1,b", KEY),
        line("web*", KEY),
        line("we?1,!web2", KEY),
        "# comment\n\n" + line("web1", OTHER, "ssh-ed25519") + line("web1", KEY),
        line("  web1", KEY).replace(" ssh", "   ssh"),
        "garbage\nweb1 ssh-ed25519 notbase64!\n" + line("web1", KEY),
    ],
)
def test_a_known_key_is_let_in(text: str) -> None:
    judge(text, KEY)


def test_a_known_key_under_a_hashed_name_is_let_in(tmp_path: Path) -> None:
    text = hashed(tmp_path / "kh", line("web1", KEY) + line("[web1]:2222", OTHER))
    assert "web1" not in text
    judge(text, KEY)
    judge(text, OTHER, port=2222)
    with pytest.raises(HostKeyError, match="CHANGED"):
        judge(text, KEY, port=2222)


def test_ports_have_their_own_entries_and_fall_back_to_the_name_as_ssh_does() -> None:
    judge(line("[web1]:2222", KEY), KEY, port=2222)
    judge(line("web1", KEY), KEY, port=2222)
    judge(line("[*.example.com]:2222", KEY), KEY, name="a.example.com", port=2222)
    with pytest.raises(HostKeyError, match="not known"):
        judge(line("[web1]:2222", KEY), KEY, port=22)
    with pytest.raises(HostKeyError, match="CHANGED"):
        judge(line("[web1]:2222", OTHER) + line("web1", KEY), KEY, port=2222)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "not known"),
        (line("web2", KEY), "not known"),
        (line("*,!web1", KEY), "not known"),
        (line("web1", OTHER), "CHANGED"),
        (line("web*", OTHER), "CHANGED"),
        (line("web1", KEY) + line("*", KEY, marker="@revoked"), "revoked"),
        (line("web1", KEY) + line("elsewhere", KEY, marker="@revoked"), "revoked"),
        (line("web1", blob(1, "ssh-rsa"), "ssh-rsa"), "known are only ssh-rsa"),
        (line("*", OTHER, marker="@cert-authority"), "certificate authority"),
        (line("web1", KEY, marker="@something"), "unknown marker"),
        (line("web1/8", KEY), "not known"),
        (line("*/8", KEY), "not known"),
    ],
)
@pytest.mark.parametrize("strict", ["yes", "ask", "accept-new", "no"])
def test_everything_else_is_refused_with_the_reason(text: str, reason: str, strict: str) -> None:
    with pytest.raises(HostKeyError, match=reason) as caught:
        judge(text, KEY, strict=strict)
    assert caught.value.exit_code == 4
    assert caught.value.done


def test_a_changed_key_shows_both_fingerprints_and_the_line() -> None:
    with pytest.raises(HostKeyError) as caught:
        judge("\n\n" + line("web1", OTHER), KEY)
    assert fingerprint(KEY) in caught.value.what
    assert fingerprint(OTHER) in caught.value.what
    assert "kh:3" in caught.value.what


def test_no_checking_is_not_honoured_and_said_so() -> None:
    with pytest.raises(HostKeyError, match="StrictHostKeyChecking no is not honoured"):
        judge("", KEY, strict="no")


def test_algorithms_of_known_keys_come_first() -> None:
    rsa = blob(3, "ssh-rsa")
    known = KnownHosts((), tuple(parse("kh", line("web1", rsa, "ssh-rsa") + line("web2", KEY))))
    assert known.algorithms("web1", 22)[:2] == ("rsa-sha2-512", "rsa-sha2-256")
    assert known.algorithms("web2", 22)[0] == "ssh-ed25519"
    assert "ssh-rsa" not in known.algorithms("web1", 22)
    assert set(known.algorithms("web1", 22)) == set(known.algorithms("nowhere", 22))


def test_missing_files_are_empty_and_unreadable_ones_refuse(tmp_path: Path) -> None:
    assert KnownHosts.read([str(tmp_path / "none")]).matching("web1", 22) == ()
    (tmp_path / "directory").mkdir()
    with pytest.raises(HostKeyError, match="cannot be read"):
        KnownHosts.read([str(tmp_path / "directory")])


NAMES = st.sampled_from(["web1", "web2", "a.example.com", "b.example.com", "10.0.0.1", "host", "ho.st"])
PATTERNS = st.lists(
    st.tuples(
        st.booleans(),
        st.sampled_from(["web1", "web?", "web*", "*", "*.example.com", "?.example.*", "10.0.0.*", "host"]),
    ),
    min_size=1,
    max_size=4,
).map(lambda parts: ",".join(("!" if no else "") + name for no, name in parts))


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(pattern=PATTERNS, name=NAMES, port=st.sampled_from([22, 2222]))
def test_what_matches_is_what_ssh_keygen_finds(tmp_path: Path, pattern: str, name: str, port: int) -> None:
    path = tmp_path / "kh"
    names = (
        pattern
        if port == 22
        else ",".join(f"!{each[1:]}" if each.startswith("!") else f"[{each}]:{port}" for each in pattern.split(","))
    )
    path.write_text(line(names, KEY))
    wanted = name if port == 22 else f"[{name}]:{port}"
    said = subprocess.run(["ssh-keygen", "-F", wanted, "-f", str(path)], capture_output=True, check=False)
    ours = bool(KnownHosts.read([str(path)])._named(wanted))
    assert ours == (said.returncode == 0)


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=400))
def test_any_text_is_parsed_and_lets_nobody_in(text: str) -> None:
    with pytest.raises(HostKeyError):
        judge(text, KEY)
