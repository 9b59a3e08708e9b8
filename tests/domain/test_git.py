"""What a ref names by a listing of the repository, and what a look into its mirror says: text from outside, read whole
or not at all."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from console.domain.code_tree import CodeTree, parse_tree
from console.domain.git import FoundCommit, Named, named, parse_look
from console.domain.untrusted import harmless
from console.errors import UsageError

COMMIT = "c0ffee" * 6 + "c0ff"
TREE = b"100644 blob aa\tartisan\x00160000 commit bb\tModules/Shop\x00100644 blob cc\tdatabase/migrations/1_a.php\x00"


def look(tree: bytes = TREE, pointers: bytes = b"", end: bytes = b"=end\n") -> bytes:
    return b"=commit\n" + COMMIT.encode() + b"\n=tree\n" + tree + b"\n=pointers\n" + pointers + end


def test_a_look_that_came_whole() -> None:
    found = parse_look(look(pointers=f"{COMMIT}:logo.bin\n{COMMIT}:a:b.bin\n".encode()))
    assert (found.commit, found.unread) == (COMMIT, "")
    assert found.tree is not None
    assert found.tree.submodules == ("Modules/Shop",)
    assert found.tree.pointers == ("logo.bin", "a:b.bin")
    assert found.tree.names("database/migrations", ".php") == ("1_a.php",)
    assert found.tree.has("database") and found.tree.has("./artisan") and not found.tree.has("data")


@pytest.mark.parametrize("length", range(0, len(look()), 7))
def test_a_look_that_was_cut_is_no_tree(length: int) -> None:
    found = parse_look(look()[:length])
    assert found.tree is None and found.unread


def test_a_look_that_found_nothing_or_could_not_look() -> None:
    assert parse_look(b"=absent\nfatal: Needed a single revision\n") == FoundCommit()
    assert parse_look(b"=absent\nerror: short object ID c0ff is ambiguous\n").ambiguous
    assert parse_look(
        b"=unread\nfatal: unable to access 'https://x/': \x1b[31mCould not resolve\n"
    ).unread.isprintable()
    assert parse_look(b"").unread == "no answer"


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=300))
def test_any_output_is_read_without_harm(said: bytes) -> None:
    found = parse_look(said)
    assert found.tree is None or said.endswith(b"=end\n")
    assert harmless(found.unread) == found.unread
    tree = parse_tree(said, said)
    assert set(tree.submodules) <= tree.paths


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=200), st.text(max_size=50))
def test_a_ref_names_a_listed_commit_or_is_an_id_or_is_refused(listing: bytes, ref: str) -> None:
    try:
        found = named(listing, ref)
    except UsageError as error:
        assert harmless(error.what) == error.what
        return
    assert found.commit in listing.decode("utf-8", "replace") or found.commit == ref.lower()
    assert found.short or len(found.commit) in (40, 64)


def test_full_ids_of_both_lengths_are_taken_in_any_case() -> None:
    for length in (40, 64):
        assert named(b"", "A" * length) == Named(commit="a" * length)
    listing = f"{COMMIT}\trefs/heads/main\n".encode()
    assert named(listing, COMMIT.upper()).listed
    assert not CodeTree(paths=frozenset()).has("artisan")
