"""What is decided while workers leave: in a world in which a job that is cut short would be counted."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from console.domain import codec
from console.domain.runs import Outcome
from console.domain.worker_renewal import Deed, Memory, Move, RestartAim, decide
from tests.domain.worker_world import NEW, OLD, QUEUES, Body, Host, World, aim_of, blocking, end, go


def world() -> World:
    return World([Host("web1", NEW), Host("web2", NEW)])


def two(busy: float = 0.0, *, deaf: bool = False, blocked: bool = False) -> World:
    """A worker on each host on old code, after the link was switched."""
    found = world()
    until = found.now + busy if busy else 0.0
    for host in ("web1", "web2"):
        found.add(host, Body(0, OLD, "work:work_00", busy=until, deaf=deaf, blocked=blocked))
    return found


def deeds(found: World) -> list[Deed]:
    return [move.deed for move in found.moves]


def test_idle_workers_come_back_new() -> None:
    found = two()
    move = end(found, aim_of(found))
    assert move.outcome is Outcome.OK
    assert move.detail == "2 of 2 processes run release 42 (2 by script or directory, 0 by start time)"
    assert deeds(found) == [Deed.SIGNAL]


def test_a_second_run_finds_nothing_old_and_sends_nothing() -> None:
    found = two()
    end(found, aim_of(found))
    found.moves.clear()
    assert end(found, aim_of(found)).outcome is Outcome.OK
    assert found.moves == []


def test_jobs_in_flight_are_waited_for_and_not_cut() -> None:
    found = two(busy=60)
    stands = list(go(found, aim_of(found)))
    assert stands[-1][1] is not None and stands[-1][1].outcome is Outcome.OK
    assert found.cut == 0 and found.now >= 2060 and Deed.TERMINATE not in deeds(found)


def test_at_the_limit_an_operator_is_asked_and_nobody_is_killed() -> None:
    found = two(busy=600)
    move = end(found, aim_of(found))
    assert move.deed is Deed.ASK and len(move.verdicts) == 2
    assert found.now == 2000 + 90
    assert set(deeds(found)) == {Deed.SIGNAL} and found.cut == 0


def test_what_stays_exited_is_started_once() -> None:
    found = world()
    found.add("web1", Body(0, OLD, "work:work_00"), autorestart="unexpected")
    move = end(found, aim_of(found))
    assert move.outcome is Outcome.OK and deeds(found) == [Deed.SIGNAL, Deed.START]
    assert found.now < 2010, "nobody else starts it, so it is not waited for"


def test_what_does_not_come_up_is_a_failure_by_name() -> None:
    found = two()
    found.hosts["web2"].crashing.add("work:work_00")
    move = end(found, aim_of(found))
    assert move.outcome is Outcome.FAILED and "web2 work:work_00: FATAL" in move.detail
    assert "1 of 1 processes run release 42" in move.detail
    assert deeds(found).count(Deed.START) == 1


def test_a_program_stopped_by_hand_is_left_and_named() -> None:
    found = two()
    found.hosts["web1"].states["mail:mail_00"] = "STOPPED"
    move = end(found, aim_of(found))
    assert move.outcome is Outcome.OK and "left stopped: web1 mail:mail_00" in move.detail
    assert found.hosts["web1"].states["mail:mail_00"] == "STOPPED"


def test_idle_survivors_are_told_again_and_then_ended() -> None:
    found = two(deaf=True)
    move = end(found, aim_of(found))
    assert move.outcome is Outcome.OK
    assert deeds(found) == [Deed.SIGNAL, Deed.SIGNAL, Deed.TERMINATE]
    assert found.cut == 0


def test_a_deaf_worker_with_jobs_on_its_queue_is_left_to_an_operator() -> None:
    found = two(deaf=True, busy=600)
    move = end(found, aim_of(found))
    assert move.deed is Deed.ASK and Deed.TERMINATE not in deeds(found)


def test_where_reserved_jobs_cannot_be_read_nobody_is_ended() -> None:
    found = two(deaf=True)
    found.readable = False
    move = end(found, aim_of(found))
    assert move.deed is Deed.ASK and Deed.TERMINATE not in deeds(found)


def test_a_worker_that_waits_for_ever_is_asked_about_long_before_the_limit() -> None:
    found = two(blocked=True)
    move = end(found, aim_of(found, finish=3600.0), queues=blocking())
    assert move.deed is Deed.ASK and found.now < 2060
    assert deeds(found) == [Deed.SIGNAL, Deed.SIGNAL, Deed.TERMINATE]


def test_an_orphan_is_old_code_too() -> None:
    found = two()
    found.add("web2", Body(0, "40", deaf=True))
    asked = aim_of(found)
    move = end(found, asked)
    assert move.outcome is Outcome.OK and deeds(found)[-1] is Deed.TERMINATE
    assert [each.process.pid for each in found.moves[-1].verdicts] == [103]
    assert "not known to supervisor" not in move.detail


def test_an_orphan_without_a_handler_for_signals_is_never_ended() -> None:
    found = two()
    found.add("web2", Body(0, "40", deaf=True, command="queue:listen"))
    move = end(found, aim_of(found))
    assert move.deed is Deed.ASK and Deed.TERMINATE not in deeds(found)
    assert [each.process.pid for each in move.verdicts] == [103]


def test_what_may_not_be_looked_into_is_unknown_and_never_ok() -> None:
    found = two()
    asked = aim_of(found)
    found.add("web2", Body(0, NEW, hidden=True, deaf=True))
    move = end(found, asked)
    assert move.outcome is Outcome.UNKNOWN
    assert "1 unknown: web2 (pid 103, no right to read /proc/103" in move.detail


def test_a_restart_without_a_new_release_renews_everything_once() -> None:
    found = two()
    for host in found.hosts.values():
        for body in host.bodies:
            body.release = NEW
    before = {body.pid for host in found.hosts.values() for body in host.bodies}
    move = end(found, aim_of(found, every=True))
    after = {body.pid for host in found.hosts.values() for body in host.bodies}
    assert move.outcome is Outcome.OK and not before & after and deeds(found) == [Deed.SIGNAL]


def test_a_host_that_cannot_be_looked_at_is_never_ok() -> None:
    found = two()
    asked = aim_of(found)
    memory = Memory(began=found.now)
    moves: tuple[Move, ...] = ()
    while not any(move.deed in (Deed.END, Deed.ASK) for move in moves):
        sight = found.sight()
        hidden = type(sight)(at=sight.at, hosts={"web1": sight.hosts["web1"]}, unread={"web2": "the link is down"})
        memory, _, moves = decide(asked, memory, hidden, QUEUES)
        for move in moves:
            found.apply(move)
        found.pass_time(2.0)
    assert moves[0].outcome is Outcome.UNKNOWN and "web2: the link is down" in moves[0].detail


def test_the_memory_survives_a_document() -> None:
    found = two(busy=30)
    asked = aim_of(found)
    memory = Memory(began=found.now)
    for _ in range(5):
        memory, _, moves = decide(asked, memory, found.sight(), QUEUES)
        for move in moves:
            found.apply(move)
        found.pass_time(2.0)
        kept = json.loads(json.dumps([codec.encode(asked), codec.encode(memory)]))
        assert codec.decode(RestartAim, kept[0]) == asked and codec.decode(Memory, kept[1]) == memory


bodies = st.builds(
    Body,
    pid=st.just(0),
    release=st.sampled_from([OLD, NEW, "40"]),
    program=st.sampled_from(["a:a_00", "a:a_01", "b", ""]),
    queue=st.sampled_from(["default", "mail"]),
    busy=st.sampled_from([0.0, 0.0, 2010.0, 2060.0, 2500.0]),
    deaf=st.booleans(),
    blocked=st.sampled_from([False, False, False, True]),
    hidden=st.sampled_from([False, False, True]),
    command=st.sampled_from(["queue:work", "queue:work", "queue:listen"]),
)


@given(
    st.lists(st.tuples(st.sampled_from(["web1", "web2"]), bodies, st.sampled_from(["true", "unexpected"])), max_size=6),
    st.sets(st.sampled_from(["a:a_00", "b"]), max_size=1),
    st.booleans(),
    st.booleans(),
)
@settings(max_examples=150, deadline=None)
def test_whatever_the_world_nothing_is_cut_and_nothing_false_is_called_ok(
    given_bodies: list[tuple[str, Body, str]], crashing: set[str], every: bool, readable: bool
) -> None:
    found = world()
    taken = set()
    for host, body, autorestart in given_bodies:
        if body.program and (host, body.program) in taken:
            continue
        taken.add((host, body.program))
        found.add(host, replace(body), autorestart)
    found.hosts["web1"].crashing |= crashing
    found.readable = readable
    asked = aim_of(found, every=every)
    old = {(each.host, identity.pid) for each in asked.hosts for identity in each.old}
    move = end(found, asked)
    assert found.cut == 0
    assert deeds(found).count(Deed.SIGNAL) <= 2
    ended = [verdict.identity for one in found.moves if one.deed is Deed.TERMINATE for verdict in one.verdicts]
    assert len(ended) == len(set(ended))
    started = [(one.host, name) for one in found.moves if one.deed is Deed.START for name in one.programs]
    assert len(started) == len(set(started))
    there = {(host.name, body.pid) for host in found.hosts.values() for body in host.bodies}
    if move.outcome is Outcome.OK:
        assert not old & there
        for each in found.hosts.values():
            assert all(body.release == NEW and not body.hidden for body in each.bodies)
            assert all(state == "RUNNING" for state in each.states.values())
    elif move.deed is Deed.ASK:
        assert old & there


@pytest.mark.parametrize("busy", [0.0, 40.0])
def test_progress_counts_what_is_new(busy: float) -> None:
    found = two(busy=busy)
    stands = [stand for stand, _ in go(found, aim_of(found))]
    assert len(stands[0].verdicts) == 2 and all(each.standing == "old" for each in stands[0].verdicts)
    assert all(each.standing == "new" for each in stands[-1].verdicts)
