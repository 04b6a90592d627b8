"""A wrong policy is found when the inventory is read; what is allowed and seldom meant is told."""

from __future__ import annotations

from typing import Any

import pytest

from kit.gates import GATES, PEOPLE, SUNDAY, Always
from retrust.approval import check_policy
from retrust.errors import InventoryError
from retrust.gates import Confirm, GateSettings
from retrust.testing.plans import an_inventory

WRONG: list[Any] = [
    pytest.param({"delete-pin": [{"gate": "jira"}]}, r"nothing provides the gate 'jira'", id="unprovided gate"),
    pytest.param({"delete-pin": [{"gate": "people", "approvers": 0}]}, "approvers", id="impossible setting"),
    pytest.param({"delete-pin": [{"gate": "people", "aprovers": 2}]}, "did you mean approvers", id="unknown setting"),
    pytest.param({"delete-pins": [{"gate": "people"}]}, "unknown risk class", id="unknown risk class"),
    pytest.param({"security": []}, "needs a gate that a person opens", id="security emptied"),
    pytest.param(
        {"security": [{"gate": "ticket"}]}, "needs a gate that a person opens", id="security without a person"
    ),
    pytest.param({"recurrence": []}, "needs a gate that a person opens", id="recurrence emptied"),
    pytest.param({"window": [{"gate": "window", "calendar": []}]}, "at least one", id="a window without a calendar"),
]


@pytest.mark.parametrize(("policy", "what"), WRONG)
def test_wrong_policy(policy: dict[str, Any], what: str) -> None:
    """A policy that cannot be kept is a wrong inventory, found before it is needed, and names the place."""
    inventory = an_inventory(policy, people=PEOPLE)
    with pytest.raises(InventoryError) as raised:
        check_policy(inventory, inventory.sites["campus"], GATES)
    assert raised.value.exit_code == 2
    assert any(what in problem and "sites.campus.policy" in problem for problem in raised.value.problems)


def test_a_gate_for_another_kind_of_inventory() -> None:
    """The account at the terminal opens nothing where people are named; people open nothing where none are."""
    inventory = an_inventory({"delete-pin": [{"gate": "confirm"}]}, people=PEOPLE)
    with pytest.raises(InventoryError) as raised:
        check_policy(inventory, inventory.sites["campus"], GATES)
    assert "this inventory names people: use the gate people" in raised.value.problems[0]
    inventory = an_inventory({"delete-pin": [{"gate": "people"}]}, people=None)
    assert any("it cannot open" in doubt for doubt in check_policy(inventory, inventory.sites["campus"], GATES))


def test_all_problems_are_named() -> None:
    """Every wrong line is told, not only the first."""
    inventory = an_inventory({"delete-pin": [{"gate": "jira"}], "security": [], "nope": []}, people=PEOPLE)
    with pytest.raises(InventoryError) as raised:
        check_policy(inventory, inventory.sites["campus"], GATES)
    assert len(raised.value.problems) == 3


def test_a_default_that_nothing_provides_is_wrong_too() -> None:
    """People in the inventory without the gate people installed is found at once."""
    inventory = an_inventory(people=PEOPLE)
    with pytest.raises(InventoryError, match="problem"):
        check_policy(inventory, inventory.sites["campus"], {"confirm": Confirm()})


def test_a_gate_asked_of_every_plan_must_be_set() -> None:
    """A plugin's gate with settings it cannot do without is a problem until the policy gives them."""

    class Needy(GateSettings):
        url: str

    needy = Always("needy")
    needy.settings_model = Needy  # type: ignore[assignment]
    gates = {**GATES, "needy": needy}
    bare = an_inventory(people=PEOPLE)
    with pytest.raises(InventoryError) as raised:
        check_policy(bare, bare.sites["campus"], gates)
    assert "asked of every plan" in raised.value.problems[0]
    policy = {"interrupting": [{"gate": "people"}, {"gate": "needy", "url": "u"}]}
    told = an_inventory(policy, people=PEOPLE)
    assert check_policy(told, told.sites["campus"], gates) == ()


def test_a_right_policy_is_silent() -> None:
    """The defaults have nothing wrong or doubtful in them, with people and without."""
    for people in (PEOPLE, None):
        inventory = an_inventory({"window": [SUNDAY]}, people=people)
        assert check_policy(inventory, inventory.sites["campus"], GATES) == ()


def test_a_gate_that_cannot_open_is_told() -> None:
    """Too few people for a gate is allowed, and said."""
    inventory = an_inventory(people={"ann": ["network"]})
    doubts = check_policy(inventory, inventory.sites["campus"], GATES)
    assert any("2 persons" in doubt and "interrupting" in doubt for doubt in doubts)
    assert any("role security" in doubt for doubt in doubts)


class Broken(Always):
    """A gate whose own check fails."""

    def check(self, settings: GateSettings, inventory: Any) -> Any:
        raise OSError("no such calendar")


def test_a_gate_whose_own_check_fails_is_told() -> None:
    """A foreign error in a check is a doubt, and stops no start: the gate is shut when it is asked."""
    inventory = an_inventory({"delete-pin": [{"gate": "people"}, {"gate": "broken"}]}, people=PEOPLE)
    doubts = check_policy(inventory, inventory.sites["campus"], {**GATES, "broken": Broken("broken")})
    assert any("the gate broken failed with OSError, so it stays shut" in doubt for doubt in doubts)
