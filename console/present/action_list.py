"""The actions of an environment and their parameters, as lines and as a document.

Owns those words. Must not decide which actions there are.
"""

from __future__ import annotations

from collections.abc import Sequence

from console.domain.actions import Action, Param
from console.domain.documents import Json
from console.domain.parameters import params_of


def action_lines(offered: Sequence[tuple[Action, str]]) -> list[str]:
    """A line for each action, with the reason where it cannot be run there, and one below it for each parameter."""
    width = max((len(action.name) for action, _ in offered), default=0)
    lines: list[str] = []
    for action, why in offered:
        lines.append(f"{action.name.ljust(width)}  {action.title}" + (f" (not here: {why})" if why else ""))
        lines += [" " * (width + 2) + _param_line(param) for param in params_of(action)]
    return lines


def actions_document(environment: str, offered: Sequence[tuple[Action, str]]) -> dict[str, Json]:
    """The same for programs; `refusal` is null where the action can be planned."""
    return {
        "environment": environment,
        "actions": [
            {
                "name": action.name,
                "title": action.title,
                "refusal": why or None,
                "params": [_param(param) for param in params_of(action)],
            }
            for action, why in offered
        ],
    }


def _param_line(param: Param) -> str:
    kind = "|".join(param.choices) if param.choices else param.type.value
    default = "" if param.default in (None, "", []) else f", default {param.default}"
    return f"--param {param.name}=… ({kind}{', required' if param.required else ''}{default})  {param.help}".rstrip()


def _param(param: Param) -> dict[str, Json]:
    return {
        "name": param.name,
        "type": param.type.value,
        "required": param.required,
        "default": param.default,
        "choices": list(param.choices),
        "help": param.help,
    }
