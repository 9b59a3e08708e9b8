"""The step kind `release`: create, share, install, link, mark and clean up release directories.

Owns what lies under `releases/` and the `current` link. Must not decide which release a run is about: the plan does.
"""

from __future__ import annotations

import posixpath
from collections.abc import Callable
from dataclasses import replace
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, model_validator

from console.domain.actions import StepSpec
from console.domain.code_tree import CodeTree
from console.domain.environment import Host
from console.domain.plan_context import PlanContext
from console.domain.releases import LINKS, note_link
from console.domain.runs import Danger, PlannedStep
from console.domain.shellwords import quote
from console.domain.step_facts import Need, NeedKind, StepFacts, Upload
from console.errors import UsageError
from console.steps.cleanup import remove_script
from console.steps.kinds import BaseKind
from console.steps.release_code import create_needs, create_script, exists_script, upload_path
from console.steps.scripts import assemble, fail, tools, words


class ReleaseParams(BaseModel):
    """`release: create`, or `release: {do: cleanup, keep: 3}`."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    do: Literal["create", "shared", "composer", "link", "mark_bad", "cleanup"]
    """What to do with the run's release."""
    keep: int | None = None
    """How many releases `cleanup` leaves; `app.keep` by default."""

    @model_validator(mode="before")
    @classmethod
    def _short_form(cls, value: object) -> object:
        return {"do": value} if isinstance(value, str) else value


class ReleaseKind(BaseKind):
    """Works on release directories; layout `releases` only."""

    Params = ReleaseParams
    checks = ("release-exists", "link-is")
    undos = ("release-link",)
    whens = ("composer-needed",)

    def facts(self, step: StepSpec) -> StepFacts:
        """Whether it makes the release, or switches the link to it."""
        do = ReleaseParams.model_validate(step.params).do
        return StepFacts(creates_release=do == "create", switches_link=do == "link", installs_packages=do == "composer")

    def plan(self, context: PlanContext) -> PlannedStep:
        """The verb's scripts on each host. UsageError when the run is about no release."""
        params = ReleaseParams.model_validate(context.step.params)
        if not context.release and params.do not in ("cleanup", "mark_bad"):
            raise UsageError(f"The step {context.step.name} needs a release, and this run has none.")
        write, text = self._verbs(context, params)[params.do]
        return assemble(
            context,
            kind="release",
            write=write,
            text=text,
            checks={
                "release-exists": lambda host: exists_script(context, host),
                "link-is": lambda host: _link_is(context, host),
            },
            undos={"release-link": lambda host: _undo_link(context, host)},
            whens={"composer-needed": lambda host: _composer_needed(context, host)},
            danger=Danger.DESTRUCTIVE if params.do == "cleanup" else Danger.CAUTION,
            params={"do": params.do},
            facts=replace(self.facts(context.step), upload=_upload(context) if params.do == "create" else None),
            needs=lambda host: _needs(context, host, params),
        )

    def _verbs(
        self, context: PlanContext, params: ReleaseParams
    ) -> dict[str, tuple[Callable[[Host], str], Callable[[Host], str]]]:
        name, ref = context.release, context.target.ref
        origin = (
            f"{ref} ({context.target.commit[:12]})"
            if ref and ref != context.target.commit
            else context.target.commit[:12]
        )
        shared = ", ".join(context.environment.app.shared)
        return {
            "create": (lambda host: create_script(context, host), lambda _: f"releases/{name} from {origin}"),
            "shared": (
                lambda host: _shared(context, host),
                lambda _: f"link {shared} from shared/ into releases/{name}",
            ),
            "composer": (
                lambda host: _composer(context, host),
                lambda _: f"composer install --no-dev in releases/{name}",
            ),
            "link": (lambda host: _link(context, host, name), lambda _: f"current → releases/{name}"),
            "mark_bad": (
                lambda host: _mark_bad(context, host),
                lambda host: _marking(context, host),
            ),
            "cleanup": (
                lambda host: remove_script(context, host, doomed(context, host, params.keep)),
                lambda host: f"remove releases: {', '.join(doomed(context, host, params.keep)) or 'none'}",
            ),
        }


