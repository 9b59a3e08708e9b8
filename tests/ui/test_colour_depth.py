"""The screen in 256, in 16 and in no colours: what an operator can tell there, cell by cell."""

from __future__ import annotations

import re

import pytest
from rich.segment import Segment
from rich.style import Style

from console.ui.colour_depth import Depth, depth_of
from console.ui.widgets.record_table import RecordTable
from tests.colours import PALETTES_16, contrast, hex_256
from tests.fakes.screen import living_world
from tests.fakes.world_values import make_production
from tests.ui.driving import Driver, driven
from tests.ui.test_terminal import READY, program

FRAME = set("─│╭╮╰╯━┃┏┓┗┛▐▏▕▁▂▃▄▅▆▇█░▓")
"""What is drawn, not read."""


@pytest.mark.parametrize(
    ("environ", "depth"),
    [
        ({"TERM": "xterm-256color", "COLORTERM": "truecolor"}, Depth.TRUE),
        ({"TERM": "tmux-256color"}, Depth.MANY),
        ({"TERM": "xterm-kitty"}, Depth.MANY),
        ({"TERM": "xterm"}, Depth.FEW),
        ({"TERM": "linux"}, Depth.FEW),
        ({"TERM": "xterm-256color", "COLORTERM": "truecolor", "NO_COLOR": "1"}, Depth.NONE),
        ({"TERM": "xterm-256color", "NO_COLOR": ""}, Depth.MANY),
        ({"TERM": "vt220"}, Depth.NONE),
        ({}, Depth.NONE),
    ],
)
def test_the_depth_is_what_the_environment_names(environ: dict[str, str], depth: Depth) -> None:
    assert depth_of(environ) is depth


def _segments(driver: Driver) -> list[list[Segment]]:
    return [list(strip) for strip in driver.app.screen._compositor.render_strips()]


def _colours(style: Style, depth: Depth) -> tuple[str, str]:
    """Front and ground as a terminal would show them."""
    found = []
    for colour in (style.color, style.bgcolor):
        assert colour is not None, "each cell names both: the terminal's own may be of the other kind"
        if depth is Depth.TRUE:
            found.append(colour.get_truecolor().hex)
        else:
            assert colour.number is not None, f"{colour} is none of {depth} colours"
            found.append(hex_256(colour.number) if depth is Depth.MANY else PALETTES_16["xterm"][colour.number])
    front, ground = found
    return (ground, front) if style.reverse else (front, ground)


@pytest.mark.parametrize("theme", ["dark", "light"])
@pytest.mark.parametrize("depth", [Depth.TRUE, Depth.MANY, Depth.FEW])
@pytest.mark.parametrize("keys", [("4", "space", "j"), ("1",), ("question_mark",), ("colon", "r"), ("D",)], ids=str)
async def test_every_text_on_the_screen_can_be_read(keys: tuple[str, ...], depth: Depth, theme: str) -> None:
    world = living_world(make_production())
    world.windows.open("production")
    async with driven(world, theme=theme, depth=depth) as driver:
        await driver.press(*keys)
        await driver.settle()
        strips = driver.app.screen._compositor.render_strips()
        if dialog := next(iter(driver.app.screen.query(".dialog")), None):
            # What lies below a dialog is dimmed on purpose.
            x, y, width, height = dialog.region
            strips = [strip.crop(x, x + width) for strip in strips[y : y + height]]
        read = [segment for strip in strips for segment in strip if set(segment.text) - FRAME - {" "}]
        for segment in read:
            assert segment.style is not None
            front, ground = _colours(segment.style, depth)
            assert contrast(front, ground) >= 4.5, f"{segment.text!r}: {front} on {ground}"
        assert len(read) > 20


@pytest.mark.parametrize("depth", list(Depth))
async def test_the_cursors_row_has_a_glyph_and_a_ground_of_its_own(depth: Depth) -> None:
    async with driven(living_world(), depth=depth) as driver:
        await driver.press("4", "space", "j")
        table = driver.main.query_one("#pane-4").query_one(RecordTable)
        rows = [list(strip) for strip in table.render_lines(table.size.region)[1 : 1 + len(table.model.rows)]]
        glyphs = [row[0].text for row in rows]
        assert glyphs[0] == "◆" and glyphs[table.model.at] == "›" and glyphs.count("›") == 1
        grounds = [_ground(row[2].style, depth) for row in rows]
        assert grounds.count(grounds[table.model.at]) == 1


def _ground(style: Style | None, depth: Depth) -> object:
    assert style is not None
    return bool(style.reverse) if depth is Depth.NONE else style.bgcolor


@pytest.mark.parametrize("depth", list(Depth))
async def test_protected_is_the_same_red_everywhere_or_reverse(depth: Depth) -> None:
    async with driven(living_world(), depth=depth) as driver:
        band = _segments(driver)[0]
        grounds = {_ground(segment.style, depth) for segment in band if "PROTECTED" not in segment.text}
        if depth is Depth.NONE:
            assert grounds == {True} and _ground(band[0].style, depth) is False
            return
        (ground,) = grounds
        red = {"truecolor": "#a8322e", "256": 124, "16": 1}[depth]
        style = band[0].style
        assert style is not None and style.color is not None and style.color == ground
        assert (style.color.get_truecolor().hex if depth is Depth.TRUE else style.color.number) == red


async def test_without_colours_none_is_written_and_a_frame_tells_the_focus() -> None:
    async with driven(living_world(), depth=Depth.NONE) as driver:
        await driver.press("4")
        await driver.settle()
        styles = [segment.style for line in _segments(driver) for segment in line if segment.style]
        assert not any(style.color or style.bgcolor or style.dim for style in styles)
        assert "┏━ 4 Failed jobs" in driver.text and "╭─ 2 Queues" in driver.text


@pytest.mark.parametrize(
    ("env", "written"),
    [
        ({"NO_COLOR": "1"}, r"0|1|7|1;7"),
        ({"TERM": "xterm", "COLORTERM": ""}, r"0|(?:1;|4;|7;)*(?:3[0-7]|9[0-7]);(?:4[0-7]|10[0-7])"),
        (
            {"TERM": "xterm-256color", "COLORTERM": ""},
            r"0|(?:1;|4;|7;)*38;5;(?:1[6-9]|[2-9]\d|\d{3});48;5;(?:1[6-9]|[2-9]\d|\d{3})",
        ),
    ],
    ids=["none", "16", "256"],
)
def test_a_terminal_gets_no_colour_that_it_does_not_have(env: dict[str, str], written: str) -> None:
    with program("quiet", width=120, height=36, **env) as terminal:
        terminal.wait_for(READY)
        terminal.press("2", "j")
        terminal.wait_quiet(0.3)
        found = {each.decode() for each in re.findall(rb"\x1b\[([0-9;]*)m", terminal.output)}
        assert [each for each in found if not re.fullmatch(written, each)] == []
        assert len(found) > 2
        terminal.press("q")
        assert terminal.wait() == 0
