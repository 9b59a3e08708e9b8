"""The lock files are whole: pip never has to look for a release that nobody pinned, whatever is published tomorrow.

With hashes required pip refuses everything that is not pinned with a hash, and it takes `x[extra]` for something else
than `x`. So every requirement of every locked package, with the extras asked for anywhere, must be locked with its
extras: on each supported Python and processor, as the installed packages' own metadata say.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, distribution
from itertools import product

import pytest
from packaging.markers import default_environment
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.source import ROOT

RUNTIME, DEVELOPMENT = "requirements.txt", "requirements-dev.txt"
PYTHONS = ("3.11.2", "3.11.9", "3.12.3", "3.13.5")
PROCESSORS = ("x86_64", "aarch64")
Environment = dict[str, str]


@dataclass(frozen=True, slots=True)
class Locked:
    """One entry of a lock file."""

    requirement: Requirement
    hashes: int

    @property
    def version(self) -> str:
        """The one version that it allows."""
        return next(iter(self.requirement.specifier)).version


def environments() -> list[Environment]:
    """What markers are evaluated in: Linux, with each Python and processor."""
    found = []
    for python, processor in product(PYTHONS, PROCESSORS):
        own = {**default_environment(), "sys_platform": "linux", "platform_machine": processor}
        own |= {"python_full_version": python, "python_version": python.rpartition(".")[0]}
        found.append({name: str(value) for name, value in own.items()})
    return found


def entries(text: str) -> dict[str, Locked]:
    """The entries of a lock file by name. AssertionError for a line that is none: no option, and so no index."""
    found: dict[str, Locked] = {}
    for line in re.sub(r" *\\\n", " ", text).splitlines():
        if line.strip() and not line.lstrip().startswith("#"):
            words, *hashes = line.split(" --hash=sha256:")
            requirement = Requirement(words.strip())
            found[canonicalize_name(requirement.name)] = Locked(requirement, len(hashes))
    return found


def asked(file: str) -> list[Requirement]:
    """What a lock file is made for."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    words = list(project["project"]["dependencies"])
    if file == DEVELOPMENT:
        words += project["build-system"]["requires"]
        words += (ROOT / "requirements-dev.in").read_text().splitlines()
    return [Requirement(line) for line in words if line and not line.startswith("#")]


def needs(locked: Locked, extras: Iterable[str], environment: Environment) -> Iterator[Requirement]:
    """What a locked package asks for there, with these extras."""
    for line in distribution(locked.requirement.name).requires or ():
        requirement = Requirement(line)
        marker = requirement.marker
        if marker is None or any(marker.evaluate({**environment, "extra": extra}) for extra in ("", *extras)):
            yield requirement


def problems(found: dict[str, Locked], wanted: list[Requirement], environment: Environment) -> Iterator[str]:
    """What pip would have to look for, or would refuse."""
    waiting = [(each, "the project") for each in wanted] + [(each.requirement, "the lock") for each in found.values()]
    seen: set[tuple[str, str]] = set()
    while waiting:
        requirement, by = waiting.pop()
        if by == "the project" and requirement.marker and not requirement.marker.evaluate(environment):
            continue
        name = canonicalize_name(requirement.name)
        if name not in found:
            yield f"{by} needs {requirement}, which is not locked"
            continue
        entry = found[name]
        if entry.requirement.marker and not entry.requirement.marker.evaluate(environment):
            if by != "the lock":
                yield f"{by} needs {requirement}, which is locked for another Python"
            continue
        if lacking := requirement.extras - entry.requirement.extras:
            yield f"{by} needs {requirement}, which is locked without {', '.join(sorted(lacking))}"
        if not requirement.specifier.contains(entry.version, prereleases=True):
            yield f"{by} needs {requirement}, and {entry.version} is locked"
        for extra in ("", *requirement.extras):
            if (name, extra) not in seen:
                seen.add((name, extra))
                waiting += [(each, name) for each in needs(entry, [extra] if extra else [], environment)]


@pytest.mark.parametrize("file", [RUNTIME, DEVELOPMENT])
def test_everything_is_pinned_that_anything_asks_for(file: str) -> None:
    found = entries((ROOT / file).read_text())
    told = {one for environment in environments() for one in problems(found, asked(file), environment)}
    assert not told, "\n".join(sorted(told))
    assert [name for name, entry in found.items() if str(entry.requirement.specifier) != f"=={entry.version}"] == []
    assert [name for name, entry in found.items() if not entry.hashes] == []


def test_both_lock_the_same_and_what_is_installed() -> None:
    runtime, development = (entries((ROOT / file).read_text()) for file in (RUNTIME, DEVELOPMENT))
    assert {name: entry.version for name, entry in runtime.items()}.items() <= {
        name: entry.version for name, entry in development.items()
    }.items()
    for name, entry in development.items():
        try:
            assert distribution(name).version == entry.version
        except PackageNotFoundError:
            assert entry.requirement.marker, f"{name} is not installed"


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        ("markdown-it-py[linkify]==", "markdown-it-py==", "textual needs markdown-it-py[linkify]>="),
        ("linkify-it-py==", "something-else==", "needs linkify-it-py"),
        ("httpcore==1", "httpcore==0", "and 0.0.9 is locked"),
    ],
)
def test_what_lacks_is_told(before: str, after: str, told: str) -> None:
    text = (ROOT / RUNTIME).read_text()
    assert before in text
    found = {name: entry for name, entry in entries(text.replace(before, after)).items() if name != "something-else"}
    assert any(told in one for one in problems(found, asked(RUNTIME), environments()[0]))


def test_an_option_is_no_entry() -> None:
    with pytest.raises(ValueError):
        entries("--index-url https://example.com/simple\n")
