"""Maintenance mode on the command line: beside probes, in `hosts`, in `status`."""

from __future__ import annotations

from typing import Any

import pytest

from console.cli import main
from tests.cli.conftest import Run, World, answer


def test_maintenance_mode_stands_beside_probes_and_in_hosts(
    world: World, run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    def down(script: str) -> Any:
        looking = "framework/down" in script
        return b'clock 1767323045\nsince 1767322315\nbody {"retry": 60}' if looking else answer(script)

    code, document = run("hosts", "-e", "lab", "--json")
    assert (code, [host["maintenance"]["down"] for host in document["hosts"]]) == (0, [False, False])
    world.shells["web1"].answer = down
    code, document = run("hosts", "-e", "lab", "--json")
    assert (code, document["errors"]) == (0, [])
    assert (document["hosts"][0]["maintenance"]["seconds"], document["hosts"][0]["release"]) == (730, "2")
    assert run("hosts", "-e", "lab", "--fail-on", "warning")[0] == 1
    code, document = run("health", "-e", "lab", "--json")
    assert [host["maintenance"]["down"] for host in document["hosts"]] == [True, False]
    code, document = run("status", "-e", "lab", "--json")
    assert (code, document["environments"][0]["status"]) == (0, "warning")
    assert document["environments"][0]["hosts"][0]["maintenance"]["retry_after"] == 60
    capsys.readouterr()
    assert main.run(["health", "-e", "lab"]) == 0
    assert "maintenance mode: web1 down for 12m" in capsys.readouterr().err
    for shell in world.shells.values():
        shell.down = True
    code, document = run("health", "-e", "lab", "--json")
    assert (code, [host["maintenance"] for host in document["hosts"]]) == (0, [None, None])
    assert run("hosts", "-e", "lab", "--json")[0] == 6
