"""Verdicts over known_hosts files, with ssh-keygen as the judge of what matches."""

from __future__ import annotations

import base64
import hmac
import subprocess
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from console.clients.known_hosts import KnownHosts, parse
from console.clients.ssh_public_keys import fingerprint
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


ED, EC, RSA = "ssh-ed25519", "ecdsa-sha2-nistp256", "rsa-sha2-512"


def ordered(text: str, *algorithms: str, port: int = 22) -> tuple[str, ...]:
    return KnownHosts((), tuple(parse("kh", text))).ordered("web1", port, algorithms)


def test_algorithms_of_known_keys_come_first_in_the_order_of_ssh_and_not_of_the_file() -> None:
    rsa, ec = line("web1", blob(3, "ssh-rsa"), "ssh-rsa"), line("web1", blob(4, EC), EC)
    assert ordered(rsa, ED, EC, RSA) == (RSA, ED, EC)
    assert ordered(rsa + ec, ED, EC, RSA) == (EC, RSA, ED)
    assert ordered(rsa + line("web1", KEY), ED, EC, RSA) == (ED, EC, RSA), "the first is known: all as it is"
    assert ordered(line("web2", KEY), EC, ED) == (EC, ED)
    assert ordered(rsa, ED, EC, RSA, port=2222) == (ED, EC, RSA), "another port's key says nothing"
    assert ordered(rsa + line("*", blob(3, "ssh-rsa"), "ssh-rsa", "@revoked"), ED, RSA) == (ED, RSA)
    certificate = f"{ED}-cert-v01@openssh.com"
    assert ordered(line("*", OTHER, marker="@cert-authority"), RSA, certificate) == (certificate, RSA)


def test_a_key_known_without_the_port_has_not_changed() -> None:
    with pytest.raises(HostKeyError, match="is not known") as caught:
        judge(line("web1", OTHER), KEY, port=2222)
    assert "sed -i" not in caught.value.fix, "that line is right for the other port"


def test_another_key_of_the_address_is_refused_where_it_is_checked() -> None:
    known = KnownHosts((), tuple(parse("kh", line("[10.0.0.1]:2222", OTHER) + line("10.0.0.2", KEY))))
    with pytest.raises(HostKeyError, match="CheckHostIP") as caught:
        known.judge_address("10.0.0.1", 2222, KEY, label="web1")
    assert "kh:1" in caught.value.what
    known.judge_address("10.0.0.2", 22, KEY, label="web1")
    known.judge_address("10.0.0.3", 22, KEY, label="web1")


def test_missing_files_are_empty_and_unreadable_ones_refuse(tmp_path: Path) -> None:
    assert KnownHosts.read([str(tmp_path / "none")]).matching("web1", 22) == ()
    (tmp_path / "directory").mkdir()
    with pytest.raises(HostKeyError, match="cannot be read"):
        KnownHosts.read([str(tmp_path / "directory")])


NAMES = st.sampled_from(["web1", "web2", "a.example.com", "b.example.com", "10.0.0.1", "host", "ho.st"])
DOTTED = ("*.example.com", "?.example.*", "10.0.0.*", "10.0.0.0/8", "ho.st")
BARE = ("web1", "web?", "web*", "*", "**1", "host", "HO*", "[a-z]*", "\u212aost", "a" * 1_000, "a" * 1_100)
BREAKS = st.sampled_from([" ", " ", " ", "\t", " \t ", "\f", "\v", "\u00a0", " \f", "\v "])
KINDS = st.sampled_from(["ssh-ed25519", "ssh-ed25519", "ED25519", "ed25519", "SSH-ED25519", "ssh-rsa", "RSA", "x"])
ENDS = st.sampled_from(["\n", "", "\r\n", "\r\r\n", " \r\n", " c\r\n", "\fc\n", "\u00a0c\n", "\0c\n"])
PATTERNS = st.lists(
    st.tuples(st.booleans(), st.sampled_from((*DOTTED, *BARE))),
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
    agrees(path, name if port == 22 else f"[{name}]:{port}")


def agrees(path: Path, wanted: str) -> None:
    """Fails unless ssh-keygen finds an entry with a key that can be read (`-l`) exactly where we do."""
    said = subprocess.run(["ssh-keygen", "-l", "-F", wanted, "-f", str(path)], capture_output=True, check=False)
    assert bool(KnownHosts.read([str(path)])._named(wanted)) == bool(said.stdout.strip())


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(breaks=st.tuples(BREAKS, BREAKS, st.sampled_from(["", " ", "\t", "\f", "\r"])), kind=KINDS, end=ENDS)
def test_what_is_an_entry_is_what_ssh_keygen_reads(
    tmp_path: Path, breaks: tuple[str, str, str], kind: str, end: str
) -> None:
    path = tmp_path / "kh"
    first, second, before = breaks
    path.write_bytes(f"{before}web1{first}{kind}{second}{base64.b64encode(KEY).decode()}{end}".encode())
    agrees(path, "web1")


@pytest.mark.parametrize("salt", [0, 8, 19, 20, 21, 32])
@pytest.mark.parametrize("digest", ["sha1", "sha256"])
def test_a_hashed_name_has_a_salt_and_a_digest_of_20_bytes(tmp_path: Path, salt: int, digest: str) -> None:
    path = tmp_path / "kh"
    parts = (bytes(salt), hmac.new(bytes(salt), b"web1", digest).digest())
    path.write_text(line("|1|" + "|".join(base64.b64encode(part).decode() for part in parts), KEY))
    agrees(path, "web1")


@pytest.mark.parametrize("size", [1_022, 1_023])
@pytest.mark.parametrize("names", ["web1,{}", "{},web1", "web1,!{}", "!{},web1"])
def test_a_list_with_an_overlong_pattern_names_nobody(tmp_path: Path, names: str, size: int) -> None:
    path = tmp_path / "kh"
    path.write_text(line(names.format("a" * size), KEY))
    agrees(path, "web1")
    assert bool(KnownHosts.read([str(path)])._named("web1")) == (size == 1_022)


@pytest.mark.parametrize("kind", ["ED25519", "ed25519", "ssh-rsa", "RSA", "x"])
def test_a_key_is_revoked_whatever_word_stands_before_it(kind: str) -> None:
    with pytest.raises(HostKeyError, match="revoked"):
        judge(line("*", KEY, kind, "@revoked") + line("web1", KEY), KEY)


def test_a_short_word_for_the_type_lets_nobody_in() -> None:
    with pytest.raises(HostKeyError, match="not known"):
        judge(line("web1", KEY, "ED25519"), KEY)


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=400))
def test_any_text_is_parsed_and_lets_nobody_in(text: str) -> None:
    with pytest.raises(HostKeyError):
        judge(text, KEY)
