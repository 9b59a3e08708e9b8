"""What the architecture page tells a newcomer to write works as it stands: sources, steps and a pane, one file each.

The examples are added to a copy of the package, and everything is asked of that copy, on the demo's world.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from console.demo.announcement import announced
from console.demo.users import registered
from console.present.text import FAILED
from tests.source import ROOT

PAGE = ROOT / "docs" / "architecture.md"
_FILE = re.compile(r"^`(console/[a-z_/]+\.py)`:\n\n```python\n(.*?)```$", re.M | re.S)
_LINES = re.compile(
    r"^Its (?:line|two lines[a-z, ]*) in `(console/[a-z_/]+\.py)`.*?:\n\n```(?:python|text)\n(.*?)```$", re.M | re.S
)
ACTION = """\
title: Mark
steps:
  - {name: marker, touch: shared/marker, on: all, effect: idempotent}
  - {name: calm, calm: 100000, on: all, effect: read}
"""
SCREEN = """
import asyncio, sys
from functools import partial
from pathlib import Path
from console.ui.app import ConsoleApp
from console.wiring.screen import open_services

async def main():
    app = ConsoleApp(partial(open_services, Path(sys.argv[1])))
    async with app.run_test(size=(140, 40)) as pilot:
        for _ in range(600):
            await pilot.pause(0.1)
            if app.services is not None and app.main.environment.name != "staging":
                app.main.select("staging")
            lines = [strip.text for strip in app.screen._compositor.render_strips()]
            if any(sys.argv[2] in line for line in lines) and not any("unread" in line[:30] for line in lines):
                break
        print("\\n".join(lines))
        for keys in sys.argv[3:]:
            await pilot.press(*(keys if keys.startswith(":") else [keys]))
            await pilot.press(*(["enter"] if keys.startswith(":") else []))
            await pilot.pause(0.3)
            print(keys, app.main.pane.NAME)
        from console.ui.palette import entries
        from console.ui.screens.help import help_lines
        print("palette", [title for title, _, _ in entries(app.main) if title.startswith("releases")])
        print("help", [line[0][0].strip() + " " + line[1][0] for line in help_lines(90, ()) if "releases" in str(line)])

asyncio.run(main())
"""


@dataclass(frozen=True, slots=True)
class Copy:
    """A copy of the package with the page's examples in it, and a world of the demo on it."""

    package: Path
    world: Path

    @property
    def config(self) -> Path:
        return self.world / "config" / "opsconsole.yaml"

    def python(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Python that finds the copy and never the original."""
        env = {"PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": str(self.world.parent), "LANG": "C.UTF-8"}
        env |= {"PYTHONPATH": str(self.package), "OPSCONSOLE_CONFIG": str(self.config)}
        return subprocess.run(
            [sys.executable, *words], env=env, cwd="/", capture_output=True, text=True, timeout=100, check=False
        )

    def call(self, *words: str) -> Any:
        """A command of the copy that ends well: its one document."""
        done = self.python("-m", "console", *words)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)


def with_lines(text: str, lines: str) -> str:
    """An index with the page's lines in it: imports above its `return`, entries below."""
    for line in lines.rstrip("\n").split("\n"):
        (place,) = (place for place in ("    return {\n", "PANES = (\n") if place in text)
        assert text.count(place) == 1
        text = text.replace(place, f"{line}\n{place}" if line.lstrip().startswith("from ") else f"{place}{line}\n")
    return text


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Copy]:
    folder = tmp_path_factory.mktemp("newcomer")
    package = folder / "package"
    for name in ("console", "themes", "sample_config"):
        shutil.copytree(ROOT / name, package / name, ignore=shutil.ignore_patterns("__pycache__"))
    page = PAGE.read_text()
    files, indexes = _FILE.findall(page), _LINES.findall(page)
    assert [name for name, _ in files] == [
        "console/sources/entropy.py",
        "console/sources/ghost_entropy.py",
        "console/ui/panes/releases.py",
        "console/steps/touch.py",
        "console/steps/calm.py",
    ]
    assert [name for name, _ in indexes] == [
        *["console/sources/__init__.py"] * 2,
        "console/ui/panes/__init__.py",
        *["console/steps/__init__.py"] * 2,
    ]
    for name, text in files:
        assert not (package / name).exists()
        (package / name).write_text(text)
    for name, lines in indexes:
        (package / name).write_text(with_lines((package / name).read_text(), lines))
    found = Copy(package, folder / "world")
    started = found.python("-m", "console", "demo", "--headless", "--dir", str(found.world))
    assert started.returncode == 0, started.stderr
    with registered(found.world):
        config = found.config.read_text()
        assert config.count("    tier: normal\n") == 1
        found.config.write_text(config.replace("    tier: normal\n", "    tier: normal\n    sources: {entropy: {}}\n"))
        (found.world / "config" / "actions" / "mark.yaml").write_text(ACTION)
        yield found
    world = announced(found.world)
    if world is not None:
        os.kill(world.pid, signal.SIGTERM)


def test_the_source_stands_in_status(copy: Copy) -> None:
    entries = {entry["name"]: entry for entry in copy.call("status", "--json")["environments"]}
    entropy = entries["staging"]["sources"]["entropy"]
    assert entropy["error"] is None and entropy["value"]["bits"]["stage1"] > 0
    assert "entropy" not in entries["production"]["sources"], "only where the configuration names it"


