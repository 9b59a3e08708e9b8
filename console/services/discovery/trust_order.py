"""What an answer of a host is worth: which of PHP, config cache, `.env` and defaults its facts stand on.

Owns the one order of trust, for discovery and for the proof of identity alike. Pure. Must not ask, nor remember.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from console.domain.environment import AppFacts
from console.domain.origins import Origin, Origins
from console.services.discovery import from_env, laravel_config
from console.services.discovery.facts import Document, facts_of, part, text
from console.services.discovery.probe import EnvFile, ProbeAnswer

UNREADABLE = "the .env cannot be read by this account, so what it says is unknown"


@dataclass(frozen=True, slots=True)
class Learned:
    """A document with what it stands on. `problem` says why PHP's answer is missing or worth nothing; `unbooted` that
    PHP was there and failed; `lasting` that unchanged files will give the same answer again."""

    document: Document = field(repr=False)
    origins: Origins
    problem: str = ""
    unbooted: bool = False
    lasting: bool = False

    def facts(self, answer: ProbeAnswer) -> AppFacts:
        """The facts in it; passwords named by their key are looked up in the answer's `.env`."""
        return facts_of(self.document, answer.values, self.origins, problem=self.problem, unbooted=self.unbooted)

    @property
    def known(self) -> bool:
        """Whether anything at all is known of the application's configuration."""
        return self.origins.whole is not Origin.UNKNOWN


def learned(answer: ProbeAnswer) -> Learned:
    """What may be believed of an answer. A cached configuration is what the application uses: where PHP cannot read it,
    nothing of `.env` counts."""
    if answer.php is not None:
        return _from_php(answer)
    unbooted = not answer.nophp
    if answer.cached:
        problem = f"{answer.problem}, and the configuration is cached, so what .env says does not count"
        return Learned({}, Origins(), problem, unbooted)
    if answer.env is EnvFile.READ:
        document, origins = from_env.document_of(answer.values, answer.hints)
        return Learned(document, origins, f"{answer.problem}; .env was read instead", unbooted)
    missing = UNREADABLE if answer.env is EnvFile.UNREADABLE else "there is no .env"
    return Learned({}, Origins(), f"{answer.problem}, and {missing}", unbooted)


def _from_php(answer: ProbeAnswer) -> Learned:
    found = answer.php or {}
    laravel = text(found, "laravel") or answer.hints.get("version", "")
    document = laravel_config.document_of(part(found, "config"), laravel)
    if text(found, "origin") == Origin.CACHE.value:
        origins = Origins(Origin.CACHE, {"laravel": Origin.FILES if laravel else Origin.UNKNOWN})
        return Learned(document, origins, lasting=True)
    if answer.cached:
        problem = "whether the configuration is cached cannot be seen: this account may not look into bootstrap/cache"
        return Learned({}, Origins(), problem)
    name = text(found, "env_file") or ".env"
    env = text(found, "env")
    if env == EnvFile.UNREADABLE.value:
        return Learned({"laravel": laravel}, Origins(Origin.UNKNOWN, {"laravel": Origin.PHP}), UNREADABLE)
    if env == EnvFile.ABSENT.value and not text(document, "app_key"):
        # No application serves anything without a key, so its real settings come from a place that PHP did not see.
        problem = f"there is no {name}, so only defaults are known"
        return Learned(document, Origins(Origin.DEFAULT, {"laravel": Origin.PHP}), problem)
    return Learned(document, Origins(Origin.PHP), lasting=name == ".env")