def doomed(context: PlanContext, host: Host, keep: int | None) -> tuple[str, ...]:
    """The releases a cleanup removes on a host: all but the newest `keep`, never current, this run's or a candidate."""
    left = max(1, context.environment.app.keep if keep is None else keep)
    spared = {context.release, context.before.get(host.name, ""), *context.spared}
    names = context.releases.get(host.name, ())
    return tuple(name for name in names[: max(0, len(names) - left)] if name not in spared)


def _upload(context: PlanContext) -> Upload | None:
    archive = context.target.archive
    if archive is None:
        return None
    places = {host.name: upload_path(context, host, archive) for host in context.hosts}
    return Upload(path=archive.path, sha256=archive.sha256, size=archive.size, to=places)


def _needs(context: PlanContext, host: Host, params: ReleaseParams) -> list[Need]:
    paths = context.environment.paths(host)

    def need(what: NeedKind, name: str, **more: Any) -> Need:
        return Need(host=host.name, what=what, name=name, **more)

    if params.do == "create":
        return create_needs(context, host)
    if params.do == "shared":
        return _shared_needs(context, host)
    if params.do == "composer":
        return _composer_needs(context, host)
    if params.do == "link":
        return [need(NeedKind.LINK, paths.current), need(NeedKind.WRITABLE, paths.base)]
    if params.do == "mark_bad":
        left = _left(context, host)
        return [need(NeedKind.WRITABLE, context.release_path(host, left))] if left else []
    return [need(NeedKind.WRITABLE, paths.releases)] if doomed(context, host, params.keep) else []


def _shared_needs(context: PlanContext, host: Host) -> list[Need]:
    """What is linked from `shared/` must be there, or in the code, which then is what `shared/` begins with."""
    shared, tree = context.environment.paths(host).shared, context.tree
    found = []
    for name in context.environment.app.shared:
        kept = posixpath.join(shared, name)
        if tree is not None and tree.has(posixpath.join(context.environment.app.root, name)):
            begins = f'[ -e {quote(kept)} ] || [ -w "$(there {quote(kept)})" ]'
            sentence = f"{kept} is not there, and this account cannot make it"
            found.append(Need(host=host.name, what=NeedKind.ANSWER, name=sentence, script=begins))
            continue
        doubt = "" if tree is not None else "whether the code brings it is not known: it was not looked at"
        fix = f"Put it there on {host.name}: the code brings none."
        found.append(Need(host=host.name, what=NeedKind.PATH, name=kept, fix=fix, doubt=doubt))
    return found


def _is_whole(tree: CodeTree, root: str) -> bool:
    """Whether composer has nothing to install: the packages are in the code, or none are named."""
    brought = tree.has(posixpath.join(root, "vendor/autoload.php"))
    return brought or not tree.has(posixpath.join(root, "composer.lock"))


def _composer_needs(context: PlanContext, host: Host) -> list[Need]:
    tree, root = context.tree, context.environment.app.root
    doubt = ""
    if context.step.when:
        if tree is None:
            doubt = "whether the code needs it is not known: it was not looked at"
        elif _is_whole(tree, root):
            return []
    return [replace(need, doubt=doubt) for need in tools(host, "composer", context.environment.app.php)]


def _left(context: PlanContext, host: Host) -> str:
    """The release that a run leaves: the one linked when it was planned."""
    before = context.before.get(host.name, "")
    return before if before != context.release else ""


def _shared(context: PlanContext, host: Host) -> str:
    shared, release = context.environment.paths(host).shared, context.release_path(host)
    lines = [f"[ -d {quote(release)} ] || {fail('the release is not there')}"]
    for name in context.environment.app.shared:
        kept, place = posixpath.join(shared, name), posixpath.join(release, context.environment.app.root, name)
        target = posixpath.relpath(kept, posixpath.dirname(place))
        lines.append(f"""
kept={quote(kept)} place={quote(place)}
if [ ! -e "$kept" ]; then
  [ -e "$place" ] && [ ! -h "$place" ] || {fail("$kept is not there, and the release brings none")}
  mkdir -p -- {quote(posixpath.dirname(kept))}
  cp -Rp -- "$place" "$kept"
fi
rm -rf -- "$place"
mkdir -p -- {quote(posixpath.dirname(place))}
ln -s -- {quote(target)} "$place"
echo {quote(name + " → " + target)}""")
    return "\n".join(lines)


