"""The gate ``people``: how many, with which roles, and what it says it needs."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from pydantic import ValidationError

from retrust.engine.loader import load_plugins
from retrust.gates import PersonSettings
from retrust.inventory import ConsoleSettings, OidcSettings
from retrust.testing.plans import NOW, a_decision, a_question, an_inventory
from retrust_plugins import people as plugin
from retrust_plugins.people.gate import People


async def test_opens_with_enough_persons() -> None:
    """It is shut below the number of approvers and open from there on."""
    for count, state in ((0, "shut"), (1, "shut"), (2, "open"), (3, "open")):
        said = [a_decision(f"person-{n}") for n in range(count)]
        assert (await People().state(a_question(People(), {"approvers": 2}, decisions=said))).state == state


async def test_says_whom_it_needs() -> None:
    """While it is shut it says how many persons of which role are missing, who said yes, and for how long."""
    settings = {"approvers": 3, "roles": ["network", "security"]}
    state = await People().state(a_question(People(), settings, decisions=[a_decision("ann")]))
    assert state.needs == ("a yes of 2 persons more with the role network or security; ann said yes, valid for 3d")


async def test_tells_when_it_may_close() -> None:
    """While it waits for a second yes, it tells when the first one lapses."""
    question = a_question(People(), {"approvers": 2}, decisions=[a_decision("ann")])
    assert (await People().state(question)).until == NOW + question.valid_for


COVERS: list[Any] = [
    ({"approvers": 2}, {"approvers": 1}, True),
    ({"approvers": 1}, {"approvers": 2}, False),
    ({"approvers": 2, "roles": ["a"]}, {"approvers": 1, "roles": ["a"]}, True),
    ({"approvers": 2, "roles": ["a", "b"]}, {"approvers": 1, "roles": ["b", "a"]}, True),
    ({"approvers": 2, "roles": ["a"]}, {"approvers": 1, "roles": ["b"]}, False),
    ({"approvers": 2}, {"approvers": 1, "roles": ["a"]}, False),
    ({"approvers": 2, "roles": ["a"]}, {"approvers": 1}, False),
    ({"approvers": 2, "valid": "1h"}, {"approvers": 1, "valid": "2h"}, True),
    ({"approvers": 2, "valid": "2h"}, {"approvers": 1, "valid": "1h"}, False),
    ({"approvers": 2}, {"approvers": 1, "valid": "1h"}, False),
    ({"approvers": 2, "valid": "1h"}, {"approvers": 1}, False),
]


@pytest.mark.parametrize(("one", "other", "covers"), COVERS)
def test_covers(one: dict[str, Any], other: dict[str, Any], covers: bool) -> None:
    """It covers what it is at least as strict as: number, same roles, no longer validity."""
    settings = PersonSettings.model_validate(one), PersonSettings.model_validate(other)
    assert People().covers(*settings) is covers


@pytest.mark.parametrize(
    "settings",
    [
        {"approvers": 0},
        {"approvers": "2"},
        {"approvers": True},
        {"valid": "soon"},
        {"valid": 0},
        {"role": "a"},
        {"roles": [""]},
    ],
)
def test_wrong_settings(settings: dict[str, Any]) -> None:
    """Settings that cannot be meant are refused."""
    with pytest.raises(ValidationError):
        PersonSettings.model_validate(settings)


def test_one_role_may_be_written_alone() -> None:
    """``roles: security`` is one role."""
    assert PersonSettings.model_validate({"roles": "security"}).roles == ("security",)


def test_too_few_people_is_told() -> None:
    """A gate that the inventory's people cannot open is told, whoever else has an account at the OpenID provider."""
    settings = PersonSettings(approvers=2, roles=("network",))
    few = an_inventory(people={"ann": ["network"], "ben": ["guest"]})
    assert "names 1" in " ".join(People().check(settings, few))
    enough = an_inventory(people={"ann": ["network"], "ben": ["network"]})
    assert not list(People().check(settings, enough))
    oidc = ConsoleSettings(oidc=OidcSettings(issuer="https://id.example", client_id="retrust"))
    assert list(People().check(settings, replace(few, console=oidc)))


def test_registers() -> None:
    """The plugin's hook registers the gate ``people``."""
    assert isinstance(load_plugins(extra={"people": plugin}, entry_points=False).gates["people"], People)
