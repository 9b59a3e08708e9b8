"""Whether a host is who it should be, judged from OpenSSH's known_hosts files and failing closed.

Owns the reading of those files and the verdict: names as they stand, hashed, with wildcards and negated, as sshd(8)
describes them. A certificate authority, a revoked key and a file that cannot be read never let a host in. Must not
write.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from console.errors import HostKeyError

_ALGORITHMS = {
    "ssh-ed25519": ("ssh-ed25519",),
    "ecdsa-sha2-nistp256": ("ecdsa-sha2-nistp256",),
    "ecdsa-sha2-nistp384": ("ecdsa-sha2-nistp384",),
    "ecdsa-sha2-nistp521": ("ecdsa-sha2-nistp521",),
    "ssh-rsa": ("rsa-sha2-512", "rsa-sha2-256"),
}
ALL_ALGORITHMS = tuple(name for names in _ALGORITHMS.values() for name in names)
_LARGEST = 8_000_000
_LONGEST = 1_022
_HASH = 20
_CLOSED = "The connection was closed before signing in; nothing was sent."


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of a file: `names` as written, `marker` with its @, the key's type and bytes."""

    file: str
    line: int
    marker: str
    names: str
    kind: str
    blob: bytes

    @property
    def at(self) -> str:
        """`file:line`."""
        return f"{self.file}:{self.line}"


def fingerprint(blob: bytes) -> str:
    """`SHA256:…` of a public key's bytes, as ssh prints it."""
    return "SHA256:" + base64.b64encode(hashlib.sha256(blob).digest()).decode("ascii").rstrip("=")


class KnownHosts:
    """The entries of some known_hosts files, and the verdicts over them. Immutable once read."""

    def __init__(self, files: tuple[str, ...], entries: tuple[Entry, ...]) -> None:
        self._files = files
        self._entries = entries

    @classmethod
    def read(cls, files: Iterable[str]) -> KnownHosts:
        """All files in order; a missing one is empty, one that cannot be read refuses."""
        names = tuple(files)
        entries: list[Entry] = []
        for name in names:
            try:
                with Path(name).open("rb") as stream:
                    data = stream.read(_LARGEST + 1)
            except (FileNotFoundError, NotADirectoryError):
                continue
            except OSError as error:
                raise HostKeyError(
                    f"the known_hosts file {name} cannot be read: {error.strerror}",
                    done="Nothing was connected: who the host is cannot be judged.",
                    fix="Mend its permissions.",
                ) from error
            if len(data) > _LARGEST:
                raise HostKeyError(f"the known_hosts file {name} is larger than 8 MB", done="Nothing was connected.")
            entries += parse(name, data.decode("utf-8", "surrogateescape"))
        return cls(names, tuple(entries))

    def matching(self, name: str, port: int) -> tuple[Entry, ...]:
        """The unmarked and marked entries for a host: `[name]:port` first and, as ssh does, the bare name after."""
        name = name.lower()
        found = self._named(f"[{name}]:{port}") if port != 22 else ()
        return found if any(not entry.marker for entry in found) else (*found, *self._named(name))

    def _named(self, name: str) -> tuple[Entry, ...]:
        return tuple(entry for entry in self._entries if _names(entry.names, name))

    def algorithms(self, name: str, port: int) -> tuple[str, ...]:
        """Host key algorithms to offer: those of known keys first, so that a known key is the one we are shown."""
        known = [entry.kind for entry in self.matching(name, port) if not entry.marker]
        first = [algorithm for kind in known for algorithm in _ALGORITHMS.get(kind, ())]
        return tuple(dict.fromkeys([*first, *ALL_ALGORITHMS]))

    def judge(self, name: str, port: int, kind: str, blob: bytes, *, label: str, strict: str = "yes") -> None:
        """Returns when the shown key is known for this host; HostKeyError with the reason in every other case."""
        shown = fingerprint(blob)
        for entry in self._entries:
            if entry.marker == "@revoked" and entry.blob == blob:
                raise HostKeyError(
                    f"{label} shows a host key that is revoked: {shown} ({entry.at})",
                    done="The connection was closed before signing in.",
                    fix="Do not connect: somebody may be using a stolen key. Ask whoever runs the host.",
                )
        entries = self.matching(name, port)
        plain = [entry for entry in entries if not entry.marker]
        if any(entry.blob == blob for entry in plain):
            return
        changed = [entry for entry in plain if entry.kind == kind]
        if changed:
            raise _changed(label, changed[0], shown)
        refused = _unjudged(label, shown, entries)
        if refused is not None:
            raise refused
        file = self._files[0] if self._files else "KNOWN_HOSTS"
        other = sorted({entry.kind for entry in plain})
        what = f"the host key of {label} is not known: it shows {kind} {shown}"
        what += f", known are only {', '.join(other)}" if other else ""
        what += " (StrictHostKeyChecking no is not honoured here)" if strict in ("no", "off", "false") else ""
        raise HostKeyError(
            what,
            done=_CLOSED,
            fix="Compare that fingerprint on the host, then connect once by ssh, or: "
            f"ssh-keyscan {'' if port == 22 else f'-p {port} '}{name} >> {file}",
        )


