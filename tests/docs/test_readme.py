"""The README as somebody follows it on a new machine: first the demo, then an environment of their own, in a clean home
with each of the usual umasks. Its commands and its example are read from it as they stand."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from console.demo.announcement import announced
from console.demo.users import world_lives
from tests.source import ROOT
from tests.waiting import eventually

README = (ROOT / "README.md").read_text()
PROGRAMS = Path(sys.executable).parent
MASKS = [0o002, 0o022, 0o027, 0o077]


def block(language: str, holding: str) -> str:
    """The README's one code block in a language that holds a text."""
    found = [text for text in re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL) if holding in text]
    assert len(found) == 1, f"{len(found)} blocks hold {holding}"
    return str(found[0])


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody in a clean home, whose shell stands in the repository."""

    home: Path
    mask: int

    def types(self, text: str, **more: str) -> subprocess.CompletedProcess[str]:
        """Lets a shell read some lines; it stops at the first that fails."""
        env = {"HOME": str(self.home), "PATH": f"{PROGRAMS}:{os.environ['PATH']}", "LANG": "C.UTF-8", **more}
        return subprocess.run(
            ["sh", "-e"], input=text, env=env, cwd=ROOT, umask=self.mask, capture_output=True, text=True, timeout=100,
            check=False,
        )  # fmt: skip

    def succeeds(self, text: str) -> str:
        """The same for lines that must not fail; what they print."""
        done = self.types(text)
        assert done.returncode == 0, f"{text}\nended with {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done.stdout


@pytest.fixture(params=MASKS, ids=lambda mask: f"umask-{mask:03o}")
def person(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Person]:
    home = tmp_path / "home"
    home.mkdir(mode=0o755)
    yield Person(home, request.param)
    world = home / ".local/state/opsconsole/demo"
    if found := announced(world) if world.is_dir() else None:
        os.kill(found.pid, signal.SIGKILL)
        eventually(lambda: not world_lives(world))


def open_to_others(home: Path) -> list[str]:
    """Everything below a home that others can enter, read or change."""
    found = [path for path in home.rglob("*") if not path.is_symlink()]
    return [f"{path.relative_to(home)} {path.stat().st_mode:o}" for path in found if path.stat().st_mode & 0o077]


def test_first_the_demo_then_an_environment_of_ones_own(person: Person) -> None:
    demo = re.search(r"^make demo ", block("sh", "make demo"), re.MULTILINE)
    assert demo, "the README begins with the demo"
    shown = json.loads(person.succeeds("opsconsole demo --headless"))
    assert [each["name"] for each in shown["environments"]] == ["production", "staging"]
    [beside] = re.findall(r"`\.venv/bin/(opsconsole --config [^`]* status)`", README)
    assert "production" in person.succeeds(beside)

    person.succeeds(block("sh", "mkdir -p ~/.config/opsconsole").replace("make install\n", ""))
    config = person.home / ".config/opsconsole/opsconsole.yaml"
    with config.open("a") as file:
        file.write(block("yaml", "environments:"))
    assert "config check" in block("sh", "status -e production")
    person.succeeds("opsconsole config check")
    # What opens the state, and needs no host that answers.
    asked = block("sh", "runs list")
    for words in ("opsconsole plan -e production", "opsconsole runs list", "opsconsole audit verify"):
        assert re.search(rf"^{words}( *#|$)", asked, re.MULTILINE)
        person.succeeds(words)
    person.succeeds("opsconsole demo --headless")
    assert open_to_others(person.home) == []


def test_a_checklist_that_is_not_there_is_named(tmp_path: Path) -> None:
    person = Person(tmp_path, 0o022)
    person.succeeds(block("sh", "mkdir -p ~/.config/opsconsole").replace("make install\n", ""))
    config = person.home / ".config/opsconsole/opsconsole.yaml"
    config.write_text(block("yaml", "environments:").replace("# checklists:", "checklists:"))
    done = person.types("opsconsole config check")
    assert done.returncode == 2
    missing = config.with_name("checklists") / "deploy.md"
    assert f"{missing}: there is no such file" in done.stderr
    missing.parent.mkdir(mode=0o700)
    person.succeeds(f"umask 077; cp sample_config/checklists/deploy.md {missing}; opsconsole config check")
