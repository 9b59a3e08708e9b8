"""Whether a confirmation is enough for a plan, and whether an action can start at all.

Owns these rules for the screen and the command line alike. Must not ask anybody nor store anything.
"""

from __future__ import annotations

from console.domain.actions import Action
from console.domain.environment import Environment
from console.domain.plan_codec import plan_hash
from console.domain.plans import Plan
from console.domain.policy import ChangeWindow, Confirmation
from console.domain.runs import RunView
from console.errors import OpsconsoleError, RefusedError
from console.own_commands import own_command
from console.services.planning.planner import check_needs


def check_confirmation(plan: Plan, confirmation: Confirmation, window: ChangeWindow | None) -> None:
    """RefusedError unless this confirmation lets this plan run. `window` is the session's, for protected ones."""
    nothing = "Nothing was changed."
    if confirmation.plan_hash != plan_hash(plan):
        raise RefusedError("The confirmation is for another plan.", done=nothing, fix="Plan it again.")
    if not plan.protected:
        if not confirmation.yes and confirmation.typed != plan.environment:
            raise RefusedError("The plan was not confirmed.", done=nothing)
        return
    if confirmation.typed != plan.environment:
        raise RefusedError(
            f"{plan.environment} is protected: its name must be typed, and it was not.",
            done=nothing,
            fix=f"On a command line: --confirm {plan.environment}",
        )
    if window is None:
        raise RefusedError(f"{plan.environment} is read-only: no change window is open.", done=nothing)


def check_beginning(plan: Plan, view: RunView, window: ChangeWindow | None) -> None:
    """RefusedError when a runner started now would do a protected run's first step without a change window.

    A run that has begun may always go on: its hosts may be half-way.
    """
    if not plan.protected or begun(view) or window is not None:
        return
    raise RefusedError(
        f"{plan.environment} is protected, run {view.run} has not begun, and no change window is open.",
        done="Nothing was changed.",
        fix="Open a change window first; on a command line: "
        + own_command(f"runs resume {view.run} --confirm {plan.environment}"),
    )


def begun(view: RunView) -> bool:
    """Whether any step was ever intended: from then on the hosts may have changed."""
    return any(progress.attempt for step in view.steps for progress in step.hosts.values())


def refusal(environment: Environment, action: Action, window: ChangeWindow | None) -> str:
    """Why the action cannot start, as far as that is known without asking a host; empty when it can. At once."""
    try:
        check_needs(action, environment)
    except OpsconsoleError as error:
        return error.what
    if environment.protected and environment.identity is None:
        return "protected, and no identity is pinned"
    if environment.protected and window is None:
        return "read-only: open a change window first"
    return ""
