"""Releases of the shop that are spoiled in one way and live on both hosts, as after a deploy that went wrong. Healing
the world takes them away. Asserts nothing."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

from tests.lab.values import Node
from tests.lab.world import Lab

Spoil = Callable[[Lab, Node, Path], None]

ELSEWHERE = "APP_ENV=production\nAPP_KEY=base64:other\nDB_CONNECTION=mysql\nDB_HOST=10.9.9.9\nDB_DATABASE=wrong\n"
"""A `.env` that names another database."""


def spoil(lab: Lab, *ways: Spoil) -> None:
    """Copies the live release, spoils the copy and links it."""
    for node in lab.nodes:
        link = Path(node.current)
        live = link.resolve()
        tree = link.parent / "releases/20260303030303"
        shutil.copytree(live, tree, symlinks=True)
        for way in ways:
            way(lab, node, tree)
        owner = live.stat()
        for path in (tree, *tree.rglob("*")):
            os.chown(path, owner.st_uid, owner.st_gid, follow_symlinks=False)
        fresh = link.with_name("current.new")
        fresh.symlink_to(f"releases/{tree.name}")
        fresh.rename(link)


def put(name: str, text: str) -> Spoil:
    """Replaces one file of the release."""

    def way(_lab: Lab, _node: Node, tree: Path) -> None:
        (tree / name).write_text(text)

    return way


def before(name: str, text: str) -> Spoil:
    """Puts PHP code in front of one file of the release."""

    def way(_lab: Lab, _node: Node, tree: Path) -> None:
        target = tree / name
        target.write_text("<?php " + text + target.read_text().removeprefix("<?php"))

    return way


def own_env(text: str) -> Spoil:
    """Gives the release a `.env` of its own; with an empty text it has none."""

    def way(_lab: Lab, _node: Node, tree: Path) -> None:
        (tree / ".env").unlink()
        if text:
            (tree / ".env").write_text(text)

    return way


def more_env(text: str) -> Spoil:
    """Adds lines to the release's `.env`."""

    def way(lab: Lab, node: Node, tree: Path) -> None:
        own_env((Path(node.path) / "shared/.env").read_text() + text)(lab, node, tree)

    return way


def hidden_env(lab: Lab, node: Node, tree: Path) -> None:
    """Gives the release a `.env` that the hosts' account may not read."""
    hidden = Path(lab.world.root) / f"hidden{node.number}"
    hidden.mkdir(exist_ok=True)
    hidden.chmod(0o700)
    (hidden / ".env").write_text(ELSEWHERE)
    (tree / ".env").unlink()
    (tree / ".env").symlink_to(hidden / ".env")


def cached(lab: Lab, node: Node, tree: Path) -> None:
    """Caches the configuration as it is, then makes `.env` name another database."""
    lab.artisan(node, "config:cache")
    shutil.move(Path(node.current) / "bootstrap/cache/config.php", tree / "bootstrap/cache/config.php")
    own_env(ELSEWHERE)(lab, node, tree)
