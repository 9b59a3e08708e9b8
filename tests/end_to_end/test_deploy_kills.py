"""The shipped deploy with processes killed at random instants, inside steps too: nothing twice, nothing lost, and the
run ends as it says or asks."""

from __future__ import annotations

import json
import os
import random
import re
import signal
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.end_to_end import screens
from tests.end_to_end.command import Command
from tests.end_to_end.victims import VICTIMS, kill, settle
from tests.lab.processes import send
from tests.lab.world import Lab
from tests.source import ROOT

pytestmark = pytest.mark.timeout(300)
MARK = "appended_by_a_migration"
MIGRATION = f"""<?php
use Illuminate\\Database\\Migrations\\Migration;
return new class extends Migration {{
    public function up(): void {{
        file_put_contents(storage_path('{MARK}'), getmypid() . "\\n", FILE_APPEND);
        usleep(600000);
    }}
}};
"""
STEPS = ("code", "shared", "config", "routes", "views", "events", "migrate", "link", "workers")
"""Where kills are aimed at; `composer` is skipped on the world's hosts."""


@dataclass(frozen=True, slots=True)
class Aim:
    """Who is killed, and when: `seconds` after `step` has begun, or after the lock was taken when it names none."""

    victim: str
    step: str
    seconds: float


@dataclass(frozen=True, slots=True)
class Hit:
    """What a kill met and what became of it."""

    aim: Aim
    in_steps: bool
    ended: str


def aimed(seed: int) -> Aim:
    """The kill of a seed: three in four inside a step."""
    lot = random.Random(seed)
    victim = VICTIMS[seed % len(VICTIMS)]
    if lot.random() < 0.75:
        return Aim(victim, lot.choice(STEPS), lot.uniform(0.0, 0.8))
    return Aim(victim, "", lot.uniform(0.0, 9.0))


def shipped_deploy(gate: str) -> str:
    """The deploy as it is shipped, its gate cut short."""
    text = (ROOT / "sample_config/actions/deploy.yaml").read_text()
    short, count = re.subn(r"for: \d+m,", f"for: {gate},", text)
    assert count == 1
    return short


@pytest.fixture
def ready(lab_alone: Lab, tmp_path: Path) -> Iterator[Command]:
    command = prepare(lab_alone, tmp_path, "2s, every: 500ms")
    yield command
    send(command.runners(), signal.SIGKILL)


def prepare(lab: Lab, directory: Path, gate: str, **config: Any) -> Command:
    """A new commit with a migration, and a configuration of its own with what `config` changes in it."""
    lab.commit({"database/migrations/2026_03_01_000000_append_once.php": MIGRATION})
    for node in lab.nodes:
        storage(node.path).unlink(missing_ok=True)
    written = lab.write_config(directory / "config", actions={"deploy": shipped_deploy(gate)}, **config)
    return Command(written, directory / "home", mark=lab.world.root)


def storage(path: str) -> Path:
    return Path(path, "shared/storage", MARK)


def begin_and_kill(lab: Lab, console: Command, aim: Aim) -> None:
    """Starts run 1 and kills the victim at its instant."""
    if aim.victim == "screen":
        with screens.open_screen(console) as terminal:
            terminal.wait_for(screens.lives, 60)
            screens.plan(terminal, "D", shows="from main (")
            screens.run(terminal)
            terminal.wait_for(lambda text: re.search(rf"[▶✓] {aim.step or 'code'}", text) is not None, 60)
            screens.pause(aim.seconds)
            os.kill(terminal.pid, signal.SIGKILL)
            assert terminal.wait(10) == -signal.SIGKILL
        return
    with console.start("run", "deploy", "-e", "lab", "--yes", "--json") as launcher:
        assert launcher.stdout
        wanted = ("step_started", aim.step) if aim.step else ("lock_taken", "")
        for line in launcher.stdout:
            event = json.loads(line)
            if (event["kind"], event.get("step", "")) == wanted:
                break
        screens.pause(aim.seconds)
        if aim.victim == "launcher":
            launcher.kill()
        else:
            kill(lab, console, aim.victim)
            launcher.terminate()
        launcher.communicate(timeout=60)


def strike(lab: Lab, console: Command, aim: Aim) -> Hit:
    """One kill, the going on after it, and the judgement of what is there then."""
    before = {node.path: sorted(release_names(node.path)) for node in lab.nodes}
    begin_and_kill(lab, console, aim)
    in_steps = bool(console("runs", "show", "1", "--json").json["steps"][0]["hosts"])
    ended = settle(console)
    what = str(aim)
    for node in lab.nodes:
        done = sorted(path.name for run in Path(node.path, ".opsconsole/runs").iterdir() for path in run.glob("*.*"))
        once = [name for name in done if name.partition(".")[0] in ("code", "migrate")]
        assert len(once) == len({name.partition(".")[0] for name in once}), f"{what}: begun twice: {once}"
    lines = [storage(node.path).read_text().split() for node in lab.nodes if storage(node.path).exists()]
    assert len(lines) <= 1 and all(len(each) == 1 for each in lines), f"{what}: migrated twice: {lines}"
    if ended == "finished":
        shown = console("runs", "show", "1", "--json").json
        assert shown["outcome"] == "ok", f"{what}: {shown['outcome']}: {shown['detail']}"
        assert len(lines) == 1, f"{what}: said ok, and no migration ran"
        for node in lab.nodes:
            new = set(release_names(node.path)) - set(before[node.path])
            assert {lab.release(node)} == new, f"{what}: {lab.release(node)} is live, {new} is new"
    assert console("audit", "verify").code == 0
    return Hit(aim, in_steps, ended)


def release_names(path: str) -> list[str]:
    return [each.name for each in Path(path, "releases").iterdir() if not each.name.startswith(".")]


@pytest.mark.parametrize("seed", range(5))
def test_a_deploy_survives_some_kills(lab_alone: Lab, ready: Command, seed: int) -> None:
    strike(lab_alone, ready, aimed(seed))


@pytest.mark.soak
@pytest.mark.timeout(7000)
def test_a_deploy_survives_fifty_kills(lab_alone: Lab, tmp_path: Path) -> None:
    hits: list[Hit] = []
    for seed in range(50):
        console = prepare(lab_alone, tmp_path / str(seed), "10s")
        try:
            hits.append(strike(lab_alone, console, aimed(seed)))
        finally:
            send(console.runners(), signal.SIGKILL)
            lab_alone.heal()
    inside = sum(hit.in_steps for hit in hits)
    asked = sum(hit.ended == "needs_operator" for hit in hits)
    print(f"50 kills, {inside} after the first step had begun, {asked} asked, 0 double, 0 lost")
    assert inside >= 30
