"""What is checked on every host before step 1: space, tools, sudo, logins that end their processes.

Owns one script, which changes nothing, and the reading of its answer. The control directory is the lock's.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from console.domain.environment import AppPaths
from console.domain.runs import Plan
from console.domain.shellwords import quote
from console.domain.untrusted import harmless

LEAST_KB = 200 * 1024
"""Free space of the application's filesystem below which nothing starts, in KiB."""
LEAST_INODES = 2000


@dataclass(frozen=True, slots=True, kw_only=True)
class Findings:
    """One host: `refusals` stop the run before step 1, `warnings` are noted."""

    refusals: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


def preflight_script(paths: AppPaths, plan: Plan, host: str) -> str:
    """POSIX sh that prints one `name value` line for each thing looked at."""
    tools = sorted(_tools(plan, host))
    accounts = sorted(_accounts(plan, host))
    return f"""say() {{ printf '%s\\n' "$*"; }}
say space "$(df -Pk -- {quote(paths.base)} 2>/dev/null | awk 'NR==2 {{print $4}}')"
say inodes "$(df -Pi -- {quote(paths.base)} 2>/dev/null | awk 'NR==2 {{print $4}}')"
for tool in {" ".join(quote(tool) for tool in tools) or "sh"}; do
  command -v "$tool" >/dev/null 2>&1 || say missing "$tool"
done
for account in {" ".join(quote(name) for name in accounts)}; do
  sudo -n -u "$account" -- true >/dev/null 2>&1 || say nosudo "$account"
done
if grep -qs '^[[:space:]]*KillUserProcesses=yes' /etc/systemd/logind.conf /etc/systemd/logind.conf.d/*.conf; then
  say kills yes
fi
exit 0
"""


def read_preflight(output: bytes) -> Findings:
    """What the script's answer means."""
    said: dict[str, list[str]] = {}
    for line in output.decode("utf-8", "replace").splitlines():
        name, _, value = line.partition(" ")
        said.setdefault(name, []).append(harmless(value))
    refusals = []
    if (free := _number(said.get("space"))) is not None and free < LEAST_KB:
        refusals.append(f"only {free // 1024} MiB are free, {LEAST_KB // 1024} MiB are wanted")
    if (inodes := _number(said.get("inodes"))) is not None and 0 < inodes < LEAST_INODES:
        refusals.append(f"only {inodes} inodes are free")
    refusals += [f"there is no command {tool}" for tool in said.get("missing", ())]
    refusals += [f"sudo -n does not let this account become {name}" for name in said.get("nosudo", ())]
    warnings = []
    if "kills" in said:
        warnings.append("logind ends every process of a login that leaves (KillUserProcesses=yes): a step may die then")
    return Findings(refusals=tuple(refusals), warnings=tuple(warnings))


def _tools(plan: Plan, host: str) -> Iterable[str]:
    for step in plan.steps:
        if host not in step.hosts or not step.scripts:
            continue
        script = next((one.script for one in step.scripts if one.host == host), "")
        if step.kind == "release" and step.params.get("do") == "create":
            yield "tar"
            yield "sha256sum" if "upload" in step.params else "git"
        if step.kind in ("artisan", "failed_jobs"):
            php = next((line for line in script.splitlines() if line.startswith("exec ")), "").split()
            if len(php) > 1 and "/" not in php[1] and php[1] != "sudo":
                yield php[1]


def _accounts(plan: Plan, host: str) -> Iterable[str]:
    for step in plan.steps:
        for one in step.scripts:
            words = one.script.split() if one.host == host else []
            for at, word in enumerate(words[:-3]):
                if word == "sudo" and words[at + 1 : at + 3] == ["-n", "-u"]:
                    yield words[at + 3].strip("'")


def _number(values: list[str] | None) -> int | None:
    text = values[0] if values else ""
    return int(text) if text.isdigit() else None
