"""The table of kinds: nothing outside of it is written, and what any version wrote is read."""

from __future__ import annotations

import ast
import dataclasses
import json
from pathlib import Path

import pytest
from pydantic import ValidationError

import retrust
import retrust_flows
import retrust_plugins
from retrust.audit import verify_chain
from retrust.ledger import Ledger, LedgerError, entries
from retrust.ledger import entry as shapes
from retrust.ledger.canonical import canonical
from retrust.ledger.entries import KINDS, AlarmRaised, Body, CaseMoved, LookAsked, Noticed
from retrust.ledger.entry import OLDER, Unknown, read, written
from retrust.testing.ledgers import SITE, an_entry, noticed


def models(of: type[Body]) -> set[type[Body]]:
    return {of, *(found for sub in of.__subclasses__() for found in models(sub))}


def test_every_model_has_its_row() -> None:
    """A model of this module that has no row, or two, is a kind that nobody can write or tell."""
    mine = {model for model in models(Body) if model.__module__ == entries.__name__}
    assert mine - {Body, entries.OfSightings} == {row.model for row in KINDS.values()}
    assert len(KINDS) == len({row.model for row in KINDS.values()})


class Stranger(Body):
    word: str


async def test_another_model_is_not_written(ledger: Ledger) -> None:
    """A kind outside the table, a subclass of one inside it included."""

    class Louder(Noticed):
        pass

    for body in (Stranger(word="x"), Louder(what="x", detail="y"), Unknown()):
        with pytest.raises(TypeError, match="no kind of entry"):
            await ledger.append(body, actor="x")
    assert (await ledger.head()).seq == 0


def test_another_field_is_not_written() -> None:
    """Nor is a field that is missing or of another type, nor can one be changed afterwards."""
    for fields in ({"what": "x", "detail": "y", "more": "z"}, {"what": "x"}, {"what": "x", "detail": 5}):
        with pytest.raises(ValidationError):
            Noticed.model_validate(fields)
    with pytest.raises(ValidationError, match="frozen"):
        noticed().what = "else"  # type: ignore[misc]


async def test_a_body_is_read_when_it_is_asked_for(ledger: Ledger) -> None:
    """A list of entries costs no parsing; one that does not hold its fields says which it is."""
    for text in ('{"why":"x"}', '{"v":2}', "[]", "5", "no JSON"):
        entry = an_entry(LookAsked(why="x", source="y")).model_copy(update={"text": text, "seq": 7})
        with pytest.raises(LedgerError, match=r"entry 7 \(look-asked\) cannot be read"):
            _ = entry.body


async def test_an_unknown_kind_is_told_and_verified(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a plugin of an earlier version wrote, or a newer Retrust, harms nothing: it has its name."""
    names: dict[type, str] = {**shapes._NAMES, Stranger: "a-stranger"}
    monkeypatch.setattr(shapes, "_NAMES", names)
    await ledger.append(Stranger(word="x"), actor="x", site=SITE)
    [_, entry] = await ledger.entries()
    assert (entry.body, entry.line, entry.told("note"), entry.stored) == (Unknown(), "a stranger", None, {"word": "x"})
    report = await verify_chain(ledger)
    assert report.ok, report


def test_fields_of_nobody_are_left_in_the_record() -> None:
    """Version 1 let a move carry anything: it is read without it, and stored as it was."""
    text = canonical({"event": "wait", "was": "open", "state": "waiting", "note": "n", "gate": "x"})
    moved = read("case-moved", text)
    assert isinstance(moved, CaseMoved)
    assert (moved.reason, moved.retry, moved.gates) == ("n", True, None)


def test_older_shapes_are_read_version_by_version(monkeypatch: pytest.MonkeyPatch) -> None:
    """One function a version leads to the next; without ``v`` it is the first; what is written now says its own."""

    class Alarm3(AlarmRaised):
        version = 3
        loud: bool

    monkeypatch.setitem(KINDS, "alarm", dataclasses.replace(KINDS["alarm"], model=Alarm3))
    monkeypatch.setitem(OLDER, ("alarm", 1), lambda old: {"what": old["what"], "detail": f"{old['detail']}!"})
    monkeypatch.setitem(OLDER, ("alarm", 2), lambda old: old | {"loud": old["detail"].endswith("!")})
    now = Alarm3(what="w", detail="d!", loud=True)
    assert read("alarm", '{"detail":"d","what":"w"}') == now
    assert read("alarm", '{"detail":"d!","v":2,"what":"w"}') == now
    assert written(now) == {"what": "w", "detail": "d!", "loud": True, "v": 3}
    assert read("alarm", json.dumps(written(now))) == now
    with pytest.raises(ValueError, match="version 4, this Retrust knows 3"):
        read("alarm", '{"v":4}')


def readings(tree: ast.AST) -> list[int]:
    """Lines where a name or attribute ``body``, or what is stored, is read by a key."""

    def is_body(node: ast.AST) -> bool:
        return (
            isinstance(node, ast.Attribute)
            and node.attr in ("body", "stored")
            and not (isinstance(node.value, ast.Name) and node.value.id in ("request", "response"))
        )

    return [
        node.lineno
        for node in ast.walk(tree)
        if (isinstance(node, ast.Subscript) and is_body(node.value))
        or (isinstance(node, ast.Attribute) and node.attr in ("get", "items", "keys") and is_body(node.value))
    ]


def test_the_reading_is_found() -> None:
    """Negative control for the rule below."""
    code = "a.body['x']\na.body.get('x')\na.stored['x']\na.body.x\nrequest.body['x']\nbody['x']"
    assert sorted(readings(ast.parse(code))) == [1, 2, 3]


@pytest.mark.parametrize("package", [retrust, retrust_flows, retrust_plugins], ids=lambda p: p.__name__)
def test_nobody_else_knows_the_names_of_stored_fields(package: object) -> None:
    """No ``entry.body["…"]`` and no ``entry.body.get("…")`` anywhere: readers match on models."""
    [root] = [Path(path) for path in package.__path__]  # type: ignore[attr-defined]
    found = [
        f"{path.relative_to(root)}:{line}"
        for path in root.rglob("*.py")
        for line in readings(ast.parse(path.read_text(encoding="utf-8")))
    ]
    assert found == []
