"""What every acting command shares: the state, a plan for an environment, its confirmation, and following to the end.

Owns who is asked what at a terminal, and how signals leave a run alone. Must not perform anything: a runner does.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from threading import Event as Flag
from types import FrameType
from typing import TYPE_CHECKING

from console.cli.output import write_json_line, write_line, write_note, write_text
from console.domain.documents import Json
from console.domain.plan_codec import decode_plan, plan_hash
from console.domain.plans import Plan
from console.domain.policy import ABANDONED, ChangeWindow, Confirmation
from console.domain.runs import Event, EventKind, RunState, RunView, fold, start_view
from console.domain.shellwords import quote
from console.domain.untrusted import Raw, harmless
from console.errors import InsecureError, OpsconsoleError, RefusedError, UsageError
from console.present.acting import event_document, event_line
from console.present.aftermath import aftermath
from console.services.leases import Pulse
from console.services.planner import binding_hash
from console.services.runs import abandoned, lease_name, store_confirmed
from console.services.spawn import runner_log, start_runner

if TYPE_CHECKING:
    from console.config.load import Config
    from console.wiring.acting import State

UNKNOWN = 8
_BIRTH = 20.0


@dataclass(frozen=True, slots=True)
class Desk:
    """The configuration with its actions, and the open state."""

    config: Config
    state: State
    options: str = ""
    """` --config PATH` when one was typed: without it a printed command would look elsewhere."""

    def start(self, run: int) -> None:
        """Starts a runner for a run."""
        start_runner(run, config=self.config.path, state_path=self.config.state_path)

    def command(self, words: str) -> str:
        """A command of ours as it can be pasted."""
        return f"opsconsole {words}{self.options}"


@contextmanager
def opened_state(config_path: Path | None) -> Iterator[Desk]:
    """The configuration with its actions and the state database, closed when the block ends."""
    from console.wiring.acting import open_state
    from console.wiring.configuration import load

    config = load(config_path)
    state = open_state(config)
    try:
        yield Desk(config, state, typed_options(config_path))
    finally:
        state.close()


def typed_options(config_path: Path | None) -> str:
    """What a printed command needs to find the same configuration; nothing where it would find it by itself."""
    if config_path is None:
        return ""
    from console.config.paths import from_base

    # Whoever pastes it may stand in another directory; `..` stays, for behind a link it leads elsewhere.
    path = str(from_base(Path(), str(config_path)).absolute())
    return "" if os.environ.get("OPSCONSOLE_CONFIG") == path else f" --config {quote(path)}"


@contextmanager
def unchanged() -> Iterator[None]:
    """Around what only asks and reads: whoever interrupts it is told that nothing happened."""
    try:
        yield
    except KeyboardInterrupt:
        write_note(f"\n{_NOTHING}")
        raise


def make_plan(desk: Desk, environment: str, action: str, params: Mapping[str, Json]) -> Plan:
    """Plans an action: connects to every host and changes nothing."""
    from console.wiring.acting import build_planner
    from console.wiring.reach import open_reach

    target = desk.config.environment(environment)
    chosen = desk.config.action(action)
    reach = open_reach(target, clock=desk.state.clock, state_dir=desk.config.state_path)
    try:
        return build_planner(desk.state.clock).plan(chosen, params, reach, desk.state.operator)
    finally:
        reach.close()


def read_plan(desk: Desk, file: Path, environment: str, action: str) -> Plan:
    """A plan that `plan -o` wrote. UsageError or RefusedError unless it is for this environment, action, operator and
    configuration; InsecureError when somebody else could have written it: its scripts run as they stand there."""
    try:
        with file.open("rb") as stream:
            found = os.fstat(stream.fileno())
            if found.st_uid not in (0, os.geteuid()) or found.st_mode & 0o022:
                raise InsecureError(
                    f"{harmless(str(file))} could have been changed by others (mode {found.st_mode & 0o7777:04o}, "
                    f"uid {found.st_uid}).",
                    done=_NOTHING,
                    fix="Plan it again into a file of your own.",
                )
            plan = decode_plan(json.loads(stream.read().decode("ascii")))
    except OSError as error:
        raise UsageError(f"{harmless(str(file))} cannot be read: {error.strerror}.", done=_NOTHING) from error
    except (ValueError, RecursionError) as error:
        raise UsageError(
            f"{harmless(str(file))} is not a plan: {Raw.of(str(error)).show(200)}", done=_NOTHING, fix=_PLAN_AGAIN
        ) from error
    if (plan.environment, plan.action) != (environment, action):
        raise UsageError(f"{file} plans {harmless(plan.action)} on {harmless(plan.environment)}.")
    target, chosen = desk.config.environment(environment), desk.config.action(action)
    if plan.config_hash != binding_hash(target, chosen) or (plan.protected, plan.lock) != (
        target.protected,
        chosen.lock,
    ):
        raise RefusedError("The configuration has changed since that plan was made.", fix="Plan it again.")
    if plan.operator.uid != desk.state.operator.uid:
        raise RefusedError(f"That plan was made by {plan.operator.label}.", fix="Plan it yourself.")
    return plan


def given_params(pairs: Sequence[str]) -> dict[str, Json]:
    """`--param K=V` as a mapping; a repeated name collects a list."""
    found: dict[str, Json] = {}
    for pair in pairs:
        name, separator, value = pair.partition("=")
        if not separator or not name:
            raise UsageError(f"--param wants NAME=VALUE, not {harmless(pair)}.")
        before = found.get(name)
        if name not in found:
            found[name] = value
        else:
            found[name] = [*before, value] if isinstance(before, list) else [before, value]
    return found


def confirm(desk: Desk, plan: Plan, *, yes: bool, name: str, reason: str) -> Confirmation:
    """Asks at a terminal for what the options leave open; without one, RefusedError says which option is missing."""
    asking = sys.stdin.isatty() and sys.stderr.isatty()
    typed, agreed = name, yes or bool(name)
    if name and name != plan.environment:
        raise RefusedError(f"--confirm says {harmless(name)}, the plan is for {plan.environment}.", done=_NOTHING)
    if plan.protected and not typed:
        if not asking:
            raise RefusedError(
                f"{plan.environment} is protected and there is no terminal to ask.",
                done=_NOTHING,
                fix=f"--yes --confirm {plan.environment}",
            )
        typed = _ask(f"Type {plan.environment} to run this: ")
        agreed = True
        if typed != plan.environment:
            raise RefusedError("The name was not typed.", done=_NOTHING)
    if not sys.stdin.isatty() and not yes:
        raise RefusedError("There is no terminal to ask.", done=_NOTHING, fix="--yes")
    if not agreed:
        agreed = _ask("Run this? [y/N] ").lower() in ("y", "yes")
        if not agreed:
            raise RefusedError("It was not confirmed.", done=_NOTHING)
    return Confirmation(plan_hash=plan_hash(plan), operator=desk.state.operator, typed=typed, yes=agreed, reason=reason)


def begin(desk: Desk, plan: Plan, confirmation: Confirmation) -> int:
    """Stores the confirmed plan and starts its runner; the run's number. A refusal is audited.

    The name given on the command line is the change window for this one command.
    """
    from console.services.confirming import check_confirmation

    state = desk.state
    now = state.clock.now()
    window = ChangeWindow(
        environment=plan.environment, operator=state.operator.label, session="", until=now + timedelta(minutes=1)
    )
    try:
        check_confirmation(plan, confirmation, window if confirmation.typed else None)
    except RefusedError as error:
        note_refusal(desk, plan.action, plan.environment, error)
        raise
    run = store_confirmed(state.runs, plan, confirmation, at=now)
    desk.start(run)
    return run


def agree(
    desk: Desk,
    make: Callable[[], Plan],
    *,
    environment: str,
    action: str,
    as_json: bool,
    yes: bool,
    name: str,
    reason: str,
) -> tuple[Plan, Confirmation]:
    """Makes a plan, shows it to people and has it confirmed; nothing has happened then. A refusal is audited."""
    from console.cli.plan import print_plan

    with unchanged():
        try:
            made = make()
            if not as_json:
                print_plan(made)
                sys.stdout.flush()
            return made, confirm(desk, made, yes=yes, name=name, reason=reason)
        except RefusedError as error:
            note_refusal(desk, action, environment, error)
            raise


def note_refusal(desk: Desk, action: str, environment: str, error: OpsconsoleError) -> None:
    """Audits a refusal."""
    desk.state.audit.write(f"run.{action}", environment=environment, result="refused", detail=error.what)


class Detached(Exception):  # noqa: N818 - not an error: somebody left, the run goes on
    """The follower was told to leave."""

    def __init__(self, number: int) -> None:
        self.number = number
        super().__init__(number)


def follow(
    desk: Desk, run: int, *, as_json: bool, aborting: bool = False, quiet: bool = False, started: bool = False
) -> int:
    """Prints a run's events and output until it ends; its exit code, or 8 when it needs an operator nobody brings.

    `started` says that a runner was just started: it has no lease yet.
    INT, TERM and HUP leave the run alone and name how to come back; with `aborting` they abort it.
    """
    with _signals() as caught:
        try:
            printer = _Printer(desk, run, as_json=as_json, quiet=quiet)
            return _follow(desk, run, printer, caught=caught, aborting=aborting, started=started, quiet=quiet)
        except Detached as left:
            write_note(f"Run {run} goes on. Come back with: {desk.command(f'runs attach {run}')}")
            return 128 + left.number


def _follow(
    desk: Desk, run: int, printer: _Printer, *, caught: list[int], aborting: bool, started: bool, quiet: bool
) -> int:
    store = desk.state.runs
    view = start_view(store.run(run))
    clock = desk.state.clock
    until = clock.monotonic() + (_BIRTH if started else 1.0)
    changed, aborted = -1, False
    pulse, never = Pulse(desk.state.leases, lease_name(run), clock), Flag()
    while True:
        if caught:
            number = caught.pop(0)
            if not aborting or aborted:
                raise Detached(number)
            who, at = desk.state.operator.label, desk.state.clock.now()
            desk.state.audit.write("run.request", environment=view.environment, run=run, result="ok", detail="abort")
            store.ask(run, who=who, kind="abort", body="", at=at)
            aborted = True
            write_note("Aborting. Once more leaves it alone.")
        now = store.changed()
        if now != changed:
            changed = now
            for event in store.events(run, view.last_seq):
                view = fold(view, (event,))
                printer.show(event)
                if event.kind is EventKind.RUN_FINISHED:
                    return _code(desk, event, view, quiet=quiet)
        elif pulse.living():
            until = clock.monotonic() + 1.0
        elif clock.monotonic() > until and store.changed() == changed:
            return _left(desk, run)
        clock.wait(never, 0.2)


def _left(desk: Desk, run: int) -> int:
    """The runner is gone and the run has not ended."""
    store = desk.state.runs
    view = fold(start_view(store.run(run)), store.events(run))
    question = abandoned(view, at=desk.state.clock.now()).question
    if question is not None:
        write_note(f"Run {run} needs an operator: {question.text}")
        if question.choices != ABANDONED:
            write_note("Its runner is gone: an answer starts another.")
        write_note(f"Go on with it: {desk.command(f'runs resume {run}')}")
        write_note(
            f"Answer with: {desk.command(f'runs answer {run} WORD')} (WORD is one of: {', '.join(question.choices)})"
        )
    if view.state in (RunState.PLANNED, RunState.CONFIRMED):
        write_note(f"Its runner never began; its log is {runner_log(desk.config.state_path, run)}")
    return UNKNOWN


def _code(desk: Desk, event: Event, view: RunView, *, quiet: bool) -> int:
    code = event.data.get("exit_code")
    store = desk.state.runs
    if not quiet:
        for line in aftermath(store.run(view.run), view, store.events(view.run), options=desk.options):
            write_note(line)
    return code if isinstance(code, int) else int(event.data.get("outcome") != "ok")


class _Printer:
    """Events as they come: JSON lines, or lines for a person with the output of steps between them."""

    def __init__(self, desk: Desk, run: int, *, as_json: bool, quiet: bool) -> None:
        self._store = desk.state.runs
        self._run = run
        self._json = as_json
        self._quiet = quiet

    def show(self, event: Event) -> None:
        """Prints one event."""
        if self._quiet:
            return
        if self._json:
            write_json_line(event_document(event))
            return
        line = event_line(event)
        if line:
            write_text(line)
        if event.kind is EventKind.STEP_OUTPUT:
            self._show_output(event)
        sys.stdout.flush()

    def _show_output(self, event: Event) -> None:
        offset, length = event.data.get("offset"), event.data.get("length")
        if isinstance(offset, int) and isinstance(length, int):
            data = self._store.output(self._run, event.step, event.host, offset=offset, limit=length)
            for line in Raw(data.removesuffix(b"\n")).lines():
                write_line(f"  {event.host or event.step} | {line}")


@contextmanager
def _signals() -> Iterator[list[int]]:
    """Collects INT, TERM and HUP instead of dying of them."""
    caught: list[int] = []

    def note(number: int, _frame: FrameType | None) -> None:
        caught.append(number)

    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = {number: signal.signal(number, note) for number in numbers}
    try:
        yield caught
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _ask(question: str) -> str:
    sys.stderr.write(harmless(question))
    sys.stderr.flush()
    return sys.stdin.readline().strip()


_NOTHING = "Nothing was changed."
_PLAN_AGAIN = "Write one with: opsconsole plan ACTION -e ENV -o FILE"
