"""`docs/configuration.md`, made from the declarations: every key with its type, default and meaning.

Owns the document's words and order. Must not write it: `python -m console.cli.reference` does, and a test compares.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from console.config.kinds import ConfigurableSources
from console.config.schema import Schema, action_schema, config_schema, first_line
from console.ports.steps import StepKinds

_HEAD = """# Configuration

Made from the declarations in `console/config` by `python -m console.cli.reference`; a test keeps it equal.

One YAML file holds everything: the one that `--config` or `OPSCONSOLE_CONFIG` names, else
`~/.config/opsconsole/opsconsole.yaml`. `opsconsole config check` names every problem at once as `file:line:column`,
`opsconsole config schema > opsconsole.schema.json` writes the schema that editors complete it with
(`# yaml-language-server: $schema=./opsconsole.schema.json` as its first line). Unknown keys are refused. Relative paths
of files on this machine are meant from the file's own directory. A file that others can write is refused.

Durations are written `90s`, `2m` or `1h30m`; a bare number means seconds. A commented sample is in `sample_config/`.

## Secrets

A secret is a reference, read at the moment it is needed and kept nowhere; in a protected environment text is refused.

| reference | where it comes from |
| --- | --- |
| `env:NAME` | a variable of this process |
| `file:PATH` | a file on this machine that only its owner can read |
| `cmd:["pass", "show", "db"]` | the output of a command, run without a shell |
| `dotenv:PATH#KEY` | one key of a `.env` file on this machine |
| `remote-env:KEY` | one key of the application's own `.env`, read over SSH |
| `plain:TEXT` | the text itself, for values that look like a reference; not in a protected environment |

Relative paths are meant from the directory of the file that holds the reference. An action's `secrets` are references
only: a plan is stored with them.
"""

_ACTIONS = """## Action files

One YAML file each, in `actions/` beside the configuration; the file's name is the action's. One with the name of a
shipped action takes its place. `{root.name}` stands for a value when it is planned: roots are `app`, `env`, `host`,
`param`, `release` and `run`. An element of a list that is nothing but a template stays one word, whatever it holds.
"""


def reference(steps: StepKinds, sources: ConfigurableSources) -> str:
    """The whole document."""
    config, actions = config_schema(sources), action_schema(steps)
    parts = [_HEAD, "## The file\n", _table(config)]
    for path, name in _walk(config, ()):
        parts += [f"## `{path}`\n", _section(config["$defs"][name])]
    parts += [_ACTIONS, _table(actions)]
    step = actions["$defs"]["StepModel"]
    common = {**step, "properties": {k: v for k, v in step["properties"].items() if k not in steps}}
    parts += ["### `params.NAME`\n", _section(actions["$defs"]["ParamModel"])]
    parts += ["### `needs`\n", _section(actions["$defs"]["NeedsModel"])]
    parts += ["### `gate`\n", _section(actions["$defs"]["GateModel"])]
    parts += ["### `steps[]`\n", _section(common)]
    for name in sorted(steps):
        parts += [f"### Step kind `{name}`\n", _kind(steps, name, actions)]
    return "\n".join(part.rstrip("\n") + "\n" for part in parts)


def _walk(schema: Schema, path: tuple[str, ...], name: str = "") -> list[tuple[str, str]]:
    """Every section below a schema as (dotted path, definition), in order."""
    found: list[tuple[str, str]] = []
    definition = schema["$defs"][name] if name else schema
    for key, prop in definition.get("properties", {}).items():
        for target, suffix in _targets(prop):
            inner = (*path, key + suffix)
            found.append((".".join(inner), target))
            found += _walk(schema, inner, target)
    return found


def _targets(prop: Schema) -> list[tuple[str, str]]:
    if "$ref" in prop:
        return [(_name(prop), "")]
    if isinstance(prop.get("additionalProperties"), dict):
        return [(target, ".NAME" + suffix) for target, suffix in _targets(prop["additionalProperties"])]
    if isinstance(prop.get("items"), dict):
        return [(target, "[]" + suffix) for target, suffix in _targets(prop["items"])]
    return [found for part in prop.get("anyOf", ()) for found in _targets(part)]


def _name(prop: Schema) -> str:
    return str(prop["$ref"]).rsplit("/", 1)[-1]


def _section(definition: Schema) -> str:
    return f"{definition.get('description', '')}\n\n{_table(definition)}"


def _table(definition: Schema) -> str:
    required = set(definition.get("required", ()))
    lines = ["| key | type | default | meaning |", "| --- | --- | --- | --- |"]
    for key, prop in definition.get("properties", {}).items():
        default = "**required**" if key in required else _default(prop)
        lines.append(f"| `{key}` | {_cell(_type(prop))} | {default} | {_cell(prop.get('description', ''))} |")
    return "\n".join(lines)


def _kind(kinds: StepKinds, name: str, actions: Schema) -> str:
    kind = kinds[name]
    parts = [first_line(kind)]
    definition = actions["$defs"].get(kind.Params.__name__, {})
    if definition.get("description"):
        parts.append(definition["description"])
    if definition.get("properties"):
        parts.append(_table(definition))
    named = (("check", kind.checks), ("when", kind.whens), ("undo", kind.undos))
    known = [f"`{key}`: {', '.join(f'`{each}`' for each in sorted(names))}" for key, names in named if names]
    if known:
        parts.append("Knows " + "; ".join(known) + ".")
    return "\n\n".join(parts)


def _default(prop: Schema) -> str:
    default = prop.get("default")
    if default in (None, "", [], {}):
        return ""
    if isinstance(default, float) and default.is_integer():
        default = int(default)
    return f"`{default if isinstance(default, str) else json.dumps(default)}`"


_WORDS = {"string": "text", "integer": "whole number", "number": "number", "boolean": "true or false", "null": ""}


def _type(prop: Schema) -> str:
    if "$ref" in prop:
        return "mapping"
    if "enum" in prop:
        return " or ".join(f"`{value}`" for value in prop["enum"])
    if "const" in prop:
        return f"`{prop['const']}`"
    if "anyOf" in prop:
        return _either([_type(part) for part in prop["anyOf"]])
    match prop.get("type"):
        case "array":
            inner = _type(prop.get("items", {}))
            return f"list of {inner}" if inner else "list"
        case "object":
            value = prop.get("additionalProperties")
            if not isinstance(value, dict) or not {"$ref", "anyOf"} & value.keys():
                return "mapping"
            return f"names to {_type(value)}s" if "$ref" in value else f"names to {_type(value)}"
        case kind:
            return _WORDS.get(str(kind), "")


def _either(types: Sequence[str]) -> str:
    words = list(dict.fromkeys(each for each in types if each))
    return " or ".join(words)


def _cell(text: Any) -> str:
    return str(text).replace("|", "\\|")
