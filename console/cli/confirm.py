"""What every acting command shares: the open state with the control of runs, and asking a person to confirm a plan.

Owns who is asked what at a terminal. Must not judge a confirmation nor perform anything: the control of runs judges,
and a runner performs.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from console.cli.output import write_note
from console.cli.streams import needing_stdout, outliving_stdout
from console.domain.documents import Json
from console.domain.plan_codec import plan_hash
from console.domain.plans import Plan
from console.domain.policy import Confirmation
from console.domain.untrusted import harmless
from console.errors import RefusedError, UsageError
from console.services.records.windows import CommandWindow

if TYPE_CHECKING:
    from console.config.load import Config
    from console.services.runs.control import RunControl

_NOTHING = "Nothing was changed."


@dataclass(frozen=True, slots=True)
class RunAccess:
    """The configuration with its actions, the control of runs over the open state, and this command's change window."""

    config: Config
    control: RunControl
    window: CommandWindow


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """What the options of an acting command say about confirming: `--yes`, `--confirm NAME` and `--reason TEXT`."""

    yes: bool
    name: str
    reason: str


@contextmanager
def opened_state(config_path: Path | None) -> Iterator[RunAccess]:
    """The configuration with its actions and the state database, closed when the block ends."""
    from console.wiring.configuration import load
    from console.wiring.runs import build_control, open_state, reached

    config = load(config_path)
    state = open_state(config)
    window = CommandWindow(state.operator, state.clock)
    try:
        control = build_control(
            config,
            state,
            windows=window,
            reach=partial(reached, config, state.clock),
        )
        yield RunAccess(config, control, window)
    finally:
        state.close()


@contextmanager
def unchanged() -> Iterator[None]:
    """Around what only asks and reads: whoever interrupts it is told that nothing happened."""
    try:
        yield
    except KeyboardInterrupt:
        write_note(f"\n{_NOTHING}")
        raise


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


def agree(access: RunAccess, make: Callable[[], Plan], given: Given, *, as_json: bool) -> tuple[Plan, Confirmation]:
    """Makes a plan, shows it to people and has it confirmed; nothing has happened then."""
    from console.cli.plan import print_plan

    with unchanged():
        made = make()
        if not as_json:
            # Nobody can agree to a plan that they do not see; what is agreed to already needs no reader.
            with outliving_stdout() if given.yes or given.name else needing_stdout(_NOTHING):
                print_plan(made)
        with access.control.confirming(made):
            return made, _confirmed(access, made, given)


def _confirmed(access: RunAccess, plan: Plan, given: Given) -> Confirmation:
    """Asks at a terminal for what the options leave open; without one, RefusedError says which option is missing."""
    access.window.give(given.name)
    access.window.current(plan.environment)
    asking = sys.stdin.isatty() and sys.stderr.isatty()
    typed, agreed = given.name, given.yes or bool(given.name)
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
        access.window.give(typed)
    if not sys.stdin.isatty() and not given.yes:
        raise RefusedError("There is no terminal to ask.", done=_NOTHING, fix="--yes")
    if not agreed:
        agreed = _ask("Run this? [y/N] ").lower() in ("y", "yes")
        if not agreed:
            raise RefusedError("It was not confirmed.", done=_NOTHING)
    operator = access.control.context.operator
    return Confirmation(plan_hash=plan_hash(plan), operator=operator, typed=typed, yes=agreed, reason=given.reason)


def _ask(question: str) -> str:
    sys.stderr.write(harmless(question))
    sys.stderr.flush()
    return sys.stdin.readline().strip()
