"""Scenes of the screen for pictures: a world, a size, keys, and what must be seen before the picture is taken."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from threading import Event

from textual.pilot import Pilot

from console.domain.actions import Action, Param, ParamType, StepSpec
from console.domain.facts import queue_guesses
from console.domain.failures import FailedPage, FailedSummary
from console.domain.logs import FileOrigin
from console.domain.queues import QueueReading
from console.domain.runs import EventKind
from console.ports import Publish
from console.services.container import Services
from console.services.discovery.probe import EnvFile, ProbeAnswer
from console.services.discovery.trust_order import learned
from console.sources.application import reading_of
from console.ui.app import ConsoleApp
from tests.fakes.screen import FakeWorld, fill, living_world, make_world, start_deploy
from tests.fakes.world_values import make_failed, make_production, make_queues, make_staging
from tests.waiting import eventually_on

TRACE = (
    '[2026-11-21 20:50:58] production.ERROR: RateLimited: 429 from api {"exception":"[object] '
    "(App\\\\Exceptions\\\\RateLimited(code: 429): 429 from api at /srv/app/app/Jobs/ProcessCvReview.php:41)\n"
    "[stacktrace]\n#0 /srv/app/app/Jobs/ProcessCvReview.php(41): CvReviewService->analyze()\n"
    '#1 /srv/app/vendor/laravel/framework/src/A.php(1): f()\n#2 {main}\n"} \n'
)
LOG = (
    ("web1", '[2026-11-21 20:50:41] production.INFO: bulk action 8812 batch 41 of 80 done {"rows":500,"ms":912} \n'),
    ("web2", '[2026-11-21 20:50:44] production.WARNING: rate limit near for api.reviews {"remaining":3} \n'),
    ("web1", TRACE),
    ("web1", '[2026-11-21 20:51:02] production.INFO: worker restarted {"program":"laravel-worker_00"} \n'),
    ("web2", '[2026-11-21 20:51:03] production.INFO: worker restarted {"program":"laravel-worker_01"} \n'),
)


@dataclass(frozen=True)
class Scene:
    """One picture. `seen` are texts that must stand on the screen before it is taken."""

    name: str
    size: tuple[int, int]
    keys: tuple[str, ...] = ()
    seen: tuple[str, ...] = ("PROTECTED",)
    world: Callable[[], FakeWorld] = living_world
    act: Callable[[FakeWorld], None] | None = None
    theme: str = "dark"
    stuck: bool = False
    state: dict[str, FakeWorld] = field(default_factory=dict)

    def app(self) -> ConsoleApp:
        """The screen on this scene's world."""
        world = self.world()
        log(world)
        self.state["world"] = world

        def never(publish: Publish) -> Services:
            Event().wait(600)
            return world.factory(publish)

        return ConsoleApp(never if self.stuck else world.factory, theme=self.theme)

    def run_before(self) -> Callable[[Pilot[None]], Awaitable[None]]:
        """Acts and waits until the scene stands."""

        async def before(pilot: Pilot[None]) -> None:
            app = pilot.app
            assert isinstance(app, ConsoleApp)
            if not self.stuck:
                await until(pilot, lambda: app.services is not None)
                await until(pilot, lambda: "D deploy" in text(app))
            await pilot.press(*self.keys)
            if self.act:
                self.act(self.state["world"])
                # The world's clock has jumped; the second hand comes when it likes.
                app.main._tick()
            await until(pilot, lambda: all(words in text(app) for words in self.seen))
            app.clear_notifications()
            for _ in range(15):
                await pilot.pause(0.02)

        return before


def text(app: ConsoleApp) -> str:
    """The whole screen as text."""
    return "\n".join(strip.text for strip in app.screen._compositor.render_strips())


async def until(pilot: Pilot[None], seen: Callable[[], object]) -> None:
    """Waits up to ten seconds for a condition."""
    app = pilot.app
    assert isinstance(app, ConsoleApp)
    await eventually_on(pilot, seen, otherwise=lambda: f"the screen shows:\n{text(app)}")


def log(world: FakeWorld) -> None:
    """Some lines of two hosts."""
    minute = int(world.clock.now().timestamp()) // 60
    for environment in world.environments:
        ring = world.tails.ring(environment.name)
        offsets: dict[str, int] = {}
        for host, line in LOG:
            data = line.encode()
            at = offsets.get(host, 0)
            ring.append(FileOrigin(host, "storage/logs/laravel.log", f"8:{host}"), at, data, minute=minute)
            offsets[host] = at + len(data)


# --- worlds and acts -------------------------------------------------------------------------------------------------


def unread() -> FakeWorld:
    """Nothing was read yet."""
    return make_world(make_production(), make_staging())


