"""One failed job in full, as lines: exception chain with the application's frames first in view, decoded payload.

Owns that text. Must not parse: it is handed what the domain made of the row.
"""

from __future__ import annotations

from console.domain.documents import Json
from console.domain.exception_text import Thrown
from console.domain.failures import FailedDetail
from console.domain.untrusted import harmless
from console.present.text import Line, day, plural

_DEEPEST = 12
_WIDEST = 200


def failed_lines(detail: FailedDetail, *, local: bool = False) -> tuple[Line, ...]:
    """Head, exceptions, payload, command."""
    job = detail.job
    lines: list[Line] = [
        (("job         ", "dim"), (job.job.show(200), "bold")),
        (("queue       ", "dim"), (harmless(job.queue), ""), (f"  on {harmless(job.connection)}", "dim")),
        (("failed at   ", "dim"), (day(job.failed_at, local=local), "")),
        (("uuid        ", "dim"), (harmless(job.uuid) or "none", ""), (f"  id {job.id}", "dim")),
    ]
    for key, value in detail.extras.items():
        lines.append(((f"{harmless(key):<12}", "dim"), (harmless(str(value)), "")))
    lines.append(())
    for place, thrown in enumerate(detail.chain):
        lines += _thrown(thrown, first=place == 0)
    if not detail.chain and detail.exception_text:
        lines += [*(((line, ""),) for line in detail.exception_text.lines(count=200)), ()]
    if detail.truncated:
        lines += [(("only the first part was read; the rest stays in the database", "warning"),), ()]
    lines += [(("payload", "accent-bold"), (f"  {detail.payload_bytes:,} bytes", "dim"))]
    if detail.payload is None:
        lines += [((line, ""),) for line in detail.payload_text.lines(count=200)]
    else:
        lines += _document(detail.payload, "", 0)
    if detail.command is not None:
        lines += [
            (),
            (("command", "accent-bold"), ("  as the job was given it", "dim")),
            *_document(detail.command, "", 0),
        ]
    return tuple(lines)


def _thrown(thrown: Thrown, *, first: bool) -> list[Line]:
    lines: list[Line] = [
        (
            ("" if first else "caused by ", "dim"),
            (thrown.exception_class.show(200), "error" if first else "warning"),
        )
    ]
    lines += [(("  " + line, ""),) for line in thrown.message.lines(count=30)]
    if thrown.location:
        lines.append((("  at ", "dim"), (thrown.location.show(300), "bold")))
    skipped = 0
    for frame in thrown.frames:
        if frame.vendor:
            skipped += 1
            continue
        if skipped:
            lines.append(((f"     … {plural(skipped, 'vendor frame')}", "dim"),))
            skipped = 0
        lines.append(
            (
                (f"  {'#' + str(frame.number):<4}", "dim"),
                (frame.location.show(300), ""),
                (f"  {frame.call.show(200)}", "dim"),
            )
        )
    if skipped:
        lines.append(((f"     … {plural(skipped, 'vendor frame')}", "dim"),))
    return [*lines, ()]


def _document(value: Json, name: str, depth: int) -> list[Line]:
    indent = "  " * (depth + 1)
    head: tuple[tuple[str, str], ...] = ((indent, ""), (f"{harmless(name)}  " if name else "", "dim"))
    if depth >= _DEEPEST and isinstance(value, (dict, list)) and value:
        return [(*head, ("…", "dim"))]
    if isinstance(value, dict) and value:
        own: list[Line] = [head] if name else []
        return own + [line for key, each in value.items() for line in _document(each, key, depth + (1 if name else 0))]
    if isinstance(value, list) and value:
        own = [(*head, (plural(len(value), "value"), "dim"))]
        shown = value[:_WIDEST]
        rest: list[Line] = [((indent + f"  … {len(value) - _WIDEST} more", "dim"),)] if len(value) > _WIDEST else []
        return own + [line for at, each in enumerate(shown) for line in _document(each, str(at), depth + 1)] + rest
    return [(*head, (_scalar(value), ""))]


def _scalar(value: Json) -> str:
    if isinstance(value, str):
        return harmless(value[:2000]) + ("…" if len(value) > 2000 else "")
    if isinstance(value, (dict, list)):
        return "empty"
    return "null" if value is None else str(value).lower()
