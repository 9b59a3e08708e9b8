"""The window into a log ring, without a widget."""

from __future__ import annotations

from console.domain.logs import FileOrigin, Level, LogRing, Record
from console.present.text import Line
from console.ui.widgets.log_window import LogWindow

WEB1 = FileOrigin("web1", "laravel.log", "8:1")


class Logs:
    """A ring that is written into, and a window of so many lines over it; each record has two lines."""

    def __init__(self, height: int) -> None:
        self.ring = LogRing()
        self.window = LogWindow(_lines_of, lambda: height)
        self._at = 0
        self._second = 0
        self.window.show(self.ring)

    def write(self, *levels: str) -> None:
        for level in levels:
            text = f"[2026-01-05 10:00:{self._second:02}] production.{level}: order {self._second} \n".encode()
            self.ring.append(WEB1, self._at, text)
            self._at += len(text)
            self._second += 1
        self.ring.settle()
        self.window.update()

    @property
    def shown(self) -> list[str]:
        return ["".join(text for text, _ in line) for _, line, _ in self.window.shown]

    @property
    def current(self) -> str:
        record = self.window.current
        return "" if record is None else f"{record.level.name} {record.message.show().strip()}"

    def go(self, position: int | None) -> None:
        assert position is not None
        self.window.stand()
        self.window.go(position)
        self.window.update()


def _lines_of(record: Record) -> tuple[Line, ...]:
    return tuple(((f"{record.message.show().strip()}.{part}", ""),) for part in "ab")


def test_it_follows_until_it_stands_and_counts_what_came_since() -> None:
    logs = Logs(3)
    logs.write("INFO", "INFO")
    assert logs.shown == ["order 0.b", "order 1.a", "order 1.b"]
    assert logs.window.stand() and not logs.window.stand()
    logs.write("INFO")
    assert logs.shown == ["order 0.b", "order 1.a", "order 1.b"] and logs.window.unseen == 1
    logs.window.follow()
    logs.window.update()
    assert logs.shown[-1] == "order 2.b" and logs.window.unseen == 0


def test_a_record_that_is_cut_off_is_shown_whole_when_the_cursor_comes_to_it() -> None:
    logs = Logs(3)
    logs.write("INFO", "INFO", "INFO")
    logs.go(logs.window.beside(-1))
    assert logs.shown == ["order 1.a", "order 1.b", "order 2.a"]
    logs.go(logs.window.oldest())
    assert logs.shown == ["order 0.a", "order 0.b", "order 1.a"]
    logs.go(logs.window.page(1))
    assert logs.shown[-1] == "order 2.b"
    assert logs.window.page(1) is None and logs.window.page(-1) is not None


def test_errors_and_matches_are_found_within_the_level() -> None:
    logs = Logs(4)
    logs.write("ERROR", "INFO", "CRITICAL", "INFO")
    before = logs.window.hunts
    logs.go(logs.window.error(-1))
    assert logs.current == "CRITICAL order 2"
    assert logs.window.filter("order 1") and not logs.window.filter("order 1")
    logs.window.filter("")
    logs.go(logs.window.oldest())
    assert (before, logs.window.hunts) == (False, True)
    logs.go(logs.window.match(1))
    assert logs.current == "INFO order 1"
    logs.window.raise_level()
    logs.window.set_level(Level.EMERGENCY)
    logs.window.update()
    assert logs.shown == [] and logs.window.cursor is None


def test_bookmarks_stand_where_the_cursor_is_and_go_with_the_ring() -> None:
    logs = Logs(2)
    assert not logs.window.toggle_bookmark()
    logs.write("INFO")
    assert logs.window.toggle_bookmark() and len(logs.window.bookmarks) == 1
    assert logs.window.toggle_bookmark() and len(logs.window.bookmarks) == 0
    logs.window.toggle_bookmark()
    assert logs.window.show(LogRing()) and not logs.window.bookmarks and not logs.window.show(logs.window.ring)
