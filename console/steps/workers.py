"""What the step kind `service` does for `restart: workers`: its line and sentences in a plan, and its performance.

Owns how the step's params become a request, and what a plan refuses. The reading and the waiting are `services`'. Must
not touch programs that are not under `workers:`, but for those that hear the same signal.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from console.domain.documents import Json
from console.domain.environment import Host, Layout
from console.domain.plan_context import PlanContext
from console.domain.plans import Danger, PlannedStep
from console.domain.step_facts import Need, NeedKind
from console.domain.worker_advice import headline, idle_line, refusals, warnings
from console.domain.worker_broadcasts import broadcast_warnings
from console.domain.worker_cuts import hard_headline, hard_warnings
from console.domain.worker_found import Found
from console.errors import OpsconsoleError, RefusedError
from console.ports import Completed, Reach
from console.services.threads.parallel import each_captured
from console.services.workers.restart import RestartRequest
from console.services.workers.survey import Looked, WorkerSurvey, queues_of, reserved_on
from console.steps.scripts import accounts

UNDO = "service-restart"


def restart_params(context: PlanContext, *, hard: bool, term: bool, drain: float | None) -> dict[str, Json]:
    """What the performance needs to know, exactly; it stands in the plan and is hashed with it."""
    environment = context.environment
    linked = bool(context.release) and environment.app.layout is Layout.RELEASES
    return {
        "restart": "workers",
        "programs": list(environment.supervisor),
        "must": [host.name for host in context.hosts if "worker" in host.roles],
        "release": context.release if linked else "",
        "every": not linked,
        "become": context.step.become,
        "hard": hard,
        "term": term,
        "drain": drain,
    }


def restart_text(params: Mapping[str, Json]) -> str:
    """The step's one line in a plan."""
    names = ", ".join(_texts(params["programs"]))
    if not names:
        return "restart workers: no programs are configured under `workers:`, so none is restarted"
    if params["hard"]:
        return f"stop and start workers, whatever they do: {names}"
    how = "by TERM" if params["term"] else "by the framework's restart signal"
    return f"let workers finish and come back, {how}: {names}"


def restart_needs(context: PlanContext, host: Host) -> list[Need]:
    """What the step needs on a host that has the workers: supervisorctl as the account it becomes, and each program.
    Where no host is said to have workers, any may."""
    if host not in (context.environment.on("worker") or context.environment.hosts):
        return []
    become = context.step.become
    programs = [
        Need(host=host.name, what=NeedKind.PROGRAM, name=name, account=become)
        for name in context.environment.supervisor
    ]
    return [*accounts(host, become, "supervisorctl"), *programs]


def request_of(step: PlannedStep, doing: str) -> RestartRequest:
    """What a planned step, or its way back, asks for. The way back is about whatever is linked by then."""
    params = step.params
    drain = params.get("drain")
    request = RestartRequest(
        wanted=_texts(params.get("programs")),
        hosts=step.hosts,
        must=_texts(params.get("must")),
        release=str(params.get("release") or ""),
        become=str(params.get("become") or ""),
        drain=float(drain) if isinstance(drain, int | float) else None,
        term=params.get("term") is True,
        every=params.get("every") is True,
        hard=params.get("hard") is True,
    )
    return replace(request, release="") if doing else request


def restart_danger(*, hard: bool) -> Danger:
    """A restart that lets jobs finish is careful, one that cuts them is not."""
    return Danger.DESTRUCTIVE if hard else Danger.CAUTION


def advise(context: PlanContext, step: PlannedStep, reach: Reach, later: Sequence[PlannedStep]) -> list[str]:
    """What the hosts' workers, programs, caches and queues mean for the step, read now. RefusedError when it must not
    be run like this."""
    request = request_of(step, "")
    survey = WorkerSurvey(
        environment=context.environment,
        run=lambda scripts, seconds: _run(reach, scripts, seconds),
        become=request.become,
    )
    looked = survey.look(request.hosts, settings=True)
    found = _found(reach, request, survey, looked, later)
    refused = refusals(found)
    if refused:
        more = [f"Also: {each.what}" for each in refused[1:]]
        what = " ".join([refused[0].what, *more])
        raise RefusedError(what, done="Nothing was planned.", fix=refused[0].fix)
    if not request.wanted:
        return [idle_line(found)]
    if request.hard:
        return [hard_headline(found), *hard_warnings(found), *warnings(found)]
    return [headline(found), *warnings(found)]


def advise_broadcast(
    context: PlanContext, step: PlannedStep, reach: Reach, later: Sequence[PlannedStep], *, horizon: bool
) -> list[str]:
    """What a step that only tells workers to leave will miss, read now on every host: the signal reaches them all."""
    environment = context.environment
    request = RestartRequest(
        wanted=environment.supervisor, hosts=tuple(host.name for host in environment.hosts), must=()
    )
    survey = WorkerSurvey(environment=environment, run=lambda scripts, seconds: _run(reach, scripts, seconds))
    looked = survey.look(request.hosts, settings=True)
    found = _found(reach, request, survey, looked, later)
    return [f"{step.name}: {each}" for each in broadcast_warnings(found, horizon=horizon)]


def _found(
    reach: Reach,
    request: RestartRequest,
    survey: WorkerSurvey,
    looked: Looked,
    later: Sequence[PlannedStep],
) -> Found:
    hosts = looked.hosts
    answers = survey.ask({host: (survey.linked(seen), *survey.running(seen)) for host, seen in hosts.items()})
    coming = survey.ask({host: (survey.linked(seen, fresh=True),) for host, seen in hosts.items()})
    queues = queues_of(answers)
    others = [host.name for host in survey.environment.on("worker") if host.name not in request.hosts]
    return Found(
        wanted=request.wanted,
        must=request.must,
        hosts=hosts,
        unread=looked.unread,
        answers=answers,
        coming=coming,
        queues=queues,
        reserved=reserved_on(reach, queues, hosts.values()),
        clears=tuple(each.name for each in later if each.facts.clears_cache),
        links=tuple(each.name for each in later if each.facts.switches_link),
        left=tuple(others),
        become=request.become,
        term=request.term,
        hard=request.hard,
        drain=request.drain,
    )


def _run(reach: Reach, scripts: Mapping[str, str], seconds: float) -> Mapping[str, Completed | OpsconsoleError]:
    done = each_captured(scripts, lambda host: reach.shell(host).run(scripts[host], deadline=seconds))
    return {host: one.error if isinstance(one.error, OpsconsoleError) else one.unwrap() for host, one in done.items()}


def _texts(value: Json) -> tuple[str, ...]:
    return tuple(str(each) for each in value) if isinstance(value, list) else ()
