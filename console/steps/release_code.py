"""How code comes into a new release directory: from a bare mirror of a git repository, or from an uploaded archive.

Owns both scripts. A release is built beside its place and renamed there whole, so a half-written one is never taken
for a release. Must not choose a source.
"""

from __future__ import annotations

import posixpath

from console.domain import git
from console.domain.environment import Host
from console.domain.plan_context import Archive, PlanContext
from console.domain.shellwords import quote
from console.domain.step_facts import Need, NeedKind
from console.steps.scripts import fail, tools

ROOM_KB = 200 * 1024
"""Free space below which no release is begun, in KiB."""


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


def create_needs(context: PlanContext, host: Host) -> list[Need]:
    """The tools, the room and the right to write for it; and the repository, on each host that fetches."""
    paths, source, archive = context.environment.paths(host), context.environment.app.source, context.target.archive
    # A compressed one comes apart to several times its size, and lies beside what it becomes.
    room = ROOM_KB + (archive.size * 5 // 1024 if archive else 0)
    found = [
        *tools(host, "tar", "sha256sum" if archive else "git"),
        Need(host=host.name, what=NeedKind.WRITABLE, name=paths.releases),
        Need(host=host.name, what=NeedKind.SPACE, name=paths.releases, amount=room),
    ]
    if archive is None and source is not None:
        mirror = git.mirror_path(paths)
        repository = Need(
            host=host.name,
            what=NeedKind.REPOSITORY,
            name=source.git,
            mirror=mirror,
            commit=context.target.commit,
        )
        found.append(repository)
    return found


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
    mirror = git.mirror_path(context.environment.paths(host))
    return f"""{git.mirror_script(mirror, url, context.target.commit)}
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
