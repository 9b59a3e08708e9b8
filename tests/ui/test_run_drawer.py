"""The run drawer: steps by hosts, output, questions, and what is asked of a run."""

from __future__ import annotations

from dataclasses import replace

import pytest

from console.domain.documents import Json
from console.domain.releases import ReleaseReading
from console.domain.runs import EventKind
from console.ui.screens.detail import DetailScreen
from tests.fakes.screen import FakeWorld, living_world, start_deploy
from tests.fakes.world_values import make_releases
from tests.ui.driving import driven


@pytest.fixture
def world() -> FakeWorld:
    return living_world()


async def test_deploy_watch_and_tail_stand_on_one_screen(world: FakeWorld) -> None:
    start_deploy(world, "production")
    async with driven(world) as screen:
        await screen.press("0")
        await screen.settle()
        for shown in ("0 Run  42", "ok  0:31", "running 0:09", "Migrating:", "lock held", "2/8"):
            assert shown in screen.text
        for pane in ("2 Queues", "3 Health", "6 Logs", "bulk-actions", "database"):
            assert pane in screen.text


async def test_a_run_that_goes_on_already_stands_in_the_drawer_and_takes_no_key(world: FakeWorld) -> None:
    start_deploy(world, "production")
    async with driven(world) as screen:
        await screen.until(lambda: "0 Run  42" in screen.text)
        assert screen.main.arrangement.focused == 1


async def test_a_run_that_is_over_leaves_the_drawer_closed(world: FakeWorld) -> None:
    run = start_deploy(world, "production")
    world.runs.add(run, EventKind.RUN_FINISHED, outcome="ok")
    async with driven(world) as screen:
        await screen.settle()
        assert "0 Run" not in screen.text


async def test_a_closed_drawer_leaves_the_run_in_the_footer(world: FakeWorld) -> None:
    start_deploy(world, "production")
    async with driven(world) as screen:
        await screen.until(lambda: "0 Run  42" in screen.text)
        await screen.press("0", "0")
        await screen.until(lambda: "0 Run" not in screen.text and "run 42 deploy" in screen.text)


async def test_news_of_a_run_appear_without_a_key(world: FakeWorld) -> None:
    run = start_deploy(world, "production")
    async with driven(world) as screen:
        await screen.press("0")
        world.runs.add(run, EventKind.STEP_FINISHED, "migrate", "web1", outcome="failed", exit_status=1)
        await screen.until(lambda: "exit 1" in screen.text)


async def test_the_end_is_told_with_what_it_offers(world: FakeWorld) -> None:
    run = start_deploy(world, "production")
    async with driven(world) as screen:
        await screen.press("0")
        world.runs.add(run, EventKind.GATE_SAMPLED, probe="mail", status="failed")
        await screen.until(lambda: "gate 0:00/2:00  mail failed" in screen.text)
        world.runs.add(
            run, EventKind.RUN_FINISHED, outcome="failed", detail="mail failed three times", offers=["rollback"]
        )
        await screen.until(lambda: "run 42 deploy: failed · offers rollback" in screen.notices)
        await screen.until(lambda: "mail failed three times" in screen.text and "offers: rollback" in screen.text)
        assert screen.main.panes.drawer.has_class("-bad")


async def test_a_question_is_shown_and_answered_by_its_words(world: FakeWorld) -> None:
    run = start_deploy(world, "production")
    async with driven(world) as screen:
        world.runs.add(run, EventKind.OPERATOR_NEEDED, "migrate", question="Did it finish?", choices=["done", "failed"])
        await screen.until(lambda: any("run 42 deploy asks: Did it finish?" in notice for notice in screen.notices))
        await screen.press("0", "a", *"perhaps", "enter")
        assert world.runs.asks == []
        await screen.press("a", *"done", "enter")
        await screen.until(lambda: world.runs.asks)
        assert world.runs.asks == [(run, "answer", "done")]


async def test_abort_is_typed_and_hold_goes_on_again(world: FakeWorld) -> None:
    run = start_deploy(world, "production")
    async with driven(world) as screen:
        await screen.press("0", "X", *"no", "enter")
        assert world.runs.asks == []
        await screen.press("X", *"abort", "enter")
        await screen.press("h")
        await screen.press("h")
        await screen.until(lambda: len(world.runs.asks) == 3)
        assert world.runs.asks == [(run, "abort", ""), (run, "hold", ""), (run, "go", "")]


