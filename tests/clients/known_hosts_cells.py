"""What known_hosts files may say of a host, times StrictHostKeyChecking, times the forms of its name."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from tests.clients.ssh_world import Cell, World

STRICT = ("yes", "ask", "accept-new", "no")
_NAMED = ("StrictHostKeyChecking", "@revoked", "@cert-authority", "marker @", "cannot be read", "HostKeyAlgorithms")


@dataclass(frozen=True, slots=True)
class Name:
    """A form of the host's name: what leads there, what known_hosts calls it, and its name without a port."""

    config: tuple[str, ...]
    known: str
    bare: str
    alias: str = "web"


@dataclass(frozen=True, slots=True)
class Situation:
    """What stands in the files, of which `known` is the operator's."""

    files: dict[str, str | bytes]
    config: tuple[str, ...] = ()
    server: str = "plain"


def names(port: int) -> dict[str, Name]:
    """The forms, for a server at this port."""
    return {
        "address": Name((), f"[127.0.0.1]:{port}", "127.0.0.1"),
        "name": Name(("HostName LOCALHOST",), f"[localhost]:{port}", "localhost"),
        "alias": Name(("HostKeyAlias web.example",), "web.example", "web.example"),
    }


def hashed(name: str) -> str:
    """The name as `ssh-keygen -H` writes it."""
    salt = b"0123456789abcdefghij"
    digest = hmac.new(salt, name.encode(), hashlib.sha1).digest()
    return f"|1|{base64.b64encode(salt).decode()}|{base64.b64encode(digest).decode()}"


def situations(world: World, name: Name) -> dict[str, Situation]:
    """By name, for one form of the host's name."""
    ed, ec, rsa = (world.host_key(kind) for kind in ("ed25519", "ecdsa", "rsa"))
    wrong, wrong_ec, wrong_rsa = (world.host_key(f"other_{kind}") for kind in ("ed25519", "ecdsa", "rsa"))
    n, bare = name.known, name.bare
    found = {
        **_keys(n, ed, ec, rsa, wrong, wrong_ec, wrong_rsa),
        **_forms(n, bare, ed, wrong),
        **_written(n, ed, ec, rsa),
        **_revoked(world, n, ed, rsa),
        **_authorities(world, n, ed, wrong),
    }
    made = {key: Situation({"known": value}) for key, value in found.items() if isinstance(value, (str, bytes))}
    return made | {key: value for key, value in found.items() if isinstance(value, Situation)}


_Found = dict[str, "str | bytes | Situation"]


def _keys(n: str, ed: str, ec: str, rsa: str, wrong: str, wrong_ec: str, wrong_rsa: str) -> _Found:
    return {
        "empty": "",
        "missing": Situation({}),
        "a directory": Situation({}, ("UserKnownHostsFile {cell}",)),
        "a directory beside it": Situation({"known": f"{n} {ed}\n"}, ("GlobalKnownHostsFile {cell}",)),
        "ed25519": f"{n} {ed}\n",
        "ecdsa": f"{n} {ec}\n",
        "rsa": f"{n} {rsa}\n",
        "all kinds": f"{n} {rsa}\n{n} {ec}\n{n} {ed}\n",
        "changed": f"{n} {wrong}\n",
        "changed ecdsa": f"{n} {wrong_ec}\n",
        "changed, other kind right": f"{n} {wrong}\n{n} {rsa}\n",
        "right, other kind changed": f"{n} {wrong_rsa}\n{n} {ed}\n",
        "ecdsa right, rsa changed before it": f"{n} {wrong_rsa}\n{n} {ec}\n",
        "rsa right, ecdsa changed after it": f"{n} {rsa}\n{n} {wrong_ec}\n",
        "two of one kind": f"{n} {wrong}\n{n} {ed}\n",
        "another host": f"elsewhere {ed}\n",
    }


def _forms(n: str, bare: str, ed: str, wrong: str) -> _Found:
    return {
        "bare name": f"{bare} {ed}\n",
        "bare name changed": f"{bare} {wrong}\n",
        "port right, bare changed": f"{n} {ed}\n{bare} {wrong}\n",
        "port changed, bare right": f"{n} {wrong}\n{bare} {ed}\n",
        "another port": f"[{bare}]:2 {ed}\n",
        "hashed": f"{hashed(n)} {ed}\n",
        "hashed bare": f"{hashed(bare)} {ed}\n",
        "hashed, in large letters": f"{hashed(n.upper())} {ed}\n",
        "hashed, changed": f"{hashed(n)} {wrong}\n",
        "star": f"* {ed}\n",
        "question marks": f"{n[:-2]}?? {ed}\n",
        "negated": f"*,!{n} {ed}\n",
        "negated elsewhere": f"*,!elsewhere {ed}\n",
        "negated bare": f"*,!{bare} {ed}\n",
        "large letters": f"{n.upper()} {ed}\n",
        "in a list": f"a,{n},b {ed}\n",
        "changed by a star": f"{n} {ed}\n* {wrong}\n",
    }


