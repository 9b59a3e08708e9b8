"""The step kind `service`: restart this application's workers, or restart or reload one system service.

Owns how supervisord and systemd are asked, with `sudo -n` where the login may not. Must not touch other programs.
"""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, model_validator

from console.domain.environment import Host
from console.domain.planning import PlanContext
from console.domain.runs import PlannedStep
from console.domain.shellwords import Kind, quote, refused
from console.errors import UsageError
from console.steps.scripts import assemble, fail, words


class ServiceParams(BaseModel):
    """`service: {restart: workers}`, `service: {restart: UNIT}` or `service: {reload: UNIT}`."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    restart: str = ""
    """`workers` for the programs under `workers:`, else a systemd unit."""
    reload: str = ""
    """A systemd unit, such as php8.2-fpm."""

    @model_validator(mode="after")
    def _one_of(self) -> ServiceParams:
        if bool(self.restart) == bool(self.reload):
            raise ValueError("either `restart` or `reload`")
        name = self.restart or self.reload
        if not name.startswith("{") and refused(Kind.NAME, name):
            raise ValueError("a plain service name")
        return self


class Service:
    """Restarts or reloads services."""

    Params = ServiceParams
    checks = ()
    undos = ("service-restart",)
    whens = ()

    def plan(self, context: PlanContext) -> PlannedStep:
        """The commands on each host; its undo is the same restart, for code that has been put back."""
        if (
            ServiceParams.model_validate(context.step.params).restart == "workers"
            and not context.environment.supervisor
        ):
            return assemble(
                context,
                kind="service",
                write=lambda _host: 'echo "no programs are configured under workers"',
                text=lambda _host: "restart workers: none are configured",
                undos={"service-restart": lambda _host: 'echo "no programs are configured under workers"'},
            )
        return assemble(
            context,
            kind="service",
            write=lambda host: self._body(context, host),
            text=lambda host: self._text(context, host),
            undos={"service-restart": lambda host: self._body(context, host)},
        )

    def _params(self, context: PlanContext, host: Host) -> ServiceParams:
        return ServiceParams.model_validate(context.params(host))

    def _text(self, context: PlanContext, host: Host) -> str:
        params = self._params(context, host)
        if params.restart == "workers":
            return f"supervisorctl restart {' '.join(context.environment.supervisor)}"
        return f"systemctl {'restart' if params.restart else 'reload'} {params.restart or params.reload}"

    def _body(self, context: PlanContext, host: Host) -> str:
        params = self._params(context, host)
        if params.restart == "workers":
            return _restart_programs(
                context.environment.supervisor, must="worker" in host.roles, become=context.step.become
            )
        verb, unit = ("restart", params.restart) if params.restart else ("reload", params.reload)
        if refused(Kind.NAME, unit):
            raise UsageError(f"The step {context.step.name} names no plain service.")
        return f"exec {words(['sudo', '-n', '--', 'systemctl', verb, '--', unit])}"


def _restart_programs(programs: tuple[str, ...], *, must: bool, become: str) -> str:
    """Restarts exactly these programs, process by process as supervisord names them; one stopped by hand stays so."""
    wanted = "|".join(f"{quote(name)}|{quote(name)}:*" for name in programs)
    missing = fail(f"this host has none of: {' '.join(programs)}") if must else 'echo "none of the programs is here"'
    silent = (
        fail("supervisorctl does not answer, with sudo -n neither")
        if must
        else '{ echo "no supervisord answers here: no workers to restart"; exit 0; }'
    )
    prefix = f"sudo -n -u {quote(become)} -- " if become else ""
    return f"""
ctl() {{ {prefix}supervisorctl "$@"; }}
if ! ctl pid >/dev/null 2>&1; then
  ctl() {{ sudo -n -- supervisorctl "$@"; }}
  ctl pid >/dev/null 2>&1 || {silent}
fi
status=$(ctl status || true)
names='' left=''
while read -r name state rest; do
  case "$name" in
    {wanted})
      case "$state" in
        STOPPED) left="$left $name" ;;
        *) names="$names $name" ;;
      esac ;;
  esac
done <<END_OF_STATUS
$status
END_OF_STATUS
[ -z "$left" ] || echo "left stopped:$left"
if [ -z "$names" ]; then
  [ -n "$left" ] || {missing}
  exit 0
fi
ctl restart $names
ctl status $names
"""
