"""Plans and runs as people read them."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from console.domain.documents import Json
from console.domain.runs import EventKind, Outcome, RunState
from console.present.run_rows import (
    gate_line,
    plan_lines,
    result_lines,
    run_columns,
    run_rows,
    run_seconds,
    run_state,
    run_title,
    shown_host,
    shown_step,
)
from console.present.text import Line
from tests.fakes.screen import living_world, start_deploy
from tests.fakes.world_values import START, make_plan, make_production


def plain(lines: tuple[Line, ...]) -> str:
    return "\n".join("".join(text for text, _ in line) for line in lines)


def test_a_plan_says_everything_that_will_happen() -> None:
    notes = ("Read this.\nAnd this.",)
    text = plain(plan_lines(make_plan(make_production(), "deploy", {"ref": "main"}, START, notes)))
    assert text.startswith("▲ Read this.\n▲ And this.")
    for words in (
        "20261121-4 (9f8e7d6c5b4a)",
        "deploy@web2.internal",
        "ref main",
        "php artisan migrate --force",
        "destructive",
        "all probes for 2m 00s; when it fails: ask",
        "taken for the whole run",
    ):
        assert words in text


def test_long_parameters_name_how_many_more() -> None:
    ids = [f"id-{n}" for n in range(9)]
    text = plain(plan_lines(make_plan(make_production(), "retry", {"ids": list(ids)}, START)))
    assert "id-0, id-1, id-2, id-3, id-4 and 4 more" in text
    assert "not taken" in text


def test_hostile_words_in_a_plan_are_pictures() -> None:
    plan = make_plan(make_production(), "deploy", {}, START, ("\x1b]52;c;x\x07 note",))
    evil = replace(plan, release="\x1b[31mred", steps=tuple(replace(s, text="\x9b2J", scripts=()) for s in plan.steps))
    assert not set(plain(plan_lines(evil))) & {"\x1b", "\x07", "\x9b"}


def test_a_run_is_steps_by_hosts() -> None:
    world = living_world()
    view = world.runs.view(start_deploy(world, "production"))
    now = world.clock.now()
    assert [column.title for column in run_columns(view)][:4] == ["", "step", "web1", "web2"]
    rows = run_rows(view, now)
    assert [cell.text for cell in rows[0].cells[:4]] == ["✓", "backup", "ok  0:31", "–"]
    assert [cell.text for cell in rows[2].cells[:4]] == ["▶", "migrate", "running 0:09", "–"]
    assert rows[3].cells[0].text == "○"
    assert run_seconds(view, now) == 54
    title = " ".join(text for text, _ in run_title(view, now))
    assert "deploy · ops1@bastion running lock held 2/8" in title and "0:54" in title
    step = shown_step(view)
    assert step is not None and step.name == "migrate" and shown_host(step) == "web1"


def test_what_became_of_each_job_is_shown_before_the_words_of_the_commands_that_did_it() -> None:
    world = living_world()
    run = start_deploy(world, "production")
    for name in ("migrate", "call 1 migrate"):
        world.runs.add(run, EventKind.STEP_INTENDED, name, "web1", attempt=1)
    world.runs.add(run, EventKind.STEP_FINISHED, "call 1 migrate", "web1", outcome="ok")
    step = shown_step(world.runs.view(run))
    assert step is not None and step.name == "migrate"
    results: list[Json] = [{"uuid": "7c6f1d4e", "outcome": "ok", "detail": "back on its queue"}]
    world.runs.add(run, EventKind.STEP_FINISHED, "migrate", "web1", outcome="ok", results=results)
    step = shown_step(world.runs.view(run))
    assert step is not None and step.name == "migrate"
    assert "7c6f1d4e  ok  back on its queue" in plain(result_lines(step))


def test_failure_unknown_and_lost_links_are_never_success() -> None:
    world = living_world()
    run = start_deploy(world, "production")
    world.runs.add(run, EventKind.STEP_FINISHED, "migrate", "web1", outcome="unknown", detail="link lost")
    world.runs.add(run, EventKind.LINK_LOST, host="web1")
    view = world.runs.view(run)
    row = run_rows(view, world.clock.now())[2]
    assert (
        row.cells[0].state == "warning"
        and row.cells[2].text.startswith("unknown")
        and row.cells[-1].text == "link lost"
    )
    assert any("no link: web1" in text and state == "error" for text, state in run_title(view, world.clock.now()))
    failed = replace(view, state=RunState.FINISHED, outcome=Outcome.FAILED)
    assert run_state(failed) == ("failed", "error")
    going = replace(view, state=RunState.RUNNING, outcome=None, held_by="ops2@bastion")
    assert run_state(going) == ("held", "warning")
    assert run_state(replace(view, state=RunState.NEEDS_OPERATOR)) == ("needs operator", "warning")


def test_the_gate_shows_its_time_each_probe_and_then_its_decision() -> None:
    world = living_world()
    run = start_deploy(world, "production")
    assert gate_line(world.runs.view(run), world.clock.now()) == ()
    world.runs.add(run, EventKind.GATE_SAMPLED, probe="mail", status="failed")
    world.clock.advance(62)
    world.runs.add(run, EventKind.GATE_SAMPLED, probe="mail", status="failed")
    world.clock.advance(5)
    line = gate_line(world.runs.view(run), world.clock.now())
    title = " ".join(words for words, _ in run_title(world.runs.view(run), world.clock.now()))
    assert "2/8 ▓▓░░░░░░ gate 1:07/2:00" in title
    assert "".join(text for text, _ in line) == "gate 1:07/2:00  mail failed  "
    assert ("mail failed  ", "error") in line
    world.clock.advance(600)
    assert ("2:00/2:00  ", "") in gate_line(world.runs.view(run), world.clock.now())
    world.runs.add(run, EventKind.GATE_DECIDED, decision="failed")
    assert gate_line(world.runs.view(run), world.clock.now())[1] == ("failed", "error")


def test_a_gate_that_begins_again_counts_from_there() -> None:
    world = living_world()
    run = start_deploy(world, "production")
    world.runs.add(run, EventKind.GATE_SAMPLED, probe="mail", status="ok")
    world.clock.advance(90)
    world.runs.add(run, EventKind.RUN_STARTED, pid=7)
    world.runs.add(run, EventKind.GATE_SAMPLED, probe="mail", status="ok")
    assert ("0:00/2:00  ", "") in gate_line(world.runs.view(run), world.clock.now())


def test_nothing_begun_shows_no_output() -> None:
    world = living_world()
    view = world.runs.view(start_deploy(world, "production"))
    fresh = replace(view, steps=(), started_at=None)
    assert shown_step(fresh) is None and run_seconds(fresh, START + timedelta(1)) is None
