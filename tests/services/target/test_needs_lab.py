"""What later steps need, missing on real hosts one by one: said when planned and again before step 1, never after it.

Each fault is laid on a host of the test world, then the run is planned (refused), and a plan that was made before the
fault is run (it ends before its first step). Commands that cannot be taken away from a host, and a full disk, are
played by stand-ins that come first in that host's PATH.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from threading import Event as Flag
from typing import Any

import pytest

from console.domain.actions import Action, Effect, StepSpec
from console.domain.environment import AppSpec
from console.domain.plan_context import PlanContext
from console.domain.runs import EventKind, Outcome, Plan, fold, start_view
from console.domain.step_facts import Need, NeedKind
from console.errors import RefusedError
from console.ports import Reach
from console.services.planning.planner import Planner
from console.services.running.journal import Journal
from console.services.running.runner import Runner
from console.services.running.runner_context import RunnerContext
from console.services.target.lock import new_token
from console.services.target.need_scripts import needs_script
from console.services.target.needs import read_answers
from console.steps import step_kinds
from console.wiring.configuration import load
from console.wiring.reach import open_reach
from console.wiring.runs import State, open_state
from tests.lab.values import BUSYBOX_USER, OLD_RELEASE
from tests.lab.world import Lab
from tests.services.running.stage import OPERATOR, QUICK
from tests.services.running.test_steps_over_ssh import shell_to
from tests.services.target.faults import directory_for_link, moved_away, read_only, stand_in, stopped

pytestmark = pytest.mark.timeout(120)


class Desk:
    """Planning and running on the hosts of the test world, in this process."""

    def __init__(self, lab: Lab, directory: Path) -> None:
        self.lab = lab
        self.config = load(lab.write_config(directory))
        self.state: State = open_state(self.config)
        self.directory = directory
        self.reaches: list[Reach] = []

    def action(self, name: str) -> Action:
        """A shipped action without its gate: what comes after the steps is no matter here."""
        return replace(self.config.action(name), gate=None)

    def reach(self, **app: Any) -> Reach:
        """The environment's clients, with values of its application changed."""
        environment = self.config.environment("lab")
        changed = {key: app.pop(key) for key in ("supervisor",) if key in app}
        spec: AppSpec = replace(environment.app, **app)
        made = open_reach(
            replace(environment, app=spec, **changed), clock=self.state.clock, state_dir=self.directory / "memory"
        )
        self.reaches.append(made)
        return made

    def plan(self, action: Action, reach: Reach, **given: Any) -> Plan:
        return Planner(kinds=step_kinds(), clock=self.state.clock).plan(action, given, reach, OPERATOR)

    def run(self, plan: Plan, reach: Reach) -> tuple[int, str, bool]:
        """The exit code, why it ended so, and whether any step was begun."""
        row = self.state.runs.create(plan, name_suffix="0badf00d", token=new_token(), at=self.state.clock.now())
        journal = Journal(self.state.runs, row, self.state.clock)
        context = RunnerContext(
            row=row, reach=reach, kinds=step_kinds(), store=self.state.runs, journal=journal, audit=self.state.audit,
            clock=self.state.clock, operator=OPERATOR, config_hash=plan.config_hash,
            archives=self.directory / "archives", lost=Flag(), pace=QUICK,
        )  # fmt: skip
        code = Runner(context).run()
        events = self.state.runs.events(row.id)
        view = fold(start_view(row), events)
        assert view.outcome in (Outcome.FAILED, Outcome.OK)
        return code, view.detail, any(event.kind is EventKind.STEP_INTENDED for event in events)

    def close(self) -> None:
        for reach in self.reaches:
            reach.close()
        self.state.close()


@pytest.fixture
def desk(lab_alone: Lab, tmp_path: Path) -> Iterator[Desk]:
    lab_alone.heal()
    made = Desk(lab_alone, tmp_path / "console")
    yield made
    made.close()


Laying = Callable[[Lab], contextlib.AbstractContextManager[None]]


@dataclass(frozen=True, slots=True)
class Fault:
    """What is laid where, what the refusal must say, and of which action."""

    name: str
    lay: Laying
    says: str
    action: str = "deploy"


def df(column: str) -> str:
    """A `df` of a full filesystem: of blocks or of inodes."""
    wrong = f'case "$*" in *{column}*) echo h; echo "fs 9999999 1 1 1% /"; exit ;; esac'
    return f'{wrong}\nexec /bin/df "$@"'