async def test_a_hold_is_the_runs_own_on_whatever_screen_looks_at_it(world: FakeWorld) -> None:
    run = start_deploy(world, "production")
    world.runs.add(run, EventKind.OPERATOR_ANSWERED, request="hold", who="ben@bastion", body="")
    async with driven(world) as screen:
        await screen.press("0")
        await screen.until(lambda: "held by ben@bastion: h goes on" in screen.text)
        await screen.press("h")
        await screen.until(lambda: world.runs.asks == [(run, "go", "")])
        world.runs.add(run, EventKind.OPERATOR_ANSWERED, request="go", who="ops1@bastion", body="")
        await screen.until(lambda: "q leaves it running" in screen.text and "held by" not in screen.text)
        world.runs.add(run, EventKind.OPERATOR_ANSWERED, request="hold", who="ben@bastion", body="")
        await screen.until(lambda: "held by ben@bastion" in screen.text)
        world.runs.add(run, EventKind.RUN_STARTED, pid=7)
        await screen.until(lambda: "held by" not in screen.text)
        await screen.press("h")
        await screen.until(lambda: world.runs.asks[1:] == [(run, "hold", "")])


async def test_a_hold_takes_no_question_away(world: FakeWorld) -> None:
    run = start_deploy(world, "production")
    world.runs.add(run, EventKind.OPERATOR_NEEDED, "migrate", question="Did it finish?", choices=["done", "failed"])
    async with driven(world) as screen:
        await screen.press("0")
        world.runs.add(run, EventKind.OPERATOR_ANSWERED, request="hold", who="ben@bastion", body="")
        await screen.until(lambda: "held by ben@bastion" in screen.text)
        assert "Did it finish?" in screen.text and "needs operator" in screen.text


async def test_o_shows_the_whole_output_harmlessly(world: FakeWorld) -> None:
    run = start_deploy(world, "production")
    world.runs.outputs[run, "migrate", "web1"] += b"\x1b]0;owned\x07 [bold]not markup[/bold]\n"
    async with driven(world) as screen:
        await screen.press("0", "o")
        await screen.until(lambda: isinstance(screen.app.screen, DetailScreen))
        await screen.settle()
        assert "Migrated:" in screen.text and "[bold]not markup[/bold]" in screen.text and "\x1b" not in screen.text
        assert "the newest" not in screen.text


async def test_o_says_when_it_does_not_show_all(world: FakeWorld) -> None:
    run = start_deploy(world, "production")
    world.runs.outputs[run, "migrate", "web1"] = b"a line of output\n" * 10_000
    async with driven(world) as screen:
        await screen.press("0", "o")
        await screen.until(lambda: isinstance(screen.app.screen, DetailScreen))
        await screen.until(lambda: "the newest 65,536 of 170,000 bytes" in screen.text)
        assert f"opsconsole runs attach {run} prints all" in screen.text


async def test_without_a_run_the_drawer_says_the_next_step(world: FakeWorld) -> None:
    async with driven(world) as screen:
        await screen.press("0")
        assert "no run yet" in screen.text
        await screen.press("a", "X", "h", "o", "enter")
        assert world.runs.asks == []


async def test_a_small_screen_shows_the_drawer_alone(world: FakeWorld) -> None:
    start_deploy(world, "production")
    async with driven(world, (80, 24)) as screen:
        await screen.until(lambda: "0 Run" in screen.text)
        await screen.press("0")
        await screen.settle()
        assert "migrate" in screen.text and "1 Environments" in screen.text and "PROTECTED" in screen.text


@pytest.mark.parametrize("close", ["0", "escape"])
async def test_closing_the_drawer_leads_back_to_the_pane_before(world: FakeWorld, close: str) -> None:
    start_deploy(world, "production")
    async with driven(world) as screen:
        await screen.press("4", "0")
        assert screen.main.arrangement.focused == 0
        await screen.press(close)
        assert screen.main.arrangement.focused == 4 and screen.main.focused is screen.table(4)


async def test_the_drawer_names_only_keys_that_the_run_still_takes(world: FakeWorld) -> None:
    run = start_deploy(world, "production")
    async with driven(world) as screen:
        await screen.press("0")
        await screen.until(lambda: "o output  h hold  X abort" in screen.text and "a answer" not in screen.text)
        world.runs.add(run, EventKind.OPERATOR_NEEDED, "migrate", question="Did it finish?", choices=["done"])
        await screen.until(lambda: "a answer  o output" in screen.text)
        world.runs.add(run, EventKind.RUN_FINISHED, outcome="ok")
        await screen.until(lambda: "o output ─" in screen.text and "h hold" not in screen.text)


async def test_quitting_leaves_the_run_alone(world: FakeWorld) -> None:
    start_deploy(world, "production")
    async with driven(world) as screen:
        await screen.press("q")
        await screen.until(lambda: screen.app._exit)
        assert world.runs.asks == [] and screen.app.return_code == 0


