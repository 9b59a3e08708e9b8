"""Values that several sections share: a git URL that holds a secret is refused, and not repeated."""

from __future__ import annotations

import pytest
from pydantic import TypeAdapter, ValidationError

from console.config.fields import Git

TOKEN = "ghp_0123456789abcdefghij"


@pytest.mark.parametrize(
    "url",
    [
        f"https://{TOKEN}@git.example.com/team/app.git",
        f"https://ops:{TOKEN}@git.example.com/team/app.git",
        f"https://oauth2:{TOKEN}@git.example.com/team/app.git",
        f"http://x-access-token:{TOKEN}@git.example.com:8443/app.git",
        f"https://:{TOKEN}@git.example.com/app.git",
        f"HTTPS://{TOKEN}:@git.example.com/app.git",
        f"ssh://git:{TOKEN}@git.example.com/app.git",
        f"oauth2:{TOKEN}@git.example.com/team/app.git",
        f":{TOKEN}@git.example.com/team/app.git",
        f"https://git.example.com/team/app.git?private_token={TOKEN}",
        "https://alice@git.example.com/team/app.git",
    ],
)
def test_a_git_url_with_a_secret_is_refused_with_the_way_out(url: str) -> None:
    with pytest.raises(ValidationError) as caught:
        TypeAdapter(Git).validate_python(url)
    [problem] = caught.value.errors(include_input=False, include_context=False)
    assert "credential helper" in problem["msg"] and "deploy key" in problem["msg"]
    assert TOKEN not in problem["msg"] and "alice" not in problem["msg"]


@pytest.mark.parametrize(
    "url",
    [
        "git@git.example.com:team/app.git",
        "git.example.com:team/@scope/app.git",
        "ssh://git@git.example.com:2222/team/app.git",
        "https://git.example.com/team/app.git",
        "git://git.example.com/app.git",
        "file:///srv/app.git",
        "/srv/app.git",
    ],
)
def test_addresses_without_one_are_taken(url: str) -> None:
    assert TypeAdapter(Git).validate_python(url) == url
