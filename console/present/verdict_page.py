"""docs/health.md: what an answer of a health URL means, as a page for people.

Owns the page's text and its examples; every verdict on it is computed by the code that judges real answers. Must not
hold a rule of its own.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from console.domain.answers import ERRORS, FLAGS, NAMED, OWN, PARTS
from console.domain.health import ProbeSpec, Status
from console.domain.probes import STALE, HttpAnswer, verdict
from console.domain.redirects import MOST, misled, refusal
from console.domain.verdicts import WORDS

_ASKED = "https://app.example.com/up"
_JSON, _HTML, _PLAIN = "application/json", "text/html; charset=UTF-8", "text/plain"


@dataclass(frozen=True, slots=True)
class Example:
    """One answer of the page's table. `landed` is where redirects led; `expect` what the configuration states."""

    body: str
    kind: str = _JSON
    status: int = 200
    landed: str = ""
    expect: str = ""


EXAMPLES = (
    Example("<html>Application up</html>", _HTML),
    Example("<html>Application experiencing problems</html>", _HTML, 500),
    Example('{"status":"up"}'),
    Example('{"status":"down"}', status=500),
    Example('{"status":"ok","checks":{"queue":{"status":"warn"}}}'),
    Example('{"status":"ok","checks":{"mail":{"status":"fail","error":"refused"}}}'),
    Example('{"status":"ok","database":"connected","queue":0}'),
    Example('{"status":"ok","database":"disconnected","queue":0}'),
    Example('{"status":"shiny"}'),
    Example('{"healthy":false}', status=503),
    Example('{"checkResults":{"0":{"label":"Queue","status":"warning","notificationMessage":"slow"}}}'),
    Example('{"checkResults":[{"name":"Backups","status":"skipped"}]}'),
    Example('[{"name":"db","status":"pass"},{"name":"mail","status":"fail"}]'),
    Example('{"version":"1.4.2"}'),
    Example("[]"),
    Example(""),
    Example("", _PLAIN, 204),
    Example("OK", _PLAIN),
    Example("not ok", _PLAIN),
    Example("db: ok, cache: down", _PLAIN),
    Example("pong", _PLAIN),
    Example("", _HTML, 301),
    Example("<html>Log in</html>", _HTML, landed="https://app.example.com/login"),
    Example("<html>Log in</html>", _HTML, landed="https://app.example.com/login", expect="/login"),
    Example('{"status":"ok"}', landed="https://app.example.com/up/"),
)

_TEXT = """\
# What the answer of a health URL means

This page is generated (`make docs`) from the code that judges. The health pane, `opsconsole health`, the gate of a run
and the step `wait_http` all judge by it. Nothing is ok that was not understood.

## The order

1. **No answer** within the timeout, a broken connection, an untrusted certificate, a body that cannot be unpacked:
   failed.
2. **Redirects** are followed on the same host name, also from http to https, at most {most} times, and the answer is
   judged where they lead if that is the same path (but for a slash at its end). Any other landing is failed and quoted,
   and so are a circle, another host, and a step back from https to http. `expect: {{url: /login}}` names a landing that
   is right. What signs in at the first URL is sent to no other origin than its https form.
3. **HTTP status**: 200 to 299 go on, any other is failed. `expect: {{status: N}}` names the one that is right; one of
   300 to 399 means the redirect itself, which is then not followed, one of 400 or more ends the judging.
4. **`expect: {{json: …}}` and `expect: {{text: …}}`** state what the body must hold: with it ok, without it failed. The
   words below are not asked then, so this is how to make an answer ok whose words are not known.
5. **The body**:
   - HTML counts by its status alone, and so does an empty body, unless it claims to be JSON.
   - JSON counts by its verdicts, wherever they stand (see the keys below). The worst counts, and what is not ok is
     named with its place (`checks.queue: warn`). Beside verdicts good words prove nothing, and numbers are counts.
   - Without any verdict in it, every `true`, `false` and word of the table counts.
   - Plain text counts by the words of each line; `not ok` is failed, `no errors` and `0 failed` say nothing.
   - A word that is not known, JSON that cannot be read, a text or document that says nothing of health, more than 1 MB
     or 500 lines: a warning that quotes it.
   - Stored results (`finishedAt`) older than {stale} minutes by the server's own clock: a warning, for whatever stores
     them may be dead.

## The words

Without regard to case. In the place of a verdict the numbers 1 and 0 and HTTP codes count too.

| status | words |
| --- | --- |
{words}

## The keys

Without regard to case; `checkResults` and `check-results` are the same.

| keys | what stands there |
| --- | --- |
| {own} | the verdict of the object around it, however deep |
| {parts}, and a list that is the whole document | parts, each entry with a verdict, or a verdict itself |
| {errors} | anything there is failed |
| {named} | `false` there is failed, also beside a verdict |
| {flags} | `true` there is bad, `false` says nothing |

## In the gate

Each probe is sampled once just before step 1, and after the last step each 5 seconds. Three failed samples in a row of
one probe fail the gate at once. It passes if in the last three samples every probe was ok, or had no other warning than
before step 1: a warning that was not there before is bad. A probe that failed before step 1 may end with any known
warning.
`wait_http` goes on waiting while an answer is not understood.

## Examples

The URL asked is `{asked}`.

| answer | verdict | what is said |
| --- | --- | --- |
{examples}
"""


def verdict_page() -> str:
    """The whole page."""
    return _TEXT.format(
        most=MOST,
        own=_listed(OWN),
        parts=_listed(PARTS),
        errors=_listed(ERRORS),
        named=_listed(NAMED),
        flags=_listed(FLAGS),
        stale=int(STALE.total_seconds() // 60),
        asked=_ASKED,
        words="\n".join(f"| {status.value} | {' '.join(words)} |" for status, words in WORDS.items()),
        examples="\n".join(_row(example) for example in EXAMPLES),
    )


def judged(example: Example) -> tuple[Status, str]:
    """The verdict over an example, and what is said of it."""
    spec = ProbeSpec(name="up", url=_ASKED, expect_url=example.expect)
    landed = example.landed or _ASKED
    why = refusal(_ASKED, landed, example.expect) or misled(_ASKED, landed, example.expect)
    answer = HttpAnswer(status=example.status, body=example.body.encode(), content_type=example.kind, misled=why)
    found = verdict(spec, answer)
    return found.status, found.detail


def _row(example: Example) -> str:
    status, detail = judged(example)
    kind = example.kind.partition(";")[0]
    words = [f"HTTP {example.status}", kind if example.body or kind == _JSON else "empty"]
    if example.landed:
        words.append(f"after a redirect to `{example.landed}`")
    if example.expect:
        words.append(f"with `expect: {{url: {example.expect}}}`")
    shown = f" `{example.body}`" if example.body else ""
    return f"| {', '.join(words)}{shown} | {status.value} | {detail} |"


def _listed(words: Iterable[str]) -> str:
    return ", ".join(f"`{word}`" for word in words)
