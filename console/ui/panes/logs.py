"""The log lines of the banner's environment, live: every file of every host in one window.

Owns the sixth pane: its title, its troubles in the border, and a record in full. Must not follow files nor parse.
"""

from __future__ import annotations

import posixpath

from textual.app import ComposeResult

from console.domain.log_format import Record
from console.domain.log_levels import Level
from console.domain.logs import FollowState, FollowStatus, LogRing
from console.domain.untrusted import harmless
from console.present import text
from console.present.log_lines import detail_lines, plain_text, record_lines
from console.present.log_notices import down_lines, left_out_words
from console.present.text import Line
from console.services.container import Services
from console.ui.messages import DetailOpened
from console.ui.pane import Attached, Pane
from console.ui.widgets.log_view import LogView

_MINUTES = 12


class LogsPane(Pane):
    """Follows unless told otherwise; while it stands still it counts the lines that came since."""

    NUMBER = 6
    NAME = "logs"
    TITLE = "Logs"
    SLOT = "bottom"
    CHAIN = ()
    HINTS = ("logs.error", "logs.filter", "logs.bookmark")
    KINDS = frozenset({"logs"})
    EMPTY = "no line yet: they appear as the application writes them"

    def __init__(self) -> None:
        super().__init__()
        self._hosts: tuple[str, ...] = ()
        self._newest_record: Record | None = None
        self._newest_line: Line = ()

    def compose(self) -> ComposeResult:
        """The window, nothing else."""
        yield LogView(self._lines_of, empty="reading …")

    @property
    def view(self) -> LogView:
        """The window."""
        return self.query_one(LogView)

    def _lines_of(self, record: Record) -> tuple[Line, ...]:
        several = len(self._hosts) > 1
        width = max(map(len, self._hosts)) if several else 0
        first = several and record.host == self._hosts[0]
        return record_lines(record, host_width=width, host_state="accent" if first else "key")

    def attach(self, attached: Attached) -> None:
        """Shows another environment's lines, beginning at the end."""
        super().attach(attached)
        self._hosts = tuple(harmless(host.name) for host in attached.environment.hosts)
        self.view.show(attached.services.tails.ring(attached.environment.name))

    def refresh_from(self, services: Services) -> None:
        """Shows what has come; the window repaints at its own pace."""
        if self.attached is not None:
            self.view.sync()
            self._frame(services)

    def tick(self, mono: float) -> None:  # noqa: ARG002
        """Draws the title again: the rate of errors and the ages of troubles change without news."""
        if self.attached is not None:
            self._frame(self.attached.services)

    def on_log_view_changed(self) -> None:
        """Draws the title again, which tells level, filter and whether the window follows."""
        if self.attached is not None:
            self._frame(self.attached.services)

    def on_log_view_opened(self, message: LogView.Opened) -> None:
        """Enter: a record with its whole trace."""
        record = message.record
        if record is None:
            self._open_troubles()
            return
        self.post_message(DetailOpened(f"{harmless(record.host)} {record.at.show(40)}", detail_lines(record)))

    def _open_troubles(self) -> None:
        """Enter while there are no lines: for each file that cannot be followed the whole reason."""
        if self.attached is not None:
            down = _down(self.attached.services.tails.statuses(self.attached.environment.name))
            if lines := down_lines(down, local=self.attached.local_time):
                self.post_message(DetailOpened("Logs · not readable", lines))

    # --- the frame -------------------------------------------------------------------------------------------------

    def _frame(self, services: Services) -> None:
        assert self.attached is not None  # noqa: S101
        name = self.attached.environment.name
        statuses = services.tails.statuses(name)
        if (words := self._empty(statuses)) != self.view.empty:
            self.view.empty = words
            self.view.refresh()
        minute = int(services.clock.now().timestamp()) // 60
        ring, down = services.tails.ring(name), _down(statuses)
        rate, curve, bad = self._rate(ring, minute, partly=bool(down))
        # For logs that were never read no error rate is shown.
        blind = bool(down) and len(down) == len(statuses) and not ring.lines
        kept = "" if ring.is_whole else f"newest {text.rounded(ring.lines)} lines · "
        note = "" if blind else f"{kept}{rate} {curve}"
        self.show_border(extra=self._title(statuses, services), note=note)
        lost = ((f"{harmless(down[0].host)}: not readable: {harmless(down[0].detail)}  ", "error"),) if down else ()
        told = () if blind else ((rate, "error" if bad else "dim"),)
        self.show_summary(*lost, *told, *self._newest())

    @staticmethod
    def _rate(ring: LogRing, minute: int, *, partly: bool) -> tuple[str, str, bool]:
        """Errors in the running minute (in the last one while that has none), the curve of those minutes that were read
        whole, and whether the running minute has any. `partly` when a file cannot be read now."""
        series, covered = ring.errors_per_minute(minute, _MINUTES), ring.minutes_covered(minute, _MINUTES)
        last = 1 if series[-1] or len(series) == 1 else 2
        sign = "≥" if partly or covered < last else ""
        return f"{sign}{series[-last]} err/min", text.spark(series[-max(1, covered) :], _MINUTES), bool(series[-1])

    def _title(self, statuses: tuple[FollowStatus, ...], services: Services) -> tuple[tuple[str, str], ...]:
        assert self.attached is not None  # noqa: S101
        files = dict.fromkeys(harmless(posixpath.basename(each)) for each in self.attached.environment.logs)
        level = self.view.window.where.level
        pieces = ["+".join(files), "+".join(self._hosts), f"≥{level.name.lower()}" if level else "all levels"]
        if self.view.window.pattern:
            pieces.append(harmless(f"/{self.view.window.pattern}"))
        unseen = self.view.window.unseen
        pieces.append("follow" if self.view.window.following else f"standing, {text.plural(unseen, 'new line')}")
        extra = [(" · ".join(piece for piece in pieces if piece), "")]
        down = _down(statuses)
        now = services.clock.now()
        left_out = services.tails.left_out(self.attached.environment.name)
        if left_out:
            extra.append((left_out_words(left_out[-1]), "warning"))
        for each in down[:2]:
            since = text.brief((now - each.since).total_seconds())
            extra.append((harmless(f"{each.host}: {each.state.value} {since}, {each.detail}"), "error"))
        return tuple(extra)

    def _empty(self, statuses: tuple[FollowStatus, ...]) -> Line:
        down = _down(statuses)
        if not down:
            return ((self._quiet(statuses), "dim"),)
        worst = " ".join(harmless(part) for part in down[0].detail.splitlines())
        more = f" (and {len(down) - 1} more)" if len(down) > 1 else ""
        return ((f"{harmless(down[0].host)} {harmless(down[0].file)} not readable: {worst}{more}", "error"),)

    def _quiet(self, statuses: tuple[FollowStatus, ...]) -> str:
        if not statuses:
            return "no log file is configured: name them under logs: of this environment"
        waiting = next((each for each in statuses if each.state is FollowState.WAITING), None)
        if waiting is not None:
            return harmless(f"{waiting.file} does not exist yet on {waiting.host}; it is waited for")
        return "connecting …" if all(each.state is FollowState.CONNECTING for each in statuses) else self.EMPTY

    def _newest(self) -> Line:
        record = self.view.window.current
        if record is not self._newest_record:
            state = "error" if record and record.level >= Level.ERROR else "dim"
            self._newest_record = record
            self._newest_line = ((f"  {plain_text(record)[:200]}", state),) if record else ()
        return self._newest_line

    # --- what the screen asks --------------------------------------------------------------------------------------

    def copy_text(self) -> str:
        """The record on one line."""
        record = self.view.window.current
        return plain_text(record) if record else ""

    def copy_command(self) -> str:
        """The same on the command line."""
        if self.attached is None:
            return ""
        level = self.view.window.where.level
        least = f" --level {level.name.lower()}" if level else ""
        return self.attached.command(f"logs -e {self.attached.environment.name} --follow{least}")

    def go_back(self) -> bool:
        """Leaves the filter."""
        return self.view.leave()


def _down(statuses: tuple[FollowStatus, ...]) -> tuple[FollowStatus, ...]:
    """The files that cannot be followed now."""
    return tuple(each for each in statuses if each.state in (FollowState.DOWN, FollowState.UNREADABLE))
