"""Whether a host is who it should be, judged from OpenSSH's known_hosts files and failing closed.

Owns the reading of those files and the verdict: names as they stand, hashed, with wildcards and negated, as sshd(8)
describes them. A certificate authority, a revoked key and a file that cannot be read never let a host in. Must not
write.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from console.clients.openssh import another_way
from console.clients.ssh_algorithms import key_kind
from console.clients.ssh_public_keys import CERTIFICATE, KINDS, decoded, fingerprint, kind_of, loose, plain
from console.errors import HostKeyError

_LARGEST = 8_000_000
_LONGEST = 1_022
_HASH = 20
_CLOSED = "The connection was closed before signing in; nothing was sent."
_REVOKED = "@revoked"
_AUTHORITY = "@cert-authority"
_SIGNED = {"ssh-rsa": ("rsa-sha2-512", "rsa-sha2-256")}
"""Words that may stand before a key beside its own type."""
_LAX = ("no", "off", "false", "accept-new")


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
        found = self.named(name, port)
        return found if port == 22 or any(not each.marker for each in found) else (*found, *self.named(name, 22))

    def named(self, name: str, port: int) -> tuple[Entry, ...]:
        """The entries for `[name]:port`, or for the bare name when the port is 22."""
        name = name.lower()
        return self._named(name if port == 22 else f"[{name}]:{port}")

    def _named(self, name: str) -> tuple[Entry, ...]:
        return tuple(entry for entry in self._entries if _names(entry.names, name))

    def ordered(self, name: str, port: int, algorithms: Sequence[str]) -> tuple[str, ...]:
        """The host key algorithms as ssh offers them: in their own order if the first is of a known key, else those of
        known keys first, and those of certificates where there is an authority. By `[name]:port` alone."""
        entries = self.named(name, port)
        revoked = {entry.blob for entry in entries if entry.marker == _REVOKED}
        known: dict[str, bytes] = {}
        for entry in entries:
            if not entry.marker:
                known.setdefault(entry.kind, entry.blob)
        kinds = {kind for kind, blob in known.items() if blob not in revoked}
        if algorithms and key_kind(algorithms[0]) in kinds:
            return tuple(algorithms)
        trusted = any(entry.marker == _AUTHORITY for entry in entries)
        first = [each for each in algorithms if key_kind(each) in kinds or (trusted and each.endswith(CERTIFICATE))]
        return tuple(dict.fromkeys((*first, *algorithms)))

    def revoking(self, name: str, port: int) -> Entry | None:
        """A line by which a key for this host is revoked, by either form of its name."""
        entries = (*self.named(name, port), *self.named(name, 22))
        return next((entry for entry in entries if entry.marker == _REVOKED), None)

    def judge_address(self, address: str, port: int, blob: bytes, *, label: str) -> None:
        """CheckHostIP: HostKeyError when another key is known for the address."""
        entries = [entry for entry in self.named(address, port) if not entry.marker]
        if entries and all(entry.blob != blob for entry in entries):
            raise HostKeyError(
                f"{label} shows {fingerprint(blob)}, but another key is known for its address {address} "
                f"({entries[0].at}), and CheckHostIP is on",
                done=_CLOSED,
                fix="The name may lead elsewhere than it should. If not, remove that line: "
                f"sed -i {entries[0].line}d {entries[0].file}",
            )

    def judge(self, name: str, port: int, kind: str, blob: bytes, *, label: str, strict: str = "yes") -> None:
        """Returns when the shown key is known for this host; HostKeyError with the reason in every other case."""
        shown = fingerprint(blob)
        for entry in self._entries:
            if entry.marker == _REVOKED and entry.blob == blob:
                raise HostKeyError(
                    f"{label} shows a host key that is revoked: {shown} (@revoked in {entry.at})",
                    done="The connection was closed before signing in.",
                    fix="Do not connect: somebody may be using a stolen key. Ask whoever runs the host.",
                )
        entries = self.matching(name, port)
        known = [entry for entry in entries if not entry.marker]
        if any(entry.blob == blob for entry in known):
            return
        lax = f" (StrictHostKeyChecking {strict} is not honoured here)" if strict in _LAX else ""
        # Of another port's key ssh says nothing: it is no key of this host that has changed.
        own = [entry for entry in self.named(name, port) if not entry.marker]
        changed = next((entry for entry in own if entry.kind == kind), None)
        refused = _unjudged(label, shown, entries, changed)
        if refused is not None:
            raise refused
        if changed is not None:
            raise _changed(label, changed, shown, lax)
        file = self._files[0] if self._files else "KNOWN_HOSTS"
        what = f"the host key of {label} is not known: it shows {kind} {shown}"
        what += f", known are only {', '.join(sorted({entry.kind for entry in own}))}" if own else ""
        gone = [each for each in self._entries if each.marker == _REVOKED and any(each.blob == one.blob for one in own)]
        what += f", of which @revoked in {gone[0].at} takes one back" if gone else ""
        raise HostKeyError(
            what + lax,
            done=_CLOSED,
            fix="Compare that fingerprint on the host, then connect once by ssh, or: "
            f"ssh-keyscan {'' if port == 22 else f'-p {port} '}{name} >> {file}",
        )


def _changed(label: str, entry: Entry, shown: str, lax: str) -> HostKeyError:
    return HostKeyError(
        f"the host key of {label} has CHANGED: it shows {shown}, known is {fingerprint(entry.blob)} ({entry.at}){lax}",
        done=_CLOSED,
        fix=f"Somebody may be in between. If the host was really reinstalled, remove that line: sed -i {entry.line}d "
        f"{entry.file}",
    )


def _unjudged(label: str, shown: str, entries: tuple[Entry, ...], changed: Entry | None) -> HostKeyError | None:
    """The refusal when a line names the host in a way that cannot be judged here."""
    for entry in entries:
        if entry.marker == _AUTHORITY:
            beside = f"; another key than the one shown is known beside it ({changed.at})" if changed else ""
            return HostKeyError(
                f"{label} is trusted only through a certificate authority (@cert-authority in {entry.at}), "
                f"which cannot be judged here{beside}",
                done=_CLOSED,
                fix=another_way(f"Add its key itself, after comparing {shown} on the host."),
            )
        if entry.marker not in ("", _REVOKED) and changed is None:
            return HostKeyError(f"{entry.at} has the unknown marker {entry.marker}", done=_CLOSED, fix="Remove it.")
    return None


def parse(file: str, text: str) -> list[Entry]:
    """The entries of one file; comments, blank lines and lines that are no entry are passed over, as ssh does. The type
    is the one in the key. A line that revokes counts however it is written, as long as there is a key in it: also with
    other blanks, with any word before the key, and with a certificate of the key.
    """
    entries = []
    for number, line in enumerate(text.split("\n"), start=1):
        words = re.split(r"[ \t]+", line.partition("\0")[0].lstrip(" \t").rstrip(" \t\r"))
        if words[0].lower().startswith(_REVOKED):
            names, *others = [*line.split(), ""][1:]
            for blob in filter(None, map(_any_key, others)):
                entries.append(Entry(file, number, _REVOKED, names, kind_of(blob), blob))
            continue
        if not words[0] or words[0].startswith("#"):
            continue
        marker = words.pop(0).lower() if words[0].startswith("@") else ""
        if len(words) < 3:
            continue
        # ssh's decoder passes over these.
        blob = decoded(re.sub(r"[\r\f\v]", "", words[2]))
        kind = kind_of(blob)
        if blob and words[1] in (kind, *_SIGNED.get(kind, ())):
            entries.append(Entry(file, number, marker, words[0], kind, blob))
    return entries


def _any_key(word: str) -> bytes:
    """The key in a word of base64, however careless; none when there is no key in it."""
    blob = plain(loose(word))
    return blob if kind_of(blob) in KINDS else b""


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
    salt, digest = decoded(parts[2]), decoded(parts[3])
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
