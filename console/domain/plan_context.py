"""What a step kind is told when it turns a declaration into exact scripts for one environment.

Owns the context's values and the paths derived from them. Must not read a host: the survey has done that already.
"""

from __future__ import annotations

import posixpath
from collections.abc import Mapping
from dataclasses import dataclass, field

from console.domain.actions import StepSpec
from console.domain.code_tree import CodeTree
from console.domain.documents import Json
from console.domain.environment import Environment, Host
from console.domain.templates import Scope, fill


@dataclass(frozen=True, slots=True, kw_only=True)
class Archive:
    """A tar file on this machine: `path` here, its SHA-256 in hex, its size in bytes."""

    path: str
    sha256: str
    size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """What a run is about: `release` is the directory name it puts in place (new, or a rollback's target), empty when
    it has none; `creates` says that the run builds it, from `commit` (an archive's is its hash), which `ref` named."""

    release: str = ""
    creates: bool = False
    commit: str = ""
    ref: str = ""
    archive: Archive | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanContext:
    """One step of one plan.

    `linked` says that a step before this one has already switched the link, so `current` is `release`; `installed` that
    one has installed the packages. `tree` is that of the code which the run brings, None where nobody looked at it.
    `before` is each host's linked release when the plan was made, `releases` every release it has, oldest first;
    `spared` are releases that a cleanup leaves. `scope` holds the templates' values but for `host`. `down` are the
    hosts in maintenance mode when the plan was made; `ends_down` says that the steps leave them there.
    """

    environment: Environment
    scope: Scope
    step: StepSpec = field(default_factory=lambda: StepSpec(name="", kind="", params=None))
    hosts: tuple[Host, ...] = ()
    target: Target = field(default_factory=Target)
    linked: bool = False
    installed: bool = False
    tree: CodeTree | None = None
    operator: str = ""
    before: Mapping[str, str] = field(default_factory=dict)
    releases: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    spared: frozenset[str] = frozenset()
    down: frozenset[str] = frozenset()
    ends_down: bool = False

    @property
    def release(self) -> str:
        """The target's directory name."""
        return self.target.release

    def params(self, host: Host) -> Json:
        """The step's params with every template filled for `host`."""
        return fill(self.step.params, self.scope_of(host))

    def scope_of(self, host: Host) -> Scope:
        """The templates' values on `host`."""
        paths = self.environment.paths(host)
        app = self.scope.get("app")
        own: dict[str, Json] = {
            "path": paths.base,
            "root": paths.root,
            "current": paths.current,
            "releases": paths.releases,
            "shared": paths.shared,
        }
        release: dict[str, Json] = {"name": self.release, "path": self.release_path(host), "commit": self.target.commit}
        return {
            **self.scope,
            "app": {**(app if isinstance(app, dict) else {}), **own},
            "host": {"name": host.name, "path": paths.base},
            "release": release,
        }

    def release_path(self, host: Host, name: str = "") -> str:
        """The directory of a release (by default this run's) on `host`."""
        return posixpath.join(self.environment.paths(host).releases, name or self.release)

    def code(self, host: Host, where: str = "auto") -> str:
        """Where artisan lies: in this run's release, or behind the current link.

        `auto` takes the release a run builds until the link points at it, else the current one.
        """
        if self.in_release(where):
            return posixpath.join(self.release_path(host), self.environment.app.root).rstrip("/")
        return self.environment.paths(host).root

    def in_release(self, where: str = "auto") -> bool:
        """Whether that is in this run's release, and not behind the current link."""
        wanted = where == "release" or (where == "auto" and self.target.creates and not self.linked)
        return wanted and bool(self.release)

    def builds(self, where: str = "auto") -> bool:
        """Whether what lies there by the time of the step is code that this run brings: nothing of it is on a host
        now."""
        return self.target.creates and (self.in_release(where) or self.linked)