async def test_each_job_of_a_retry_says_what_became_of_it(world: FakeWorld) -> None:
    run = start_deploy(world, "production")
    results: list[Json] = [
        {"uuid": "11111111-aaaa", "outcome": "failed", "detail": "its row is still \x1b[2Jthere"},
        {"uuid": "22222222-bbbb", "outcome": "ok", "detail": "back on its queue"},
    ]
    world.runs.add(run, EventKind.STEP_FINISHED, "migrate", "web1", outcome="failed", exit_status=1, results=results)
    async with driven(world) as screen:
        await screen.press("0")
        await screen.until(lambda: "11111111-aaaa  failed  its row is still ␛[2Jthere" in screen.text)
        await screen.press("o")
        await screen.until(lambda: isinstance(screen.app.screen, DetailScreen))
        await screen.until(lambda: "22222222-bbbb  ok  back on its queue" in screen.text and "Migrated:" in screen.text)


async def test_what_ended_a_run_stands_in_lines_and_its_way_out_with_its_key(world: FakeWorld) -> None:
    run = start_deploy(world, "production")
    detail = "No link.\nIt was cut.\nCheck it."
    world.runs.add(run, EventKind.RUN_FINISHED, outcome="failed", detail=detail, offers=["rollback"])
    async with driven(world) as screen:
        await screen.press("0")
        await screen.until(lambda: "offers: rollback (R)" in screen.text)
        assert all(f"│ {line} " in screen.text for line in ("No link.", "It was cut.", "Check it."))


async def test_a_run_of_few_steps_leaves_its_room_to_the_output(world: FakeWorld) -> None:
    run = start_deploy(world, "production")
    row = world.runs.rows[run]
    only = tuple(step for step in row.plan.steps if step.name == "migrate")
    world.runs.rows[run] = replace(row, plan=replace(row.plan, steps=only))
    world.runs.outputs[run, "migrate", "web1"] = "".join(f"line {n}\n" for n in range(30)).encode()
    async with driven(world) as screen:
        await screen.press("0")
        await screen.until(lambda: all(f"line {n}" in screen.text for n in range(25, 30)))
        assert "php artisan migrate" in screen.text


@pytest.mark.parametrize(("size", "outcome"), [((120, 36), "cancelled"), ((80, 24), "failed")])
async def test_a_run_that_ended_badly_says_what_is_live_now(
    world: FakeWorld, size: tuple[int, int], outcome: str
) -> None:
    run = start_deploy(world, "production")
    world.runs.add(run, EventKind.STEP_FINISHED, "migrate", "web1", outcome="ok", exit_status=0, migrated=2)
    async with driven(world, size) as screen:
        await screen.press("0")
        world.clock.advance(1)
        detail = "aborted by ops1@bastion before step workers"
        world.runs.add(run, EventKind.RUN_FINISHED, outcome=outcome, detail=detail, offers=["rollback"])
        # What was read before the end says nothing of what is live after it.
        await screen.until(lambda: "current release now: reading …" in screen.text)
        hosts = tuple(
            replace(host, current=current)
            for host, current in zip(make_releases().hosts, ("20261121-3", "20261120-1"), strict=True)
        )
        world.board.put("production", "releases", ReleaseReading(hosts=hosts), every=5.0)
        await screen.until(lambda: "current release now: web1 20261121-3, web2 20261120-1" in screen.text)
        for shown in (detail, "2 migrations ran: step migrate ended ok", "offers: rollback (R)"):
            assert shown in screen.text


@pytest.mark.parametrize("end", ["failed", "unknown"])
async def test_migrations_that_did_not_end_well_are_told_as_well(world: FakeWorld, end: str) -> None:
    run = start_deploy(world, "production")
    world.runs.add(run, EventKind.STEP_FINISHED, "migrate", "web1", outcome=end)
    world.runs.add(run, EventKind.RUN_FINISHED, outcome="failed", detail="step migrate failed")
    async with driven(world) as screen:
        await screen.press("0")
        await screen.until(lambda: "migrations may have run in part: step migrate" in screen.text)
        assert "migrations ran" not in screen.text


async def test_a_run_that_ended_well_needs_no_such_words(world: FakeWorld) -> None:
    run = start_deploy(world, "production")
    async with driven(world) as screen:
        await screen.press("0")
        world.runs.add(run, EventKind.STEP_FINISHED, "migrate", "web1", outcome="ok", exit_status=0)
        world.runs.add(run, EventKind.RUN_FINISHED, outcome="ok")
        await screen.until(lambda: "ok" in screen.text and "migrations ran" not in screen.text)
        await screen.settle()
        assert "current release now" not in screen.text


async def test_the_gate_counts_its_time(world: FakeWorld) -> None:
    run = start_deploy(world, "production")
    async with driven(world) as screen:
        await screen.press("0")
        world.runs.add(run, EventKind.GATE_SAMPLED, probe="/up", status="ok")
        await screen.until(lambda: "gate 0:00/2:00  /up ok" in screen.text)
        world.clock.advance(67)
        await screen.until(lambda: "gate 1:07/2:00  /up ok" in screen.text)
