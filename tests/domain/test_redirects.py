"""Which redirects of a health URL are followed, and where an answer still is one to what was asked."""

from __future__ import annotations

import pytest

from console.domain.redirects import keeps_credentials, misled, refusal

UP = "http://app.example.com/up"


@pytest.mark.parametrize(
    ("target", "named", "said"),
    [
        ("http://app.example.com/up/", "", ""),
        ("http://APP.example.com./up", "", ""),
        ("https://app.example.com/up", "", ""),
        ("https://app.example.com:8443/up", "", ""),
        ("https://www.example.com/up", "", "another host, https://www.example.com/up"),
        ("https://www.example.com/up", "https://www.example.com/up", ""),
        ("https://www.example.com/in", "https://www.example.com/up", "another host"),
        ("http://user:hunter22@evil.example.com/?token=abcdef", "", "another host"),
        ("javascript:alert(1)", "", "no web address"),
    ],
)
def test_which_redirects_are_followed(target: str, named: str, said: str) -> None:
    found = refusal(UP, target, named)
    assert said in found and bool(found) == bool(said)
    assert "hunter22" not in found and "abcdef" not in found


def test_no_redirect_takes_the_encryption_away() -> None:
    assert "from https to http://" in refusal("https://app.example.com/up", UP, "")


@pytest.mark.parametrize(
    ("asked", "landed", "named", "said"),
    [
        (UP, UP, "", ""),
        (UP, UP + "/", "", ""),
        (UP + "/", "https://app.example.com/up", "", ""),
        (UP, UP + "?lang=de", "", ""),
        (UP + "?fresh=1", UP, "", "landed at /up, which is not what was asked"),
        (UP + "?fresh", UP, "", "landed at /up, which is not what was asked"),
        ("http://a/index.php?r=health", "http://a/index.php?r=login", "", "landed at /index.php?r=login"),
        (UP, "http://app.example.com/login", "", "landed at /login, which is not what was asked"),
        (UP, "https://app.example.com/login", "", "landed at https://app.example.com/login"),
        (UP, "http://app.example.com/login?next=0123456789abcdef", "", "landed at /login?next=[secret]"),
        (UP, "http://app.example.com/login", "/login", ""),
        (UP, UP, "/login", "landed at /up, not at /login"),
        (UP, "http://app.example.com/login", "https://app.example.com/login", "not at https://app.example.com/login"),
        (UP, "http://app.example.com/", "", "landed at /, which"),
    ],
)
def test_where_an_answer_counts(asked: str, landed: str, named: str, said: str) -> None:
    found = misled(asked, landed, named)
    assert said in found and bool(found) == bool(said)


@pytest.mark.parametrize(
    ("target", "kept"),
    [
        ("http://app.example.com/up/", True),
        ("https://app.example.com/up", True),
        ("https://app.example.com:8443/up", False),
        ("http://app.example.com:8080/up", False),
        ("https://www.example.com/up", False),
    ],
)
def test_what_signs_in_is_sent_to_no_other_origin(target: str, kept: bool) -> None:
    assert keeps_credentials(UP, target) is kept
