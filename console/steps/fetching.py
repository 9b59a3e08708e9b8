"""How code comes into a new release directory: from a bare mirror of a git repository, or from an uploaded archive.

Owns both scripts. A release is built beside its place and renamed there whole, so a half-written one is never taken
for a release. Must not choose a source.
"""

from __future__ import annotations

import posixpath

from console.domain import git
from console.domain.environment import Host
from console.domain.planning import Archive, PlanContext
from console.domain.shellwords import quote
from console.steps.scripts import fail


def upload_path(context: PlanContext, host: Host, archive: Archive) -> str:
    """Where the archive lies on a host while it is unpacked."""
    return posixpath.join(context.environment.paths(host).control, f"upload-{archive.sha256[:16]}.tar")


def create_script(context: PlanContext, host: Host) -> str:
    """Fetches and unpacks the planned code; fails without a trace when the release exists already."""
    archive = context.target.archive
    body = _from_archive(context, host, archive) if archive else _from_git(context, host)
    environment = context.environment
    release = context.release_path(host)
    building = posixpath.join(environment.paths(host).releases, f".{context.release}.building")
    cache = posixpath.join(building, environment.app.root, "bootstrap/cache")
    return f"""
releases={quote(environment.paths(host).releases)}
release={quote(release)}
building={quote(building)}
[ ! -e "$release" ] || {fail("$release is already there")}
mkdir -p -- "$releases"
rm -rf -- "$building"
mkdir -- "$building"
{body}
printf '%s\\n' {quote(context.target.commit)} > "$building/REVISION"
mkdir -p -- {quote(cache)}
mv -T -- "$building" "$release"
echo "$release holds {context.target.commit[:12]}"
"""


def exists_script(context: PlanContext, host: Host) -> str:
    """0 when the release is there with the planned revision, 1 when it is not there, 2 when it is another."""
    return f"""
release={quote(context.release_path(host))}
[ -e "$release" ] || exit 1
[ "$(cat -- "$release/REVISION" 2>/dev/null)" = {quote(context.target.commit)} ] || exit 2
"""


def _from_git(context: PlanContext, host: Host) -> str:
    source = context.environment.app.source
    url = source.git if source else ""
    mirror = posixpath.join(context.environment.paths(host).control, "repo")
    return f"""{git.SETTINGS}
mirror={quote(mirror)}
commit={quote(context.target.commit)}
has_commit() {{ git --git-dir="$mirror" cat-file -e "$commit^{{commit}}" 2>/dev/null; }}
if [ ! -d "$mirror" ]; then
  rm -rf -- "$mirror.new"
  git init --quiet --bare "$mirror.new"
  mv -T -- "$mirror.new" "$mirror"
fi
if ! has_commit; then
  git --git-dir="$mirror" fetch --quiet --force --no-tags -- {quote(url)} \\
    '+refs/heads/*:refs/heads/*' '+refs/tags/*:refs/tags/*'
fi
has_commit || {fail("$commit is not in the repository any more")}
git --git-dir="$mirror" archive --format=tar --output="$building.tar" "$commit"
tar -xf "$building.tar" -C "$building"
rm -f -- "$building.tar"
"""


def _from_archive(context: PlanContext, host: Host, archive: Archive) -> str:
    flag = "z" if archive.path.endswith((".gz", ".tgz")) else ""
    return f"""archive={quote(upload_path(context, host, archive))}
sum=$(sha256sum < "$archive")
[ "${{sum%% *}}" = {archive.sha256} ] || {fail("the uploaded archive is not the planned one")}
tar -x{flag}f "$archive" -C "$building"
rm -f -- "$archive"
"""