def test_its_params_are_validated_with_a_position(copy: Copy) -> None:
    wrong = copy.world.parent / "wrong.yaml"
    wrong.write_text(copy.config.read_text().replace("{entropy: {}}", "{entropy: {evry: 5}}"))
    wrong.chmod(0o600)
    done = copy.python("-m", "console", "config", "check", "--config", str(wrong))
    line = next(n for n, text in enumerate(wrong.read_text().splitlines(), 1) if "entropy" in text)
    assert done.returncode == 2
    assert f"wrong.yaml:{line}:" in done.stderr + done.stdout and "evry" in done.stderr + done.stdout


def test_the_source_says_its_line_in_the_environments_pane(copy: Copy) -> None:
    shown = copy.python("-c", SCREEN, str(copy.config), "entropy ≥")
    assert shown.returncode == 0, shown.stderr
    assert re.search(r"● entropy ≥ \d+ bits", shown.stdout), shown.stdout


@pytest.fixture
def haunted(copy: Copy) -> Path:
    """A configuration in which staging has the source that fails."""
    found = copy.config.with_name("haunted.yaml")
    found.write_text(copy.config.read_text().replace("{entropy: {}}", "{entropy: {}, ghost_entropy: {}}"))
    found.chmod(0o600)
    return found


def test_the_source_that_fails_is_named_counts_and_ends_status_with_3(copy: Copy, haunted: Path) -> None:
    done = copy.python("-m", "console", "status", "-e", "staging", "--config", str(haunted))
    lines = done.stdout.splitlines()
    assert done.returncode == 3, done.stderr
    assert any(re.match(r"  ghost_entropy +unreadable: stage1: it has no ghost", line) for line in lines), done.stdout
    assert any(re.match(r"  hosts +load", line) for line in lines), done.stdout
    asked = copy.python("-m", "console", "status", "-e", "staging", "--config", str(haunted), "--json")
    (entry,) = json.loads(asked.stdout)["environments"]
    assert entry["status"] == "warning"
    assert entry["sources"]["ghost_entropy"] == {
        "taken_at": None, "error": "stage1: it has no ghost", "value": None,
    }  # fmt: skip


def test_the_source_that_fails_has_its_own_line_on_the_screen(copy: Copy, haunted: Path) -> None:
    shown = copy.python("-c", SCREEN, str(haunted), "ghost_entropy: sta")
    assert shown.returncode == 0, shown.stderr
    left = [line[:30] for line in shown.stdout.splitlines()]
    at = {word: next(n for n, line in enumerate(left) if word in line) for word in ("hosts ·", "ghost_entropy")}
    assert left[at["ghost_entropy"]].startswith(f"│ {FAILED} ghost_entropy: "), shown.stdout
    assert "▲ 1 alert" in shown.stdout, shown.stdout
    assert not any("unread" in line for line in left), "the hosts were read"


def test_the_pane_stands_on_the_screen_and_is_reached_by_digit_name_and_palette(copy: Copy) -> None:
    shown = copy.python("-c", SCREEN, str(copy.config), "stage1  ", "7", "1", ":releases")
    assert shown.returncode == 0, shown.stderr
    assert "7 Releases" in shown.stdout
    said = shown.stdout.splitlines()
    assert {"7 releases", "1 environments", ":releases releases"} <= set(said), shown.stdout
    assert "palette ['releases  (7)']" in said and "help ['7 Focus the releases pane']" in said, shown.stdout


def test_the_pane_stands_in_the_reference_of_keys(copy: Copy) -> None:
    made = copy.python("-c", "from console.ui.command_index import keys_document; print(keys_document())")
    assert "| `7` | releases | Focus the releases pane | `:releases` | pane.7 |" in made.stdout, made.stderr


def test_the_steps_stand_in_a_plan_and_run(copy: Copy) -> None:
    plan = copy.call("plan", "mark", "-e", "staging", "--json")
    step, waiting = plan["steps"]
    assert (step["name"], step["kind"], step["danger"], step["effect"]) == ("marker", "touch", "safe", "idempotent")
    marker = copy.world / "hosts" / "stage1" / "app" / "shared" / "marker"
    assert step["text"] == f"touch {marker}" and not marker.exists()
    assert (waiting["kind"], waiting["text"]) == ("calm", "wait for a load below 100000.0")
    ran = copy.python("-m", "console", "run", "mark", "-e", "staging", "--yes", "--json")
    events = [json.loads(line) for line in ran.stdout.splitlines()]
    last = events[-1]
    ended = {event["step"]: event["detail"] for event in events if event["kind"] == "step_finished"}
    assert (ran.returncode, last["kind"], last["outcome"]) == (0, "run_finished", "ok"), ran.stderr
    assert marker.is_file()
    assert ended["calm"] == "all are calm"


def test_its_table_of_layers_is_the_contract() -> None:
    """The layers stand in the page in the order that the import contract has them in."""
    project = (ROOT / "pyproject.toml").read_text()
    contract = re.findall(r'^    "([a-z |]+)",$', project.partition("\nlayers = [\n")[2].partition("]")[0], re.M)
    rows = re.findall(r"^\| `([a-z]+)`(?: · `([a-z]+)`)? \|", PAGE.read_text().partition("## Layers")[2], re.M)
    told = [" | ".join(filter(None, row)) for row in rows][: len(contract)]
    assert told == contract and len(told) > 10
