"""Git as a deploy uses it: settings that never ask, the listing of refs, and which commit a ref names.

Owns text and parsing. Must not run git.
"""

from __future__ import annotations

from console.domain.shellwords import quote
from console.domain.untrusted import harmless
from console.errors import UsageError

# Nothing may ask: neither git for a password nor ssh for a passphrase or an unknown host.
SETTINGS = """GIT_TERMINAL_PROMPT=0
GIT_SSH_COMMAND="${GIT_SSH_COMMAND:-ssh -o BatchMode=yes}"
export GIT_TERMINAL_PROMPT GIT_SSH_COMMAND"""


def ls_remote_script(url: str) -> str:
    """POSIX sh that lists every ref of a repository, with the account and keys that the deploy will use."""
    return f"set -eu\n{SETTINGS}\nexec git ls-remote --quiet -- {quote(url)}\n"


def resolve_ref(listing: bytes, ref: str) -> str:
    """The commit a branch, tag or full commit id names in `git ls-remote`'s output. UsageError when none does."""
    if len(ref) == 40 and all(letter in "0123456789abcdef" for letter in ref.lower()):
        return ref.lower()
    refs: dict[str, str] = {}
    for line in listing.decode("utf-8", "replace").splitlines():
        commit, _, name = line.partition("\t")
        if len(commit) in (40, 64):
            refs[name] = commit
    # An annotated tag's own object is no commit: `^{}` names the commit behind it.
    for name in (ref, f"refs/heads/{ref}", f"refs/tags/{ref}^{{}}", f"refs/tags/{ref}"):
        if name in refs:
            return refs[name]
    heads = sorted(name.removeprefix("refs/heads/") for name in refs if name.startswith("refs/heads/"))
    raise UsageError(
        f"The repository has no branch or tag {harmless(ref)}.",
        fix=f"Its branches: {harmless(', '.join(heads[:10])) or 'none'}. A commit must be given in full.",
    )