def _composer_needed(context: PlanContext, host: Host) -> str:
    root = context.code(host, "release")
    return f"cd -- {quote(root)} || exit 2\n[ -f composer.lock ] && [ ! -f vendor/autoload.php ] || exit 1"


def _composer(context: PlanContext, host: Host) -> str:
    argv = [
        "composer",
        "install",
        "--no-dev",
        "--no-interaction",
        "--no-ansi",
        "--no-progress",
        "--optimize-autoloader",
    ]
    return f"cd -- {quote(context.code(host, 'release'))}\nexec {words(argv)}"


def _link(context: PlanContext, host: Host, name: str) -> str:
    paths = context.environment.paths(host)
    target = posixpath.relpath(context.release_path(host, name), posixpath.dirname(paths.current))
    log = posixpath.join(paths.control, LINKS)
    noted = f'"release_name":"{name}"'
    return f"""
base={quote(paths.base)} current={quote(paths.current)} target={quote(target)}
[ -d {quote(context.release_path(host, name))} ] || {fail("$target is not there")}
[ -h "$current" ] || [ ! -e "$current" ] || {fail("$current is not a link")}
if [ "$(readlink -- "$current" || true)" != "$target" ]; then
  # A killed attempt may have left one, and process numbers come again.
  rm -f -- "$base/.current.$$"
  ln -s -- "$target" "$base/.current.$$"
  mv -T -- "$base/.current.$$" "$current"
fi
case "$(tail -n 1 -- {quote(log)} 2>/dev/null || true)" in
  *{quote(noted)}*) ;;
  *)
{note_link(paths, name)}  ;;
esac
echo "current → $target"
"""


def _link_is(context: PlanContext, host: Host) -> str:
    paths = context.environment.paths(host)
    return f"""
[ -h {quote(paths.current)} ] || exit 1
linked=$(readlink -f -- {quote(paths.current)}) || exit 2
[ "$linked" = "$(readlink -f -- {quote(context.release_path(host))})" ] || exit 1
"""


def _undo_link(context: PlanContext, host: Host) -> str:
    before = context.before.get(host.name, "")
    if not before:
        return fail("there was no release before this one")
    return _mark(context, host, context.release, down=context.ends_down) + _link(context, host, before)


def _mark_bad(context: PlanContext, host: Host) -> str:
    left = _left(context, host)
    return _mark(context, host, left, down=bool(context.down)) if left else 'echo "no release was left"'


def _marking(context: PlanContext, host: Host) -> str:
    left = _left(context, host)
    if left and context.down:
        return f"leave {left} unmarked: the site is in maintenance mode"
    return f"mark {left or 'nothing'} bad"


def _mark(context: PlanContext, host: Host, name: str, *, down: bool) -> str:
    """Marks a release bad, but never in maintenance mode (as planned, or by the framework's file now): its 503s say
    nothing of the release."""
    marker = posixpath.join(context.release_path(host, name), "BAD_RELEASE")
    spared = quote(f"{name} is not marked bad: in maintenance mode nobody can tell whether it is")
    if down:
        return f"echo {spared}\n"
    file = posixpath.join(context.environment.paths(host).root, "storage/framework/down")
    return f"""
marker={quote(marker)}
if [ -e {quote(file)} ]; then
  echo {spared}
else
  if [ -d {quote(context.release_path(host, name))} ] && [ ! -e "$marker" ]; then
    printf '%s,%s\\n' "$(date -u +%Y-%m-%dT%H:%M:%S+0000)" {quote(context.operator)} > "$marker"
  fi
  echo {quote(f"{name} is marked bad")}
fi
"""
