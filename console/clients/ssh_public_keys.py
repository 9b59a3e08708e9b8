"""Public keys and certificates as the bytes that SSH sends.

Owns what can be told from these bytes: the kind, the key inside a certificate, its size. Must not read files, and must
not judge whom to trust.
"""

from __future__ import annotations

import base64
import binascii
import hashlib

CERTIFICATE = "-cert-v01@openssh.com"
_USER = 1
# After the kind and a certificate's nonce: how many strings make up the key.
_FIELDS = {
    "ssh-ed25519": 1,
    "ecdsa-sha2-nistp256": 2,
    "ecdsa-sha2-nistp384": 2,
    "ecdsa-sha2-nistp521": 2,
    "ssh-rsa": 2,
    "ssh-dss": 4,
    "sk-ssh-ed25519@openssh.com": 2,
    "sk-ecdsa-sha2-nistp256@openssh.com": 3,
}
KINDS = frozenset(_FIELDS)


def fingerprint(blob: bytes) -> str:
    """`SHA256:…` of a public key's bytes, as ssh prints it."""
    return "SHA256:" + base64.b64encode(hashlib.sha256(blob).digest()).decode("ascii").rstrip("=")


def kind_of(blob: bytes) -> str:
    """The name of the key's type, `ssh-ed25519-cert-v01@openssh.com` for a certificate; empty when there is none."""
    return _string(blob, 0)[0].decode("ascii", "replace")


def is_certificate(blob: bytes) -> bool:
    """Whether these are the bytes of a certificate."""
    return kind_of(blob).endswith(CERTIFICATE)


def plain(blob: bytes) -> bytes:
    """The key in a certificate; a key as it is, and so are bytes that are neither."""
    kind = kind_of(blob)
    if not kind.endswith(CERTIFICATE):
        return blob
    base = kind.removesuffix(CERTIFICATE)
    base += "@openssh.com" if base.startswith("sk-") else ""
    begin, end = _key_fields(blob, base)
    return _packed(base.encode()) + blob[begin:end] if end else blob


def is_for_users(blob: bytes) -> bool:
    """Whether a certificate is one to sign in with, and none of a host."""
    base = kind_of(blob).removesuffix(CERTIFICATE)
    base += "@openssh.com" if base.startswith("sk-") else ""
    end = _key_fields(blob, base)[1]
    # The serial number's eight bytes stand between.
    return bool(end) and int.from_bytes(blob[end + 8 : end + 12], "big") == _USER


def rsa_bits(blob: bytes) -> int | None:
    """The size of an RSA key or of the one in a certificate, None for another kind."""
    key = plain(blob)
    if kind_of(key) != "ssh-rsa":
        return None
    _, at = _string(key, 0)
    _, at = _string(key, at)
    return int.from_bytes(_string(key, at)[0], "big").bit_length()


def decoded(word: str) -> bytes:
    """The bytes of base64 as ssh takes it, in its one right spelling; none when it is not."""
    try:
        found = base64.b64decode(word, validate=True)
    except (binascii.Error, ValueError):
        return b""
    return found if base64.b64encode(found).decode("ascii") == word else b""


def loose(word: str) -> bytes:
    """The bytes of base64 however it is written; none when it is not."""
    try:
        return base64.b64decode(word + "=" * (-len(word) % 4))
    except ValueError:
        return b""


def public_in_private(blob: bytes) -> bytes:
    """The public key in the bytes of a private key in OpenSSH's own form; none when they are something else."""
    magic = b"openssh-key-v1\0"
    if not blob.startswith(magic):
        return b""
    at = len(magic)
    for _each in ("cipher", "derivation", "its options"):
        _, at = _string(blob, at)
    found = _string(blob, at + 4)[0]
    return found if kind_of(plain(found)) in KINDS else b""


def from_line(line: str) -> bytes:
    """The key or certificate of a line `TYPE BASE64 comment`; none when the line is something else."""
    words = line.split(None, 2)
    if len(words) < 2:
        return b""
    blob = decoded(words[1])
    kind = kind_of(blob)
    # A key that is signed with SHA-2 may be written with that signature's name.
    return blob if words[0] == kind or (kind == "ssh-rsa" and words[0].startswith("rsa-sha2-")) else b""


def _key_fields(blob: bytes, base: str) -> tuple[int, int]:
    """Where the key's fields begin and end in a certificate; end 0 when they cannot be found."""
    _, at = _string(blob, 0)
    _, at = _string(blob, at)
    begin = at
    for _each in range(_FIELDS.get(base, 0)):
        _, at = _string(blob, at)
    return (begin, at) if base in _FIELDS and at <= len(blob) else (begin, 0)


def _string(blob: bytes, at: int) -> tuple[bytes, int]:
    """The string at an offset, and where the next begins."""
    size = int.from_bytes(blob[at : at + 4], "big")
    return blob[at + 4 : at + 4 + size], at + 4 + size


def _packed(text: bytes) -> bytes:
    return len(text).to_bytes(4, "big") + text
