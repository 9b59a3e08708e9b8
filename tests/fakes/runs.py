"""Plans and runs in memory, as the screen meets them."""

from __future__ import annotations

from collections.abc import Mapping

from console.domain.actions import Action
from console.domain.documents import Json
from console.domain.environment import Environment
from console.domain.event_codec import decode_payload
from console.domain.plan_codec import plan_hash
from console.domain.policy import Confirmation
from console.domain.runs import Event, EventKind, Plan, RunRow, RunView, fold, start_view
from console.domain.snapshot import Key
from console.domain.untrusted import Raw
from console.errors import RefusedError
from console.ports import Publish
from tests.fakes.clock import FakeClock
from tests.fakes.world_values import make_actions, make_plan


def quiet(key: Key) -> None:
    """A publish that nobody hears."""


class FakeRuns:
    """Plans and runs in memory; what was started and asked is kept."""

    def __init__(self, clock: FakeClock, environments: Mapping[str, Environment]) -> None:
        self.clock = clock
        self.environments = environments
        self.publish: Publish = quiet
        self.refusals: dict[tuple[str, str], str] = {}
        self.refused: list[tuple[str, str, str]] = []
        self.planned: list[tuple[str, str, Mapping[str, Json]]] = []
        self.started: list[tuple[Plan, Confirmation]] = []
        self.asks: list[tuple[int, str, str]] = []
        self.followed: list[int] = []
        self.events: dict[int, list[Event]] = {}
        self.rows: dict[int, RunRow] = {}
        self.outputs: dict[tuple[int, str, str], bytes] = {}
        self.notes: tuple[str, ...] = ()
        self.declared: tuple[Action, ...] = make_actions()

    def actions(self, environment: str) -> tuple[Action, ...]:
        return self.declared

    def refusal(self, environment: str, action: str) -> str:
        if action not in {"retry", "forget", *(each.name for each in self.declared)}:
            return "there is no such action"
        return self.refusals.get((environment, action), "")

    def note_refusal(self, environment: str, action: str, why: str) -> None:
        self.refused.append((environment, action, why))

    def plan(self, environment: str, action: str, params: Mapping[str, Json]) -> Plan:
        self.planned.append((environment, action, dict(params)))
        return make_plan(self.environments[environment], action, params, self.clock.now(), self.notes)

    def start(self, plan: Plan, confirmation: Confirmation) -> int:
        if confirmation.plan_hash != plan_hash(plan):
            raise RefusedError("the plan has changed")
        if plan.protected and confirmation.typed != plan.environment:
            raise RefusedError("the name was not typed")
        self.started.append((plan, confirmation))
        run = 41 + len(self.started)
        self.rows[run] = RunRow(
            id=run,
            name=f"{run}-0badcafe",
            environment=plan.environment,
            action=plan.action,
            plan=plan,
            operator=plan.operator,
            created_at=self.clock.now(),
        )
        self.events[run] = []
        self.add(run, EventKind.RUN_CONFIRMED)
        self.add(run, EventKind.RUN_STARTED)
        self.add(run, EventKind.LOCK_TAKEN)
        return run

    def add(self, run: int, kind: EventKind, step: str = "", host: str = "", **data: Json) -> None:
        """One more fact of a run."""
        events = self.events[run]
        events.append(
            Event(
                run=run,
                seq=len(events) + 1,
                at=self.clock.now(),
                payload=decode_payload(kind, data),
                step=step,
                host=host,
            )
        )
        self.publish(("run", str(run)))

    def step(self, run: int, step: str, host: str, seconds: float, outcome: str = "ok", status: int = 0) -> None:
        """One step on one host from begin to end; moves the clock."""
        self.add(run, EventKind.STEP_INTENDED, step, host, attempt=1)
        self.clock.advance(seconds)
        self.add(run, EventKind.STEP_FINISHED, step, host, outcome=outcome, exit_status=status)

    def view(self, run: int) -> RunView:
        return fold(start_view(self.rows[run]), self.events[run])

    def follow(self, run: int) -> None:
        self.followed.append(run)

    def output(self, run: int, step: str, host: str, *, last: int = 65536) -> Raw:
        return Raw(self.outputs.get((run, step, host), b"")[-65_536:][-last:])

    def output_size(self, run: int, step: str, host: str) -> int:
        return len(self.outputs.get((run, step, host), b""))

    def ask(self, run: int, kind: str, body: str = "") -> None:
        self.asks.append((run, kind, body))

    def current(self, environment: str) -> RunView | None:
        found = [self.view(run) for run in self.recent(environment)]
        return max(found, key=lambda view: (view.outcome is None, view.run)) if found else None

    def recent(self, environment: str) -> tuple[int, ...]:
        return tuple(sorted((run for run, row in self.rows.items() if row.environment == environment), reverse=True))