def empty() -> FakeWorld:
    """Everything was read, and there is nothing."""
    environment = replace(make_staging(), name="fresh", health=(), logs=(), supervisor=())
    world = make_world(environment)
    fill(world, "fresh", calm=True)
    world.board.put("fresh", "redis_queues", QueueReading(connection="redis", driver="redis", queues=(), server_time=0))
    del world.board.snapshots["fresh"]["sql_queues"]
    page = FailedPage(total=0, total_is_exact=True, next=None, jobs=())
    world.board.put("fresh", "failed_jobs", FailedSummary(page=page, since_hour=0))
    world.checklists.views.clear()
    world.tails.followed.clear()
    del world.board.snapshots["fresh"]["probes"]
    return world


def guessed() -> FakeWorld:
    """The host has no PHP: its `.env` and defaults are all that is known."""
    env = {"APP_ENV": "production", "APP_KEY": "base64:x", "DB_CONNECTION": "mysql", "DB_HOST": "db", "REDIS_HOST": "r"}
    answer = ProbeAnswer(signature="s", env=EnvFile.READ, values=env, nophp=True, problem="there is no PHP on the host")
    facts = learned(replace(answer, values={**env, "DB_DATABASE": "shop", "REDIS_PREFIX": "shop_"})).facts(answer)
    world = living_world()
    world.board.put("production", "app", reading_of(facts))
    redis = replace(make_queues(), guesses=queue_guesses(facts, facts.queues[0]))
    world.board.put("production", "redis_queues", redis)
    return world


def opened() -> FakeWorld:
    """A change window is open."""
    world = living_world()
    world.windows.open("production")
    return world


def asking() -> FakeWorld:
    """Deploy asks for its ref."""
    world = living_world()
    ref = Param(name="ref", type=ParamType.GIT_REF, default="{app.source.ref}", ask=True, help="Branch, tag or commit")
    step = StepSpec(name="one", kind="shell", params={})
    world.runs.declared = (Action(name="deploy", title="Deploy", steps=(step,), params=(ref,)),)
    return world


def noted() -> FakeWorld:
    """The plan has something that must be read first."""
    world = opened()
    world.runs.notes = (
        "Probe mail fails already: it will not count against the gate (allow_failing=mail).",
        "2 migrations stay when this release is rolled back: 2026_11_20_104512, 2026_11_20_110001.",
    )
    return world


def failing(world: FakeWorld) -> None:
    """Redis and one host went away half a minute ago."""
    world.clock.advance(30)
    world.board.put("production", "failed_jobs", make_failed(world.failed.jobs))
    world.board.fail("production", "redis_queues", "Redis does not answer within 2 s")
    world.board.fail("production", "workers", "web2: no route to host")


def unreadable() -> FakeWorld:
    """A wrong database password, and a host that nobody knows, from the first read on."""
    world = living_world()
    own = world.board.snapshots["production"]
    for source in ("sql_queues", "failed_jobs", "hosts", "workers"):
        del own[source]
    denied = "Access denied for user 'app'@'db.internal' (using password: YES)"
    for source in ("queues:database", "failed_jobs"):
        world.board.fail("production", source, denied)
    for source in ("hosts", "workers"):
        world.board.fail("production", source, "web1 is not known: its host key is in no known_hosts file")
    return world


def gating() -> FakeWorld:
    """The deploy's gate has been looking for a minute."""
    world = stepped()
    runs = world.runs
    runs.add(42, EventKind.GATE_SAMPLED, probe="/up", status="ok")
    world.clock.advance(67)
    runs.add(42, EventKind.GATE_SAMPLED, probe="mail", status="failed")
    for environment in world.environments:
        fill(world, environment.name, calm=environment.name == "staging")
    return world


def old(world: FakeWorld) -> None:
    """Nothing was read for five minutes."""
    world.clock.advance(300)


def deploying() -> FakeWorld:
    """A deploy in its third step, everything else read just now."""
    world = living_world()
    start_deploy(world, "production")
    for environment in world.environments:
        fill(world, environment.name, calm=environment.name == "staging")
    return world


def stepped() -> FakeWorld:
    """The deploy's steps have ended, its gate is next."""
    world = deploying()
    runs = world.runs
    runs.add(42, EventKind.STEP_FINISHED, "migrate", "web1", outcome="ok", exit_status=0)
    for step in ("caches", "link", "workers"):
        for host in ("web1", "web2"):
            runs.step(42, step, host, 2)
    runs.step(42, "health", "", 4)
    return world


def gate_failed() -> FakeWorld:
    """The deploy's gate failed; it offers a rollback."""
    world = stepped()
    runs = world.runs
    runs.add(42, EventKind.GATE_DECIDED, decision="failed", detail="mail failed three times in a row")
    runs.add(42, EventKind.LOCK_RELEASED)
    detail = "mail failed three times in a row"
    runs.add(42, EventKind.RUN_FINISHED, outcome="failed", detail=detail, offers=["rollback"])
    for environment in world.environments:
        fill(world, environment.name, calm=environment.name == "staging")
    return world