def _changed(label: str, entry: Entry, shown: str) -> HostKeyError:
    return HostKeyError(
        f"the host key of {label} has CHANGED: it shows {shown}, known is {fingerprint(entry.blob)} ({entry.at})",
        done=_CLOSED,
        fix=f"Somebody may be in between. If the host was really reinstalled, remove that line: sed -i {entry.line}d "
        f"{entry.file}",
    )


def _unjudged(label: str, shown: str, entries: tuple[Entry, ...]) -> HostKeyError | None:
    """The refusal when a line names the host in a way that cannot be judged here."""
    for entry in entries:
        if entry.marker == "@cert-authority":
            return HostKeyError(
                f"{label} is trusted only through a certificate authority ({entry.at}), which cannot be judged here",
                done=_CLOSED,
                fix=f"Add its key itself, after comparing {shown} on the host.",
            )
        if entry.marker not in ("", "@revoked"):
            return HostKeyError(f"{entry.at} has the unknown marker {entry.marker}", done=_CLOSED, fix="Remove it.")
    return None


def parse(file: str, text: str) -> list[Entry]:
    """The entries of one file; comments, blank lines and lines that are no entry are passed over, as ssh does. The type
    is the one in the key; of a line that revokes, the word before the key may be any, since older ssh took short ones.
    """
    entries = []
    for number, line in enumerate(text.split("\n"), start=1):
        words = re.split(r"[ \t]+", line.partition("\0")[0].lstrip(" \t").rstrip(" \t\r"))
        if not words[0] or words[0].startswith("#"):
            continue
        marker = words.pop(0).lower() if words[0].startswith("@") else ""
        if len(words) < 3:
            continue
        # ssh's decoder passes over these.
        blob = _decoded(re.sub(r"[\r\f\v]", "", words[2]))
        if not blob:
            continue
        kind = blob[4 : 4 + int.from_bytes(blob[:4], "big")].decode("ascii", "replace")
        if words[1] != kind and words[1] not in _ALGORITHMS.get(kind, ()) and marker != "@revoked":
            continue
        entries.append(Entry(file, number, marker, words[0], kind, blob))
    return entries


def _decoded(word: str) -> bytes:
    """The bytes of base64; none when it is not."""
    try:
        return base64.b64decode(word, validate=True)
    except (binascii.Error, ValueError):
        return b""


def _names(names: str, name: str) -> bool:
    """Whether a name field of a file is this host (`name` in small letters)."""
    if names.startswith("|"):
        return _is_hash_of(names, name)
    # By bytes, as ssh does: `?` is one, and only ASCII has small letters.
    return _matches(_bytes(names).lower().split(b","), _bytes(name))


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def _is_hash_of(names: str, name: str) -> bool:
    parts = names.split("|")
    if len(parts) != 4 or parts[1] != "1":
        return False
    salt, digest = _decoded(parts[2]), _decoded(parts[3])
    if len(salt) != _HASH or len(digest) != _HASH:
        return False
    # SHA-1 is the file format's; it hides names there and proves nothing about keys.
    return hmac.compare_digest(hmac.new(salt, _bytes(name), hashlib.sha1).digest(), digest)


def _matches(patterns: list[bytes], name: bytes) -> bool:
    """Whether one of the patterns is this host, and none that is negated. All but `*` and `?` is literal, the brackets
    of `[name]:port` too. A list with an overlong pattern names no host."""
    negated = [pattern[1:] for pattern in patterns if pattern.startswith(b"!")]
    wanted = [pattern for pattern in patterns if not pattern.startswith(b"!")]
    if any(len(pattern) > _LONGEST for pattern in (*negated, *wanted)):
        return False
    return any(_is_like(pattern, name) for pattern in wanted) and not any(_is_like(each, name) for each in negated)


def _is_like(pattern: bytes, name: bytes) -> bool:
    if b"*" not in pattern and b"?" not in pattern:
        return pattern == name
    like = re.escape(pattern).replace(rb"\*", b".*").replace(rb"\?", b".")
    return re.fullmatch(like, name, re.DOTALL) is not None
