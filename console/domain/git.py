"""Git as a deploy uses it: settings that never ask, the listing of refs, which commit a ref names, the bare mirror.

Owns text and parsing. Must not run git.
"""

from __future__ import annotations

import posixpath
import re
from dataclasses import dataclass

from console.domain.code_tree import ATTRIBUTES, LFS_POINTER, CodeTree, parse_tree
from console.domain.environment import AppPaths
from console.domain.shellwords import quote
from console.domain.untrusted import Raw, harmless
from console.errors import UsageError

# Nothing may ask: neither git for a password nor ssh for a passphrase or an unknown host.
SETTINGS = """GIT_TERMINAL_PROMPT=0
GIT_SSH_COMMAND="${GIT_SSH_COMMAND:-ssh -o BatchMode=yes}"
export GIT_TERMINAL_PROMPT GIT_SSH_COMMAND"""

_FULL = re.compile(r"[0-9a-fA-F]{40}(?:[0-9a-fA-F]{24})?\Z")
_SHORT = re.compile(r"[0-9a-fA-F]{4,63}\Z")


@dataclass(frozen=True, slots=True, kw_only=True)
class Named:
    """What a ref names. `commit` is the full id, or the beginning of one where `short` says so; `listed` whether the
    repository lists it as a branch or tag; `note` is what to know about the choice."""

    commit: str
    listed: bool = False
    short: bool = False
    note: str = ""


def mirror_path(paths: AppPaths) -> str:
    """Where the bare mirror of the repository lies on a host."""
    return posixpath.join(paths.control, "repo")


def ls_remote_script(url: str) -> str:
    """POSIX sh that lists every ref of a repository, with the account and keys that the deploy will use."""
    return f"set -eu\n{SETTINGS}\nexec git ls-remote --quiet -- {quote(url)}\n"


def named(listing: bytes, ref: str) -> Named:
    """What a branch, a tag or a commit id names, by `git ls-remote`'s output. UsageError when it can name nothing."""
    if _FULL.match(ref):
        return Named(commit=ref.lower(), listed=ref.lower() in _refs(listing).values())
    refs = _refs(listing)
    found = {name: commit for name in _candidates(ref) if (commit := refs.get(f"{name}^{{}}") or refs.get(name))}
    if found:
        commits = list(found.values())
        note = ""
        if f"refs/heads/{ref}" in found and f"refs/tags/{ref}" in found and len(set(commits)) > 1:
            shown = harmless(ref)
            note = f"{shown} is a branch and a tag: the branch is taken. For the tag, say refs/tags/{shown}."
        return Named(commit=commits[0], listed=True, note=note)
    if _SHORT.match(ref):
        return Named(commit=ref.lower(), short=True)
    heads = sorted(name.removeprefix("refs/heads/") for name in refs if name.startswith("refs/heads/"))
    raise UsageError(
        f"The repository has no branch or tag {harmless(ref)}.",
        done="Nothing was planned.",
        fix=f"Its branches: {harmless(', '.join(heads[:10])) or 'none'}. Or give the id of a commit.",
    )


def _candidates(ref: str) -> tuple[str, ...]:
    return (ref, f"refs/heads/{ref}", f"refs/tags/{ref}", f"refs/{ref}")


def _refs(listing: bytes) -> dict[str, str]:
    refs: dict[str, str] = {}
    for line in listing.decode("utf-8", "replace").splitlines():
        commit, _, name = line.partition("\t")
        if len(commit) in (40, 64):
            refs[name] = commit
    return refs


def mirror_script(mirror: str, url: str, commit: str) -> str:
    """POSIX sh that makes the bare mirror and fetches, unless it holds the commit; `has_commit` tells whether it does
    then. It fails where a fetch does."""
    return f"""{SETTINGS}
mirror={quote(mirror)}
commit={quote(commit)}
has_commit() {{ git --git-dir="$mirror" cat-file -e "$commit^{{commit}}" 2>/dev/null; }}
if [ ! -d "$mirror" ]; then
  # For colleagues who deploy by another account of the group.
  git init --quiet --bare --shared=group "$mirror.new.$$"
  # Somebody else may have made it meanwhile: theirs is as good.
  mv -T -- "$mirror.new.$$" "$mirror" 2>/dev/null || rm -rf -- "$mirror.new.$$"
fi
if ! has_commit; then
  # Who fetches at the same time, as a plan does, may take the locks of refs away; the commit is there all the same.
  git --git-dir="$mirror" fetch --quiet --force --no-tags -- {quote(url)} \\
    '+refs/heads/*:refs/heads/*' '+refs/tags/*:refs/tags/*' || has_commit
fi
"""


def look_script(mirror: str, url: str, wanted: Named) -> str:
    """POSIX sh that brings the mirror up to date and prints what `parse_look` reads. Nothing of the application
    changes; the mirror's directory must exist."""
    # The beginning of an id may fit one commit of an old mirror and two of the repository.
    fetch = mirror_script(mirror, url, wanted.commit) + (_AGAIN.format(url=quote(url)) if wanted.short else "")
    attributes = f"'{ATTRIBUTES}' '*/{ATTRIBUTES}'"
    # A shell of its own: `-e` holds for nothing that stands before a `||`.
    return f"""said=$(sh -euc {quote(fetch)} 2>&1) || {{ printf '=unread\\n%s\\n' "$said"; exit 0; }}
mirror={quote(mirror)}
full=$(git --git-dir="$mirror" rev-parse --verify {quote(wanted.commit + "^{commit}")} 2>&1) || {{
  printf '=absent\\n%s\\n' "$full"
  exit 0
}}
printf '=commit\\n%s\\n=tree\\n' "$full"
git --git-dir="$mirror" ls-tree -r -z "$full" || exit 1
printf '\\n=pointers\\n'
if git --git-dir="$mirror" grep -q -e 'filter=lfs' "$full" -- {attributes}; then
  git --git-dir="$mirror" grep -l -I -e '^{LFS_POINTER}' "$full" | head -n 50
fi
printf '=end\\n'
"""


_AGAIN = """git --git-dir="$mirror" fetch --quiet --force --no-tags -- {url} \\
  '+refs/heads/*:refs/heads/*' '+refs/tags/*:refs/tags/*'
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundCommit:
    """What a look into the repository found: the `commit` in full, empty when the repository has none such; its `tree`;
    `unread` says why neither could be looked at."""

    commit: str = ""
    tree: CodeTree | None = None
    unread: str = ""
    ambiguous: bool = False


def parse_look(output: bytes) -> FoundCommit:
    """What `look_script` printed."""
    head, _, rest = output.partition(b"\n")
    if head == b"=absent":
        return FoundCommit(ambiguous=b"ambiguous" in rest)
    commit, _, trees = rest.partition(b"\n=tree\n")
    tree, _, after = trees.partition(b"\n=pointers\n")
    if head != b"=commit" or not _FULL.match(commit.decode("ascii", "replace")):
        lines = [line for line in Raw.of(rest if head == b"=unread" else output).lines() if line.strip()]
        return FoundCommit(unread=" ".join(lines[-2:])[:300] or "no answer")
    if not after.endswith(b"=end\n"):
        return FoundCommit(commit=commit.decode("ascii"), unread="its listing is too long, or was cut short")
    return FoundCommit(commit=commit.decode("ascii"), tree=parse_tree(tree, after.removesuffix(b"=end\n")))