def questioned() -> FakeWorld:
    """A run asks how its step ended."""
    world = deploying()
    question = "web1 lost its link while migrate ran. Look at the migrations table, then say how it ended."
    world.runs.add(42, EventKind.LINK_LOST, host="web1")
    world.runs.add(
        42, EventKind.OPERATOR_NEEDED, "migrate", question=question, choices=["mark-done", "mark-failed", "abort"]
    )
    return world


SMALL, FULL, WIDE = (80, 24), (120, 36), (200, 50)
SCENES = (
    Scene("main_80x24", SMALL, seen=("PROTECTED", "4,862 ready")),
    Scene("main_120x36", FULL, ("2",), seen=("bulk-actions", "ProcessCvReview")),
    Scene("main_200x50", WIDE, ("2", "j"), seen=("bulk-actions", "per min")),
    Scene("main_light_120x36", FULL, ("4",), theme="light", seen=("bulk-actions",)),
    Scene("starting_120x36", FULL, seen=("starting …", "6 Logs"), stuck=True),
    Scene("unread_120x36", FULL, world=unread, seen=("reading …",)),
    Scene("empty_120x36", FULL, world=empty, seen=("no queue found yet", "no failed jobs")),
    Scene("errors_120x36", FULL, act=failing, seen=("Redis does not answer",)),
    Scene("unreadable_120x36", FULL, world=unreadable, seen=("Access denied", "no known_hosts")),
    Scene("unreadable_80x24", SMALL, ("2",), world=unreadable, seen=("Access denied",)),
    Scene("unreadable_200x50", WIDE, ("4",), world=unreadable, seen=("Access denied",)),
    Scene("environment_120x36", FULL, ("1", "enter"), seen=("load 0.42 (1 min)",)),
    Scene("environment_80x24", SMALL, ("1", "enter"), seen=("load 0.42 (1 min)",)),
    Scene("guessed_120x36", FULL, ("1", "enter"), world=guessed, seen=("no PHP", "retry_after")),
    Scene("guessed_80x24", SMALL, ("2",), world=guessed, seen=("on defaults",)),
    Scene("stale_120x36", FULL, act=old, seen=("5 m ago",)),
    Scene("normal_tier_120x36", FULL, ("1", "j", "enter"), seen=("NORMAL", "staging.example.com", "D deploy")),
    Scene("window_open_120x36", FULL, world=opened, seen=("change window 15:00 left",)),
    Scene("failed_80x24", SMALL, ("4",), seen=("RateLimited",)),
    Scene("failed_marked_zoom_120x36", FULL, ("4", "z", "v", "space", "j", "space"), seen=("2 marked",)),
    Scene("queues_zoom_200x50", WIDE, ("2", "z", "s"), seen=("queue↓",)),
    Scene("filter_120x36", FULL, ("2", "slash", "b", "u"), seen=("bulk-actions",)),
    Scene("logs_zoom_120x36", FULL, ("6", "z"), seen=("worker restarted",)),
    Scene("confirm_protected_120x36", FULL, ("D",), world=noted, seen=("type production", "2 migrations")),
    Scene("confirm_normal_120x36", FULL, ("1", "j", "enter", "D"), seen=("Cancel", "Plan: Deploy")),
    Scene("confirm_protected_80x24", SMALL, ("D",), world=noted, seen=("type production",)),
    Scene("confirm_wrong_name_120x36", FULL, ("D", "p", "enter"), world=opened, seen=("That is not production",)),
    Scene("retry_120x36", FULL, ("4", "r"), world=opened, seen=("retry 61 failed jobs of the newest 100",)),
    Scene("params_120x36", FULL, ("D",), world=asking, seen=("Branch, tag or commit",)),
    Scene("run_80x24", SMALL, ("0",), world=deploying, seen=("migrate", "Migrating")),
    Scene("run_120x36", FULL, ("0",), world=deploying, seen=("running 0:09", "Migrating")),
    Scene("run_200x50", WIDE, ("0",), world=deploying, seen=("running 0:09",)),
    Scene("run_gate_120x36", FULL, ("0",), world=gating, seen=("gate 1:07/2:00", "gate of run 42")),
    Scene("run_gate_failed_80x24", SMALL, ("0",), world=gate_failed, seen=("offers: rollback",)),
    Scene("run_gate_failed_120x36", FULL, ("0",), world=gate_failed, seen=("offers: rollback",)),
    Scene("run_question_120x36", FULL, ("0",), world=questioned, seen=("a answers:",)),
    Scene("help_120x36", FULL, ("question_mark",), seen=("Everywhere",)),
    Scene("help_80x24", SMALL, ("question_mark",), seen=("Everywhere",)),
    Scene("failed_detail_120x36", FULL, ("4", "enter"), seen=("14 vendor frames",)),
    Scene("failed_detail_80x24", SMALL, ("4", "enter"), seen=("caused by",)),
    Scene("palette_120x36", FULL, ("ctrl+p", "r", "o", "l"), seen=("rollback  (R)",)),
    Scene("command_line_120x36", FULL, ("colon", "r", "u", "n", "tab"), seen=("run cleanup",)),
)
