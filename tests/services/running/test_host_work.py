"""One piece of work on one host whose answers are scripted: what cannot be seen often enough on a real one."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from threading import Event

import pytest

from console.domain.actions import Effect
from console.domain.event_codec import decode_payload
from console.domain.events import StepFinished, StepStarted
from console.domain.redact import Secret
from console.domain.runs import EventKind, Outcome
from console.errors import OpsconsoleError, UnreachableError
from console.ports import Completed
from console.services.running.host_work import Pace, Performer, Tools, Work
from console.services.running.journal import Journal
from console.services.running.links import Links, ParkedError
from console.services.running.requests import OperatorRequests
from tests.fakes.reach import FakeReach
from tests.fakes.shell import FakeShell, completed
from tests.services.running.stage import Stage, action, step

PACE = Pace(look=0.01, first_look=0.01, starting=0.1, patience=0.2, question=1.0)


class Host:
    """Answers starts and looks from lists; the last of each repeats."""

    def __init__(self, starts: list[str], looks: list[str]) -> None:
        self.starts = starts
        self.looks = looks
        self.started = 0
        self.looked = 0

    def __call__(self, script: str) -> Completed | bytes:
        if "oc_attached=" in script:
            self.started += 1
            return completed("opsconsole-start " + self._next(self.starts, self.started) + "\n")
        self.looked += 1
        return completed("opsconsole-step " + self._next(self.looks, self.looked))

    @staticmethod
    def _next(words: list[str], number: int) -> str:
        return words[min(number, len(words)) - 1]


def build(stage: Stage, answer: Callable[[str], Completed | bytes]) -> tuple[Performer, Journal, Work]:
    row = stage.confirm(stage.plan(action(step("deed", "true", on="primary"))))
    journal = Journal(stage.store, row, stage.clock)
    reach = FakeReach(stage.environment, shells={"web1": FakeShell("web1", answer)})
    links = Links(reach=reach, journal=journal, clock=stage.clock, lost=Event())
    requests = OperatorRequests(stage.store, journal, stage.clock)
    performer = Performer(Tools(links=links, journal=journal, requests=requests, clock=stage.clock, pace=PACE))
    host = stage.environment.hosts[0]
    work = Work(
        step="deed",
        kind="shell",
        text="true",
        host=host,
        control=str(stage.directory / "control"),
        script="true\n",
        effect=Effect.ONCE,
        timeout=5.0,
    )
    return performer, journal, work


GONE = "gone 0 - - -\n"
OK = "ended 0 0 exit 1\n"


@pytest.mark.parametrize(
    ("starts", "looks", "effect", "outcome", "said"),
    [
        (["started detached"], [OK], Effect.ONCE, Outcome.OK, ""),
        (["already detached"], ["running 0 - - -\n", OK], Effect.ONCE, Outcome.OK, ""),
        (["failed disk full"], [OK], Effect.ONCE, Outcome.FAILED, "nothing was started: disk full"),
        (["undetachable"], [OK], Effect.ONCE, Outcome.FAILED, "nothing was started: nothing on this host can detach"),
        (["undetachable", "started attached"], [OK], Effect.IDEMPOTENT, Outcome.OK, ""),
        (["started detached"], ["ended 0 124 timeout 5\n"], Effect.ONCE, Outcome.FAILED, "no end after 5 s"),
        (["started detached"], ["ended 0 3 exit 1\n"], Effect.ONCE, Outcome.FAILED, "exit status 3"),
        (["started detached"], [GONE], Effect.ONCE, Outcome.UNKNOWN, "nothing of it runs any more"),
        (["started detached"], [GONE, OK], Effect.IDEMPOTENT, Outcome.OK, ""),
        (["started detached"], [GONE], Effect.IDEMPOTENT, Outcome.UNKNOWN, "nothing of it runs any more"),
        (
            ["started detached"],
            ["gone 0 - unwritten -\n"],
            Effect.ONCE,
            Outcome.UNKNOWN,
            "on web1 is full, or nobody may",
        ),
        (["started detached"], ["starting 0 - - -\n"], Effect.ONCE, Outcome.UNKNOWN, "wrapper never appeared"),
        (["started detached"], ["absent 0 - - -\n"], Effect.ONCE, Outcome.UNKNOWN, "vanished"),
        (["started detached"], ["nonsense\n"], Effect.ONCE, Outcome.UNKNOWN, "gave no answer about a step"),
    ],
)
def test_every_answer_of_a_host_has_one_meaning(
    stage: Stage, starts: list[str], looks: list[str], effect: Effect, outcome: Outcome, said: str
) -> None:
    host = Host(starts, looks)
    performer, journal, work = build(stage, host)
    ended = performer.perform(replace(work, effect=effect))
    assert ended.outcome is outcome
    assert said in ended.detail
    noted = journal.progress("deed", "web1").outcome
    assert noted is (None if outcome is Outcome.UNKNOWN else outcome)
    if effect is Effect.ONCE:
        assert journal.progress("deed", "web1").attempt == 1
        assert host.started == 1


def test_a_once_step_runs_attached_where_the_plan_consents(stage: Stage) -> None:
    host = Host(["undetachable", "started attached"], [OK])
    performer, journal, work = build(stage, host)
    assert performer.perform(replace(work, attached=True)).outcome is Outcome.OK
    started = journal.last(StepStarted)
    assert started is not None and started.detached is False
    assert host.started == 2


def test_what_was_started_and_has_vanished_is_never_started_again(stage: Stage) -> None:
    host = Host(["started detached"], ["absent 0 - - -\n"])
    performer, journal, work = build(stage, host)
    assert performer.perform(work).outcome is Outcome.UNKNOWN
    assert performer.perform(work).outcome is Outcome.UNKNOWN
    assert host.started == 1
    assert journal.last(StepFinished) is None


def test_an_intent_without_a_trace_is_started_at_last(stage: Stage) -> None:
    host = Host(["started detached"], ["absent 0 - - -\n", OK])
    performer, journal, work = build(stage, host)
    journal.note(decode_payload(EventKind.STEP_INTENDED, {"attempt": 1, "base": 0}), step="deed", host="web1")
    assert performer.perform(work).outcome is Outcome.OK
    assert host.started == 1


def test_another_attempt_on_request(stage: Stage) -> None:
    host = Host(["started detached"], [GONE, GONE, GONE, OK])
    performer, journal, work = build(stage, host)
    work = replace(work, effect=Effect.IDEMPOTENT)
    assert performer.perform(work).over
    assert performer.retry(work).outcome is Outcome.OK
    assert journal.progress("deed", "web1").attempt == 4


def test_a_host_that_stays_away_leaves_the_end_unknown(stage: Stage) -> None:
    def answer(script: str) -> Completed | bytes:
        if "oc_attached=" in script:
            return completed("opsconsole-start started detached\n")
        raise UnreachableError("web1 is away")

    performer, journal, work = build(stage, answer)
    ended = performer.perform(replace(work, timeout=0.3))
    assert ended.outcome is Outcome.UNKNOWN
    assert "unreachable" in ended.detail
    assert journal.view.lost_links == ("web1",)


def test_a_secret_that_cannot_be_had_starts_nothing(stage: Stage) -> None:
    def missing() -> tuple[Secret, ...]:
        raise OpsconsoleError("A secret is missing: TOKEN is not set.")

    host = Host(["started detached"], [OK])
    performer, journal, work = build(stage, host)
    ended = performer.perform(replace(work, secrets=missing))
    assert (ended.outcome, host.started) == (Outcome.FAILED, 0)
    assert "TOKEN is not set" in ended.detail
    # Once it runs, its output may hold the secret: nothing is shown, an operator is asked.
    host.looks = ["ended 5 0 exit 1\ntoken"]
    journal.note(decode_payload(EventKind.STEP_INTENDED, {"attempt": 1, "base": 0}), step="other", host="web1")
    with pytest.raises(ParkedError, match="may hold a secret"):
        performer.perform(replace(work, step="other", secrets=missing))


def test_a_runner_that_goes_on_without_a_secret_parks_the_run(stage: Stage) -> None:
    def missing() -> tuple[Secret, ...]:
        raise OpsconsoleError("A secret is missing: TOKEN is not set.")

    host = Host(["started detached"], [OK])
    performer, journal, work = build(stage, host)
    journal.note(decode_payload(EventKind.RUN_STARTED, {"resumed": True}))
    with pytest.raises(ParkedError, match="TOKEN is not set") as caught:
        performer.perform(replace(work, secrets=missing))
    assert caught.value.exit_code == 8
    assert f"runs resume {journal.row.id}" in caught.value.fix
    assert journal.last(StepFinished) is None
    # From a session that has it, the same step is started at last, and once.
    host.looks = ["absent 0 - - -\n", OK]
    assert performer.perform(work).outcome is Outcome.OK
    assert host.started == 1


def test_a_second_attempt_without_its_secret_does_not_claim_that_nothing_was_started(stage: Stage) -> None:
    given = [(Secret("enough"),)]

    def once() -> tuple[Secret, ...]:
        if not given:
            raise OpsconsoleError("A secret is missing: TOKEN is not set.")
        return given.pop()

    host = Host(["started detached"], [GONE])
    performer, journal, work = build(stage, host)
    with pytest.raises(ParkedError, match="TOKEN is not set"):
        performer.perform(replace(work, effect=Effect.IDEMPOTENT, secrets=once))
    assert journal.progress("deed", "web1").attempt == 2
    assert host.started == 1


def test_what_nobody_has_the_secret_of_any_more_can_still_be_aborted(stage: Stage) -> None:
    def missing() -> tuple[Secret, ...]:
        raise OpsconsoleError("A secret is missing: TOKEN is not set.")

    host = Host(["started detached"], ["running 5 - - -\ntoken", "ended 5 143 abort 1\n"])
    performer, journal, work = build(stage, host)
    journal.note(decode_payload(EventKind.STEP_INTENDED, {"attempt": 1, "base": 0}), step="deed", host="web1")
    journal.note(StepStarted(), step="deed", host="web1")
    with pytest.raises(ParkedError, match="may hold a secret"):
        performer.perform(replace(work, secrets=missing))
    performer._tools.requests.aborted.set()
    host.looked = 0
    assert performer.perform(replace(work, secrets=missing)).outcome is Outcome.CANCELLED
    assert stage.store.output(journal.row.id, "deed", "web1") == b"*****"


def test_output_cut_off_in_what_may_be_a_secret_ends_and_shows_nothing_of_it(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("console.services.running.attempts.OUTPUT_KEPT", 10)
    output, looks = b"012345678se" + b"." * 89, []

    def answer(script: str) -> Completed | bytes:
        if "oc_attached=" in script:
            return completed("opsconsole-start started detached\n")
        offset, limit = (int(re.findall(rf"oc_{name}='?(\d+)", script)[0]) for name in ("offset", "limit"))
        looks.append(offset)
        assert len(looks) < 50, "it looks for ever"
        return completed("opsconsole-step ended 100 0 exit 1\n" + output[offset : offset + limit].decode())

    performer, journal, work = build(stage, answer)
    ended = performer.perform(replace(work, secrets=lambda: (Secret("secret"),)))
    assert ended.outcome is Outcome.OK
    assert stage.store.output(journal.row.id, "deed", "web1") == b"012345678*"


def test_what_was_never_started_for_want_of_a_secret_can_be_aborted(stage: Stage) -> None:
    def missing() -> tuple[Secret, ...]:
        raise OpsconsoleError("A secret is missing: TOKEN is not set.")

    host = Host(["started detached"], ["absent 0 - - -\n"])
    performer, journal, work = build(stage, host)
    journal.note(decode_payload(EventKind.RUN_STARTED, {"resumed": True}))
    with pytest.raises(ParkedError, match="cannot go on"):
        performer.perform(replace(work, secrets=missing))
    performer._tools.requests.aborted.set()
    ended = performer.perform(replace(work, secrets=missing))
    assert (ended.outcome, ended.detail, host.started) == (Outcome.CANCELLED, "not started", 0)


def test_a_secret_with_a_nul_byte_is_said_to_be_none(stage: Stage) -> None:
    host = Host(["started detached"], [OK])
    performer, _, work = build(stage, host)
    ended = performer.perform(replace(work, secrets=lambda: (Secret("a\0b"),)))
    assert (ended.outcome, host.started) == (Outcome.FAILED, 0)
    assert ended.detail == "nothing was started: A secret holds a NUL byte, which no shell variable can."


def test_a_when_that_cannot_tell_fails(stage: Stage) -> None:
    def answer(script: str) -> Completed | bytes:
        return completed("who knows\n", status=2)

    performer, _, work = build(stage, answer)
    ended = performer.perform(replace(work, when="exit 2"))
    assert ended.outcome is Outcome.FAILED
    assert "could not be told: who knows" in ended.detail