def _written(n: str, ed: str, ec: str, rsa: str) -> _Found:
    kind, key = ed.split()
    rsa_key = rsa.split()[1]
    return {
        "CRLF": f"# c\r\n{n} {ed}\r\n",
        "CRLF with comment": f"{n} {ed} c\r\n",
        "BOM": f"\ufeff{n} {ed}\n",
        "BOM in a comment": f"\ufeff# c\n{n} {ed}\n",
        "tabs": f"\t{n}\t \t{kind}\t{key}\tc\n",
        "form feed": f"{n}\f{kind} {key}\n",
        "NUL": f"{n} {kind}\0 {key}\n".encode(),
        "no newline": f"{n} {ed}",
        "cut": f"{n} {kind} {key[:-4]}\n",
        "longer": f"{n} {kind} {key}AAAA\n",
        "slop": f"{n} {_sloppy(ec)}\n",
        "no key": f"{n} {kind}\n",
        "signature's word": f"{n} rsa-sha2-512 {rsa_key}\n",
        "short word": f"{n} ED25519 {key}\n",
        "wrong word": f"{n} ssh-rsa {key}\n",
        "comment mark": f"#{n} {ed}\n",
        "quoted path": Situation({"known hosts": f"{n} {ed}\n"}, ('UserKnownHostsFile "{cell}/known hosts" /none',)),
        "two files": Situation(
            {"known": f"elsewhere {ed}\n", "more": f"{n} {ed}\n"}, ("UserKnownHostsFile {cell}/known {cell}/more",)
        ),
        "global file": Situation({"more": f"{n} {ed}\n"}, ("GlobalKnownHostsFile {cell}/more",)),
        "no file": Situation({"known": f"{n} {ed}\n"}, ("UserKnownHostsFile none",)),
        "tokens": Situation({"web-22": f"{n} {ed}\n"}, ("UserKnownHostsFile {cell}/%n-22",)),
    }


def _sloppy(key: str) -> str:
    """A spelling with the same bytes whose last bits are not zero; ssh does not take it."""
    kind, word = key.split()
    return f"{kind} {word}" if not word.endswith("=") else f"{kind} {word.rstrip('=')[:-1]}9{'=' * word.count('=')}"


def _revoked(world: World, n: str, ed: str, rsa: str) -> _Found:
    kind, key = ed.split()
    rsa_key = rsa.split()[1]
    certificate = world.host_key("ed25519-cert")
    return {
        "revoked": f"@revoked {n} {ed}\n{n} {ed}\n",
        "revoked below": f"{n} {ed}\n@revoked * {ed}\n",
        "revoked elsewhere": f"@revoked elsewhere {ed}\n{n} {ed}\n",
        "revoked alone": f"@revoked * {ed}\n",
        "revoked kind, another known": f"@revoked * {ed}\n{n} {ed}\n{n} {rsa}\n",
        "revoked with tabs": f"@revoked\t{n}\t{ed}\n{n} {ed}\n",
        "revoked with blanks": f" \t@revoked   *  {kind}\t {key} \r\n{n} {ed}\n",
        "revoked with a form feed": f"@revoked * {kind} {key}\f\n{n} {ed}\n",
        "revoked by the signature's word": f"@revoked * rsa-sha2-256 {rsa_key}\n{n} {rsa}\n",
        "revoked by a short word": f"@revoked * RSA {rsa_key}\n{n} {rsa}\n",
        "revoked by a certificate": f"@revoked * {certificate}\n{n} {ed}\n",
        "revoked in the other file": Situation(
            {"known": f"{n} {ed}\n", "more": f"@revoked * {ed}\n"}, ("GlobalKnownHostsFile {cell}/more",)
        ),
        "revoked in large letters": f"@REVOKED * {ed}\n{n} {ed}\n",
        "revoked by its hash": f"@revoked {hashed(n)} {ed}\n{n} {ed}\n",
        "unknown marker": f"@trusted {n} {ed}\n",
        "unknown marker beside it": f"@trusted {n} {ed}\n{n} {ed}\n",
        "two markers": f"@revoked @cert-authority {n} {ed}\n{n} {ed}\n",
    }


def _authorities(world: World, n: str, ed: str, wrong: str) -> _Found:
    authority = world.host_key("host_ca")

    def certified(text: str) -> Situation:
        return Situation({"known": text}, server="certified")

    return {
        "authority": certified(f"@cert-authority * {authority}\n"),
        "authority, plain key too": certified(f"@cert-authority * {authority}\n{n} {ed}\n"),
        "authority, plain key changed": certified(f"@cert-authority * {authority}\n{n} {wrong}\n"),
        "authority without certificate": f"@cert-authority * {authority}\n{n} {ed}\n",
        "another authority": certified(f"@cert-authority * {wrong}\n{n} {ed}\n"),
        "authority revoked": certified(f"@revoked * {authority}\n{n} {ed}\n"),
        "authority trusted and revoked": certified(
            f"@cert-authority * {authority}\n@revoked * {authority}\n{n} {ed}\n"
        ),
        "certificate, plain key known": certified(f"{n} {ed}\n"),
        "certificate, unknown": certified(""),
        "certificate as a plain line": f"{n} {world.host_key('ed25519-cert')}\n",
    }


def cells(world: World) -> Iterator[Cell]:
    """All of them."""
    build: Callable[[int], dict[str, Name]] = names
    for form in build(0):
        plain = names(world.ports["plain"])[form]
        certified = names(world.ports["certified"])[form]
        told, told_certified = situations(world, plain), situations(world, certified)
        for key, found in told.items():
            situation = told_certified[key] if found.server == "certified" else found
            for strict in STRICT:
                yield Cell(
                    name=f"{key} / {form} / {strict}",
                    config=(*plain.config, *situation.config, f"StrictHostKeyChecking {strict}"),
                    files={
                        name: text if isinstance(text, bytes) else text.encode()
                        for name, text in situation.files.items()
                    },
                    server=situation.server,
                    named=_NAMED,
                )
