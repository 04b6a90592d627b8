"""The table of kinds: nothing outside of it is written, and what any version wrote is read."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest
from pydantic import ValidationError

import retrust
import retrust_flows
import retrust_plugins
from retrust.ledger import entries
from retrust.ledger.entries import KINDS, Body, Noticed
from retrust.testing.ledgers import noticed


def models(of: type[Body]) -> set[type[Body]]:
    return {of, *(found for sub in of.__subclasses__() for found in models(sub))}


def test_every_model_has_its_row() -> None:
    """A model of this module that has no row, or two, is a kind that nobody can write or tell."""
    mine = {model for model in models(Body) if model.__module__ == entries.__name__}
    assert mine - {Body, entries.OfSightings} == {row.model for row in KINDS.values()}
    assert len(KINDS) == len({row.model for row in KINDS.values()})


def test_another_field_is_not_written() -> None:
    """Nor is a field that is missing or of another type, nor can one be changed afterwards."""
    for fields in ({"what": "x", "detail": "y", "more": "z"}, {"what": "x"}, {"what": "x", "detail": 5}):
        with pytest.raises(ValidationError):
            Noticed.model_validate(fields)
    with pytest.raises(ValidationError, match="frozen"):
        noticed().what = "else"  # type: ignore[misc]


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
