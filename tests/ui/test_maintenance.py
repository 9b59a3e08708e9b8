"""Maintenance mode on the screen: the banner says it at every width, and probes that do not see it are told apart."""

from __future__ import annotations

from datetime import timedelta

import pytest

from console.domain.maintenance import HostMaintenance, MaintenanceReading
from tests.fakes.screen import FakeWorld, living_world
from tests.fakes.world_values import START
from tests.ui.driving import driven


@pytest.fixture
def world() -> FakeWorld:
    return living_world()


def put(world: FakeWorld, *down: str) -> None:
    hosts = tuple(
        HostMaintenance(host=name, down=name in down, since=START - timedelta(minutes=12) if name in down else None)
        for name in ("web1", "web2")
    )
    world.board.put("production", "maintenance", MaintenanceReading(hosts=hosts))


@pytest.mark.parametrize("size", [(80, 24), (100, 30), (120, 36), (200, 50)])
@pytest.mark.parametrize("down", [("web1", "web2"), ("web1",)])
async def test_the_banner_says_it_and_keeps_release_and_operator(
    world: FakeWorld, size: tuple[int, int], down: tuple[str, ...]
) -> None:
    put(world, *down)
    async with driven(world, size=size) as screen:
        line = screen.text.splitlines()[0]
        for words in ("PROTECTED", "production", "MAINTENANCE", "12m", "20261121-3", "ops1@bastion"):
            assert words in line, line
        assert ("1 of 2 hosts" in line or "1/2" in line) == (len(down) == 1)


async def test_without_maintenance_the_banner_says_nothing_of_it(world: FakeWorld) -> None:
    put(world)
    async with driven(world) as screen:
        assert "MAINT" not in screen.banner and "read-only" in screen.banner


async def test_what_could_not_be_read_again_says_of_when_it_is(world: FakeWorld) -> None:
    put(world, "web1", "web2")
    async with driven(world) as screen:
        world.board.fail("production", "maintenance", "no route to web1")
        await screen.until(lambda: "MAINTENANCE 12m at 20:51Z" in screen.banner)


async def test_hosts_and_probes_show_it_and_a_probe_that_is_well_says_that_it_does_not_see_it(world: FakeWorld) -> None:
    put(world, "web1")
    async with driven(world, size=(180, 40)) as screen:
        rows = {row.key: [cell.text for cell in row.cells] for row in screen.table(1).model.rows}
        assert rows["host:web1"][2] == "maint." and rows["host:web2"][2] != "maint."
        shown = {row.key: row.cells[-1].text for row in screen.table(3).model.rows}
        assert shown["probe:/up"] == "ok, though visitors get the maintenance page"
        assert shown["probe:mail"] != shown["probe:/up"]
        await screen.press("1", "enter")
        await screen.until(lambda: "web1 in maintenance mode for 12m" in screen.text)
        assert "in maintenance mode for 12m (visitors get 503), kept in file" in screen.text
        put(world)
        await screen.press("escape")
        await screen.until(lambda: "MAINT" not in screen.banner)
