"""What a run is about: the new release with the commit that its ref is pinned to, or the release to go back to.

Owns these decisions, and the look at the code to be deployed: code from git is read in the mirror in the primary host's
control directory, an archive on this machine. Must not change anything of the application.
"""

from __future__ import annotations

import posixpath
from collections.abc import Mapping
from dataclasses import dataclass, replace

from console.domain import git
from console.domain.actions import Action, ParamType
from console.domain.code_tree import CodeTree
from console.domain.documents import Json
from console.domain.environment import CodeSource
from console.domain.plan_context import Target
from console.domain.releases import common_candidate
from console.domain.untrusted import Raw, harmless, listed
from console.errors import OpsconsoleError, RefusedError, RemoteError, UsageError
from console.ports import Reach
from console.services.planning import archives
from console.services.planning.survey import Survey
from console.services.target.control_directory import ensure_control

_LISTING, _LOOK = 30.0, 90.0
_TREE = 16 * 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetCode:
    """A target, the tree of its code where that could be looked at, and what an operator must know of both."""

    target: Target
    tree: CodeTree | None = None
    notes: tuple[str, ...] = ()


def new_release(
    action: Action, params: Mapping[str, Json], given: Mapping[str, Json], reach: Reach, pinned: Target
) -> TargetCode:
    """The release that a run builds, from the archive or from the ref, pinned to its commit. `pinned` has its name, and
    also the commit where that is decided already."""
    source = reach.environment.app.source
    if source is None:
        raise UsageError("There is no code to deploy from.", fix="Set `app.source` of the environment.")
    if source.archive:
        return _from_archive(action, params, given, source, pinned)
    asked = [params.get(param.name) for param in action.params if param.type is ParamType.GIT_REF]
    ref = next((value for value in asked if isinstance(value, str) and value), source.ref or "HEAD")
    wanted = git.Named(commit=pinned.commit) if pinned.commit else git.named(_listing(reach, source.git), ref)
    look = _look(reach, source.git, wanted)
    notes = [wanted.note] if wanted.note else []
    if look.unread:
        if wanted.short:
            raise UsageError(
                f"Which commit {harmless(ref)} means could not be looked at: {look.unread}",
                done="Nothing was planned.",
                fix="Give its id in full.",
            )
        notes.append(f"The code of {wanted.commit[:12]} was not looked at: {look.unread}")
    elif not look.commit:
        raise _no_commit(ref, ambiguous=look.ambiguous)
    target = replace(pinned, creates=True, commit=look.commit or wanted.commit, ref=ref)
    return TargetCode(target=target, tree=look.tree, notes=tuple(notes))


def going_back(action: Action, params: Mapping[str, Json], found: Survey) -> TargetCode:
    """The release to go back to: the one that is asked for, or the newest good one before the current."""
    asked = [params.get(param.name) for param in action.params if param.type is ParamType.RELEASE]
    name = next((value for value in asked if isinstance(value, str) and value), "")
    if not name:
        name = common_candidate(found.hosts)
        if not name:
            raise RefusedError(
                "There is no release to go back to: none before the current one was live, is not bad and lies on "
                "every host.",
                done="Nothing was planned.",
            )
        return TargetCode(target=Target(release=name))
    for host in found.hosts:
        release = host.release(name)
        if release is None:
            raise UsageError(f"{host.host} has no release {name}.")
        if release.bad:
            raise RefusedError(f"The release {name} is marked bad on {host.host}.", done="Nothing was planned.")
    if all(host.current == name for host in found.hosts):
        raise RefusedError(f"The release {name} is the current one on every host.", done="Nothing was planned.")
    return TargetCode(target=Target(release=name))


def _from_archive(
    action: Action, params: Mapping[str, Json], given: Mapping[str, Json], source: CodeSource, pinned: Target
) -> TargetCode:
    refs = [param.name for param in action.params if param.type is ParamType.GIT_REF and given.get(param.name)]
    if refs:
        raise UsageError(
            f"--param {refs[0]} names a git ref, and this environment deploys an archive.",
            done="Nothing was planned.",
            fix="Leave it out, or set `app.source: {git: …}` of the environment.",
        )
    archive = archives.read_archive(_chosen_archive(action, params) or source.archive)
    ref = posixpath.basename(archive.path)
    target = replace(pinned, creates=True, commit=archive.sha256, ref=ref, archive=archive)
    return TargetCode(target=target, tree=archives.archive_tree(archive))


def _chosen_archive(action: Action, params: Mapping[str, Json]) -> str:
    """The archive that an action names itself, by a parameter `archive` of type path; empty for the environment's."""
    for param in action.params:
        value = params.get(param.name)
        if param.type is ParamType.PATH and param.name == "archive" and isinstance(value, str) and value:
            if not posixpath.isabs(value):
                raise UsageError("--param archive: an absolute path on this machine.")
            return value
    return ""


def _listing(reach: Reach, url: str) -> bytes:
    shell = reach.shell(reach.environment.primary().name)
    # Old repositories have refs by the ten thousand.
    done = shell.run(git.ls_remote_script(url), deadline=_LISTING, limit=64 << 20)
    if done.status != 0:
        raise RemoteError(
            f"{shell.host} cannot read the repository: {Raw.of(done.stderr).show(300)}",
            status=done.status,
            done="Nothing was changed.",
            fix=f"On {shell.host}, as the account of the deploy: git ls-remote {Raw.of(url).show(200)}",
        )
    return done.stdout


def _look(reach: Reach, url: str, wanted: git.Named) -> git.FoundCommit:
    """Fetches into the mirror and reads the tree there. An error on the way says nothing about the commit, so it only
    leaves the tree unread."""
    primary = reach.environment.primary()
    shell, paths = reach.shell(primary.name), reach.environment.paths(primary)
    ensure_control(shell, paths)
    try:
        done = shell.run(git.look_script(git.mirror_path(paths), url, wanted), deadline=_LOOK, limit=_TREE)
    except OpsconsoleError as error:
        return git.FoundCommit(unread=error.what)
    return git.parse_look(done.stdout or done.stderr)


def _no_commit(ref: str, *, ambiguous: bool) -> UsageError:
    if ambiguous:
        return UsageError(
            f"{harmless(ref)} is the beginning of more than one commit of the repository.",
            done="Nothing was planned.",
            fix="Give the commit's id in full.",
        )
    return UsageError(
        f"The repository has no commit {harmless(ref)}: none of its branches and tags leads there.",
        done="Nothing was planned.",
        fix="Push it to a branch, or give another ref.",
    )


def refuse_parts(aim: TargetCode, source: CodeSource | None) -> None:
    """RefusedError when the code names parts that a release would not get: submodules, files that Git LFS keeps; unless
    the configuration says that the application does without them."""
    if aim.tree is None or source is None:
        return
    without = source.without
    found = []
    if aim.tree.submodules and "submodules" not in without:
        found.append(f"submodules ({listed(aim.tree.submodules, 5)}), whose directories would be empty")
    if aim.tree.pointers and "lfs" not in without:
        found.append(f"files that Git LFS keeps elsewhere ({listed(aim.tree.pointers, 5)}), of which it has pointers")
    if found:
        raise RefusedError(
            f"{harmless(aim.target.ref)} has {'; and '.join(found)}.",
            done="Nothing was planned: a release would lack them.",
            fix="Deploy an archive that holds them (`app.source: {archive: …}`), or say in `app.source` that the "
            "application does not want them: `without: [submodules, lfs]`.",
        )
