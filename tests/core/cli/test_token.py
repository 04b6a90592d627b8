"""`token create | list | revoke`: a token is shown once, and its hash alone is kept."""

from __future__ import annotations

import json

import pytest

from kit.terminal import Terminal
from retrust.engine.engine import Engine


async def test_a_token_is_shown_once(terminal: Terminal) -> None:
    """`create` prints it on stdout; neither the list nor the ledger's file holds it."""
    code, said = await terminal.type("token", "create", "ben", "--note", "for the pager", key="ann")
    (text,) = [word for word in said.split() if word.startswith("retrust_")]
    assert code == 0
    assert "it is not shown again" in said
    code, listed = await terminal.type("token", "list")
    assert (code, "ben" in listed, "for the pager" in listed, text in listed) == (0, True, True, False)
    assert all(
        text.encode() not in file.read_bytes() for file in (terminal.folder / "home").rglob("*") if file.is_file()
    )


async def test_the_list_as_json_has_no_hash(terminal: Terminal) -> None:
    """Whoever reads the list learns nothing that a token could be guessed from."""
    await terminal.token("ben")
    code, listed = await terminal.type("token", "list", "--json")
    (token,) = json.loads(listed)
    assert (code, token["person"], "hash" in token) == (0, "ben", False)


async def test_the_list_says_how_each_token_stands(terminal: Terminal) -> None:
    """A token is valid until a day or revoked, and it reads or decides."""
    assert await terminal.type("token", "list") == (0, "no token yet")
    await terminal.token("ben", read_only=True)
    id_ = (await terminal.token("ann")).split("_")[1]
    code, said = await terminal.type("token", "revoke", id_)
    assert (code, said) == (0, f"token {id_} of ann is revoked")
    _, listed = await terminal.type("token", "list")
    assert "ben until" in listed
    assert "ann revoked" in listed
    assert ("read" in listed, "decide" in listed) == (True, True)


@pytest.mark.parametrize("days", ["0", "367"])
async def test_a_token_is_valid_for_a_year_at_most(terminal: Terminal, days: str) -> None:
    """Any other number of days is wrong usage, and no token is made."""
    code, _ = await terminal.type("token", "create", "ben", "--days", days)
    assert (code, await terminal.ledger.entries(kinds=["token-created"])) == (2, [])


@pytest.mark.parametrize(
    ("ledger", "shown", "said"),
    [
        ("here", {}, "on the ledger's machine, by an unknown person with the account ann"),
        ("here", {"key": "ann"}, "on the ledger's machine, by ann with the account ann"),
        ("here", {"person": "cy"}, "by cy, with the role admin"),
        ("elsewhere", {"person": "cy"}, "by cy, with the role admin"),
        ("elsewhere", {"key": "ann"}, None),
        ("elsewhere", {}, None),
    ],
)
async def test_who_makes_tokens(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch, ledger: str, shown: dict[str, str], said: str | None
) -> None:
    """The role admin from anywhere, or whoever is at the ledger's own machine; the entry says which."""
    token = await terminal.token(shown["person"]) if "person" in shown else ""
    before = len(await terminal.ledger.entries(kinds=["token-created"]))
    if ledger == "elsewhere":
        monkeypatch.setattr(Engine, "at_the_ledger", False)
    code, text = await terminal.type("token", "create", "ben", token=token, key=shown.get("key"))
    made = [e.body for e in await terminal.ledger.entries(kinds=["token-created"])][before:]
    if said is None:
        assert (code, "role admin" in text, made) == (3, True, []), text
    else:
        assert code == 0, text
        assert [body.made for body in made] == [said]  # type: ignore[attr-defined]
        assert "no approver is told" in text