FAULTS = [
    Fault("php", lambda lab: stand_in(lab.node2, "php", "exit 126"), r"web2: PHP does not run by php"),
    Fault(
        "supervisor silent",
        lambda lab: stopped(lab, "supervisor2"),
        r"web2: supervisorctl does not answer, with sudo -n neither.*needed by workers",
    ),
    Fault(
        "supervisor forbidden",
        lambda lab: stand_in(lab.node1, "supervisorctl", "echo 'error: <class PermissionError>' >&2; exit 4"),
        r"web1: supervisorctl does not answer",
    ),
    Fault("link is a directory", lambda lab: directory_for_link(lab.node1), r"web1: \S*/current is not a link"),
    Fault(
        "shared file",
        lambda lab: moved_away(f"{lab.node2.path}/shared/.env"),
        r"web2: \S*/shared/.env is not there \(needed by shared\)",
    ),
    Fault(
        "releases read-only",
        lambda lab: read_only(f"{lab.node2.path}/releases"),
        r"web2: this account cannot write \S*/releases \(needed by code\)",
    ),
    Fault(
        "base read-only",
        lambda lab: read_only(lab.node2.path),
        r"web2: this account cannot write \S+node2/app \(needed by link\)",
    ),
    Fault("disk full", lambda lab: stand_in(lab.node2, "df", df("Pk")), r"web2: \S*/releases: only 0 MiB are free"),
    Fault("no inodes", lambda lab: stand_in(lab.node2, "df", df("Pi")), r"web2: \S*/releases: only 1 inodes are free"),
    Fault(
        "repository",
        lambda lab: stand_in(lab.node2, "git", "echo 'Host key verification failed.' >&2; exit 128"),
        r"web2: the repository cannot be read: Host key verification failed",
    ),
    Fault(
        "old release read-only",
        lambda lab: read_only(f"{lab.node1.path}/releases/{lab.release(lab.node1)}"),
        r"web1: this account cannot write \S+ \(needed by mark\)",
        action="rollback",
    ),
    Fault(
        "caches read-only",
        lambda lab: read_only(f"{lab.node2.path}/releases/{OLD_RELEASE}/bootstrap/cache"),
        r"web2: this account cannot write \S+/bootstrap/cache \(needed by config",
        action="rollback",
    ),
    Fault(
        "artisan missing",
        lambda lab: moved_away(f"{lab.node1.path}/releases/{OLD_RELEASE}/artisan"),
        r"web1: \S+/releases/\d+/artisan is not there \(needed by config",
        action="rollback",
    ),
]


def step(name: str, kind: str, params: Any, **more: Any) -> StepSpec:
    return StepSpec(name=name, kind=kind, params=params, on="all", effect=Effect.IDEMPOTENT, **more)


def shell(*words: str) -> dict[str, Any]:
    return {"run": [list(words)], "script": "", "in": "base", "secrets": {}}


WRONG: list[tuple[str, StepSpec, dict[str, Any], str]] = [
    (
        "tool",
        step("build", "shell", shell("no-such-tool", "x")),
        {},
        r"web1, web2: there is no command no-such-tool \(needed by build\)",
    ),
    (
        "account",
        step("as", "artisan", {"run": ["about"], "in": "current"}, become="nobody"),
        {},
        r"sudo -n does not let this account run php artisan as nobody \(needed by as\)",
    ),
    (
        "right",
        step("reload", "shell", shell("sudo", "-n", "nginx", "-s", "reload")),
        {},
        r"sudo -n does not let this account run nginx -s reload as root",
    ),
    (
        "program",
        step("workers", "service", {"restart": "workers", "reload": ""}),
        {"supervisor": ("laravel-wrker",)},
        r"supervisord does not know the program laravel-wrker; it knows .*laravel-worker",
    ),
    ("unit", step("fpm", "service", {"restart": "", "reload": "php8.2-fpm"}), {}, r"systemctl does not answer"),
    (
        "directory",
        step("here", "shell", {**shell("true"), "in": "current"}),
        {"root": "main"},
        r"web1: \S+/current/main is not there \(needed by here\)",
    ),
    (
        "artisan",
        step("clear", "artisan", {"run": ["view:clear"], "in": "current"}),
        {"root": "main"},
        r"web1: \S+/current/main/artisan is not there",
    ),
]


