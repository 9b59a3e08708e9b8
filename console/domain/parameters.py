"""An action's parameters: given text and documents become typed values, or a sentence says what is wrong.

Owns the types' rules. Must not ask anybody, nor know an environment beyond the scope it is handed.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Mapping

from console.domain.actions import Action, Effect, Param, ParamType
from console.domain.documents import Json
from console.domain.shellwords import Kind, Typed, refused
from console.domain.templates import Scope, fill
from console.domain.untrusted import harmless
from console.errors import UsageError

ALLOW_FAILING = "allow_failing"
"""The parameter every action with a gate takes: names of probes that may fail before step 1."""
ALLOW_ATTACHED = "allow_attached"
"""The parameter every action with `once` steps takes: hosts where nothing can detach a command, and they may run so."""

_PROBES = Param(name=ALLOW_FAILING, type=ParamType.TEXT, help="Probes that may fail before step 1, separated by commas")
_HOSTS = Param(
    name=ALLOW_ATTACHED, type=ParamType.TEXT, help="Hosts where a step may run that cannot be detached, by commas"
)

_DURATION = re.compile(r"\d+(?:\.\d+)?|(?:\d+(?:\.\d+)?(?:ms|s|m|h|d))+")
_DURATION_PART = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)?")
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, None: 1.0}
_FRAME = re.compile(r"[\x00-\x1f\x7f]")
MOST_IDS = 1000


def params_of(action: Action) -> tuple[Param, ...]:
    """Every parameter that the action takes: its own, and those that its gate and its steps bring."""
    once = any(step.effect is Effect.ONCE for step in action.steps)
    return (*action.params, *((_PROBES,) if action.gate else ()), *((_HOSTS,) if once else ()))


def resolve(action: Action, given: Mapping[str, Json], scope: Scope) -> dict[str, Json]:
    """Every parameter of `action` with its typed value; defaults may hold templates. UsageError names what is wrong."""
    known = [param.name for param in action.params] + ([ALLOW_FAILING] if action.gate else [])
    for name in given:
        if name not in (*known, ALLOW_ATTACHED):
            close = difflib.get_close_matches(name, known, n=1)
            hint = f"Did you mean {close[0]}?" if close else f"It takes: {', '.join(known) or 'none'}."
            raise UsageError(f"The action {action.name} has no parameter {name}.", fix=hint)
    values: dict[str, Json] = {}
    for param in action.params:
        value = given.get(param.name)
        if value == "" and param.default not in (None, ""):
            # An unset variable of a script must not deploy the default.
            raise UsageError(f"--param {param.name}: it is empty.", fix="Leave it out for the default.")
        if value is None or value == "":
            value = fill(param.default, scope) if isinstance(param.default, str) else param.default
        if value is None or value in ("", []):
            if param.required:
                raise UsageError(f"The action {action.name} needs --param {param.name}=…", fix=param.help)
            values[param.name] = [] if param.type is ParamType.UUIDS else None
            continue
        values[param.name] = coerce(param, value)
    if action.gate:
        values[ALLOW_FAILING] = list(_texts(given.get(ALLOW_FAILING)))
    if consent := _texts(given.get(ALLOW_ATTACHED)):
        values[ALLOW_ATTACHED] = list(consent)
    return values


def coerce(param: Param, value: Json) -> Json:
    """One value in its parameter's type; durations in seconds. UsageError says what was expected."""
    rule = _RULES.get(param.type, _text)
    try:
        coerced = rule(value)
    except ValueError as error:
        raise UsageError(f"--param {param.name}: {error}") from error
    if param.choices and coerced not in param.choices:
        raise UsageError(f"--param {param.name}: one of {', '.join(param.choices)}.")
    return coerced


def seconds(value: Json) -> float:
    """`90`, `90s`, `10m`, `1h30m` or `1d` as seconds; ValueError otherwise."""
    text = str(value).strip()
    if isinstance(value, bool) or len(text) > 40 or not _DURATION.fullmatch(text):
        raise ValueError("a duration like 90s, 10m or 1h30m")
    return sum(float(number) * _SECONDS[unit or None] for number, unit in _DURATION_PART.findall(text))


def _texts(value: Json) -> tuple[str, ...]:
    if isinstance(value, str):
        return tuple(part.strip() for part in value.split(",") if part.strip())
    return tuple(str(part) for part in value) if isinstance(value, list) else ()


def _text(value: Json) -> str:
    if isinstance(value, (list, dict)) or value is None:
        raise ValueError("one text")
    text = str(value)
    if _FRAME.search(text):
        raise ValueError("a text without control characters or line breaks")
    return text


def _int(value: Json) -> int:
    if isinstance(value, bool) or not re.fullmatch(r"-?\d{1,18}", str(value)):
        raise ValueError("a whole number")
    return int(str(value))


def _bool(value: Json) -> bool:
    text = str(value).lower()
    if text in ("true", "yes", "on", "1"):
        return True
    if text in ("false", "no", "off", "0"):
        return False
    raise ValueError("yes or no")


def _typed(kind: Kind) -> Callable[[Json], str]:
    def rule(value: Json) -> str:
        return Typed(kind, _text(value)).value

    return rule


def _uuids(value: Json) -> list[Json]:
    ids = list(dict.fromkeys(_texts(value)))
    wrong = next((one for one in ids if refused(Kind.UUID, one)), "")
    if wrong:
        raise ValueError(f"{harmless(wrong[:60])} is no id of a failed job; `failed list` shows them")
    if not ids:
        raise ValueError("ids of failed jobs, separated by commas")
    if len(ids) > MOST_IDS:
        raise ValueError(f"at most {MOST_IDS} ids at once")
    return list(ids)


_RULES: Mapping[ParamType, Callable[[Json], Json]] = {
    ParamType.TEXT: _text,
    ParamType.INT: _int,
    ParamType.BOOL: _bool,
    ParamType.CHOICE: _text,
    ParamType.DURATION: seconds,
    ParamType.GIT_REF: _typed(Kind.GIT_REF),
    ParamType.RELEASE: _typed(Kind.RELEASE),
    ParamType.QUEUE: _typed(Kind.QUEUE),
    ParamType.UUID: _typed(Kind.UUID),
    ParamType.UUIDS: _uuids,
    ParamType.PATH: _typed(Kind.PATH),
}
