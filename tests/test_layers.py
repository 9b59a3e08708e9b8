"""What loads what, seen in fresh processes: the console works without its toolkit, and starts without its drivers."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from tests.source import ROOT, modules

TOOLKIT = {"textual", "rich"}
DRIVERS = {"paramiko", "sqlalchemy", "pymysql", "redis", "httpx", "pydantic", "ruamel", "fakeredis"}
NAMES = [each.name for each in modules("console") if not each.name.endswith("__main__")]
# The embedded world serves SSH and Redis itself; it is a process of its own, loaded by nobody.
HEADLESS = [name for name in NAMES if not name.startswith("console.ui")]


def loaded_by(names: list[str], watched: set[str]) -> dict[str, list[str]]:
    """For each module the first one after whose import a watched package was there; imported in this order."""
    script = f"""
import importlib, json, sys
found = {{}}
for name in {names!r}:
    importlib.import_module(name)
    for package in {sorted(watched)!r}:
        if package in sys.modules and package not in found:
            found[package] = name
print(json.dumps(found))
"""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", script], capture_output=True, text=True, check=False, cwd=ROOT
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, list[str]] = json.loads(done.stdout)
    return found


def test_everything_but_the_screen_loads_without_the_toolkit() -> None:
    assert loaded_by(HEADLESS, TOOLKIT) == {}


@pytest.mark.parametrize("layer", ["domain", "ports", "errors", "present", "services", "ui"])
def test_a_layer_loads_no_driver(layer: str) -> None:
    names = [name for name in NAMES if name == f"console.{layer}" or name.startswith(f"console.{layer}.")]
    assert names
    assert loaded_by(names, DRIVERS) == {}


def test_the_command_line_starts_without_drivers_and_toolkit() -> None:
    assert loaded_by(["console.__main__", "console.cli.main"], DRIVERS | TOOLKIT | {"console.wiring.reach"}) == {}