@pytest.mark.parametrize(("spec", "app", "says"), [one[1:] for one in WRONG], ids=[one[0] for one in WRONG])
def test_what_an_action_or_the_configuration_names_wrongly_is_refused(
    desk: Desk, spec: StepSpec, app: dict[str, Any], says: str
) -> None:
    """The fault is in what is declared, so every plan has it: planned it is refused, and a plan from elsewhere too."""
    first = step("first", "shell", shell("true"))
    action = Action(name="try", title="Try", steps=(first, spec), digest="d" * 64)
    reach = desk.reach(**app)
    with pytest.raises(RefusedError, match=says):
        desk.plan(action, reach)
    plan = desk.plan(replace(action, steps=(first,)), reach)
    environment = reach.environment
    context = PlanContext(environment=environment, scope={}, step=spec, hosts=environment.hosts)
    forged = replace(plan, steps=(*plan.steps, step_kinds()[spec.kind].plan(context)))
    code, why, begun = desk.run(forged, reach)
    assert (code, begun) == (7, False), why


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_a_fault_is_refused_in_the_plan_and_in_preflight(desk: Desk, fault: Fault) -> None:
    reach = desk.reach()
    action = desk.action(fault.action)
    before = desk.plan(action, reach)
    with fault.lay(desk.lab):
        with pytest.raises(RefusedError, match=fault.says) as caught:
            desk.plan(action, reach)
        assert caught.value.fix and "Nothing was planned." in caught.value.done
        code, why, begun = desk.run(before, reach)
        assert (code, begun) == (7, False), why


def test_busybox_answers_as_any_other_shell_does(lab: Lab) -> None:
    """Every kind of need, asked by an account whose only shell and tools are busybox'."""
    home, node = f"{lab.node1.path}/releases", lab.node1
    every = [
        Need(host="web1", what=NeedKind.TOOL, name="php"),
        Need(host="web1", what=NeedKind.TOOL, name="no-such-tool"),
        Need(host="web1", what=NeedKind.PHP, name="php"),
        Need(host="web1", what=NeedKind.ACCOUNT, name="root", command=("true",)),
        Need(host="web1", what=NeedKind.PROGRAM, name="laravel-worker"),
        Need(host="web1", what=NeedKind.UNIT, name="nginx", command=("reload",)),
        Need(host="web1", what=NeedKind.LINK, name=node.current),
        Need(host="web1", what=NeedKind.LINK, name=home),
        Need(host="web1", what=NeedKind.PATH, name=f"{node.current}/artisan"),
        Need(host="web1", what=NeedKind.WRITABLE, name="/proc/1/x"),
        Need(host="web1", what=NeedKind.SPACE, name=f"{home}/not/there", amount=1024),
        Need(host="web1", what=NeedKind.SPACE, name=home, amount=1 << 40),
        Need(host="web1", what=NeedKind.REPOSITORY, name="/no/such.git", mirror="/no/mirror", commit="a" * 40),
        Need(host="web1", what=NeedKind.ANSWER, name="it rains", script="exit 3"),
    ]
    with shell_to(lab, BUSYBOX_USER) as shell:
        done = shell.run(needs_script(every), deadline=60.0)
    said = {one.sentence for one in read_answers(every, done.stdout, done.stderr, {})}
    assert not any("could not be asked" in sentence for sentence in said), (done.stdout, done.stderr)
    refused = [
        "there is no command no-such-tool",
        "sudo -n does not let this account run true as root: there is no sudo",
        f"{home} is not a link, so it cannot be switched",
        "this account cannot write /proc/1/x",
        "it rains",
    ]
    assert set(refused) <= said
    assert not any("php" in sentence or "artisan" in sentence for sentence in said)
    assert sum("MiB are wanted" in sentence for sentence in said) == 1
    assert any(sentence.startswith("the repository cannot be read: ") for sentence in said)
    assert any(sentence.startswith("systemctl does not answer") for sentence in said)


def test_a_command_that_artisan_does_not_list_is_doubted(desk: Desk) -> None:
    current = {"in": "current"}
    unknown = step("warm", "artisan", {"run": ["shop:warm", "--all"], **current})
    known = step("list", "artisan", {"run": ["lab:dispatch", "ok"], **current})
    plan = desk.plan(Action(name="try", title="Try", steps=(unknown, known), digest="d" * 64), desk.reach())
    doubts = [note for note in plan.notes if "knows no command" in note]
    assert [note.partition(" knows no ")[2].split()[1] for note in doubts] == ["shop:warm", "shop:warm"], plan.notes
