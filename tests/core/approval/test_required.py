"""Which gates a plan must pass: every line of the policy's table, and how requirements join."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kit.counts import many
from kit.gates import GATES, PEOPLE, SUNDAY, Always
from retrust.approval import RISKS, approvers_of, requirements
from retrust.approval.required import settings_of
from retrust.errors import Refused
from retrust.gates import Gate, GateSettings, PersonSettings, Requirement
from retrust.models import Grade
from retrust.testing.plans import a_plan, an_inventory
from retrust_plugins.people.gate import People


def required(
    *risks: str,
    policy: Mapping[str, Any] | None = None,
    people: Mapping[str, Any] | None = PEOPLE,
    grade: Grade = Grade.PROVEN,
    gates: Mapping[str, Gate] = GATES,
    recurred: tuple[str, ...] = (),
    **of_plan: Any,
) -> tuple[Requirement, ...]:
    inventory = an_inventory(policy, people=people)
    plan = a_plan(*risks, grade=grade, **of_plan)
    return requirements(inventory, inventory.sites["campus"], plan, gates, recurred)


def said(found: tuple[Requirement, ...]) -> dict[str, tuple[str, dict[str, Any]]]:
    return {r.label: (r.gate, dict(r.settings)) for r in found}


ONE, TWO = ("people", {"approvers": 1}), ("people", {"approvers": 2})
SECURITY = ("people", {"approvers": 1, "roles": ["security"]})
WINDOW = ("window", {k: v for k, v in SUNDAY.items() if k != "gate"})
CONFIRM: tuple[str, dict[str, Any]] = ("confirm", {})

TABLE: list[Any] = [
    pytest.param({}, ("read",), {}, id="read needs no gate"),
    pytest.param({}, (), {}, id="a plan without steps needs no gate"),
    pytest.param({}, ("delete-pin",), {"people": ONE}, id="delete-pin needs one approver"),
    pytest.param({}, ("add-server",), {"people": ONE}, id="add-server needs one approver"),
    pytest.param({}, ("interrupting",), {"people": TWO}, id="interrupting needs two approvers"),
    pytest.param(
        {"policy": {"window": [SUNDAY]}},
        ("interrupting",),
        {"people": TWO, "window": WINDOW},
        id="interrupting also needs the window where the policy describes one",
    ),
    pytest.param(
        {"policy": {"window": [SUNDAY]}},
        ("delete-pin",),
        {"people": ONE},
        id="what interrupts nothing needs no window",
    ),
    pytest.param({}, ("delete-pin", "interrupting"), {"people": TWO}, id="two approvers cover one"),
    pytest.param({}, ("reboot",), {"people": TWO}, id="an unknown risk class is gated as interrupting"),
    pytest.param(
        {"policy": {"interrupting": [{"gate": "ticket"}]}},
        ("reboot",),
        {"ticket": ("ticket", {})},
        id="as the policy says of interrupting",
    ),
    pytest.param(
        {"policy": {"reboot": [{"gate": "ticket"}]}},
        ("reboot",),
        {"ticket": ("ticket", {})},
        id="unless the policy names it",
    ),
    pytest.param(
        {"policy": {"reboot": [], "window": [SUNDAY]}, "grade": Grade.NONE},
        ("reboot",),
        {"people": TWO, "window": WINDOW, "security": SECURITY},
        id="its default is that of interrupting",
    ),
    pytest.param(
        {"policy": {"window": []}},
        ("window",),
        {"people": TWO},
        id="a step of a class that is an occasion's name is gated as interrupting",
    ),
    pytest.param(
        {"grade": Grade.SUPPORTED},
        ("delete-pin",),
        {"people": ONE, "security": SECURITY},
        id="evidence below proven adds security: supported",
    ),
    pytest.param(
        {"grade": Grade.NONE},
        ("delete-pin",),
        {"people": ONE, "security": SECURITY},
        id="evidence below proven adds security: none",
    ),
    pytest.param(
        {"people": None},
        ("delete-pin", "interrupting", "add-server"),
        {"confirm": CONFIRM},
        id="without people the default is confirm",
    ),
    pytest.param(
        {"people": None, "grade": Grade.NONE},
        ("delete-pin",),
        {"confirm": CONFIRM, "security": CONFIRM},
        id="without people security is confirm too",
    ),
    pytest.param(
        {"people": None, "policy": {"window": [SUNDAY]}},
        ("interrupting",),
        {"confirm": CONFIRM, "window": WINDOW},
        id="without people the window still holds",
    ),
    pytest.param(
        {"recurred": ("primary:10.0.0.12_8082",)},
        ("delete-pin",),
        {"people": ONE, "recurrence": ONE},
        id="an edge that healed too often adds recurrence",
    ),
    pytest.param(
        {"recurred": ("primary:x",), "people": None},
        ("delete-pin",),
        {"confirm": CONFIRM, "recurrence": CONFIRM},
        id="without people recurrence is confirm",
    ),
    pytest.param(
        {"policy": {"delete-pin": [{"gate": "ticket"}]}},
        ("delete-pin",),
        {"ticket": ("ticket", {})},
        id="a site's policy replaces the default of the class that it names",
    ),
    pytest.param(
        {"policy": {"delete-pin": [{"gate": "ticket"}]}},
        ("add-server",),
        {"people": ONE},
        id="a site's policy leaves the classes that it does not name",
    ),
    pytest.param(
        {"policy": {"delete-pin": []}},
        ("delete-pin",),
        {"standard": ("standard", {})},
        id="an empty list approves beforehand where evidence is proven",
    ),
    pytest.param(
        {"policy": {"delete-pin": [{"gate": "standard"}]}},
        ("delete-pin",),
        {"standard": ("standard", {})},
        id="so does the gate standard",
    ),
    pytest.param(
        {"policy": {"delete-pin": [SUNDAY]}},
        ("delete-pin",),
        {"window": WINDOW, "standard": ("standard", {})},
        id="so does a policy by which nobody approves",
    ),
    pytest.param(
        {"policy": {"delete-pin": []}, "grade": Grade.SUPPORTED},
        ("delete-pin",),
        {"people": ONE, "security": SECURITY},
        id="a standard change below proven needs the default's gates",
    ),
    pytest.param(
        {"policy": {"delete-pin": [{"gate": "standard"}]}, "grade": Grade.NONE},
        ("delete-pin",),
        {"people": ONE, "security": SECURITY},
        id="also where the policy names the gate standard",
    ),
    pytest.param(
        {"policy": {"delete-pin": [], "interrupting": []}},
        ("delete-pin", "interrupting"),
        {"standard": ("standard", {})},
        id="the same gate for several classes is one requirement",
    ),
    pytest.param(
        {
            "policy": {
                "delete-pin": [{"gate": "people", "roles": ["network"]}],
                "interrupting": [{"gate": "people", "roles": ["manager"]}],
            }
        },
        ("delete-pin", "interrupting"),
        {
            "people": ("people", {"roles": ["network"]}),
            "people:interrupting": ("people", {"roles": ["manager"]}),
        },
        id="different settings are kept apart, each with its label",
    ),
    pytest.param(
        {
            "policy": {
                "delete-pin": [
                    {"gate": "people", "roles": ["a"]},
                    {"gate": "people", "roles": ["b"]},
                    {"gate": "people", "roles": ["c"]},
                ]
            }
        },
        ("delete-pin",),
        {
            "people": ("people", {"roles": ["a"]}),
            "people:delete-pin": ("people", {"roles": ["b"]}),
            "people:delete-pin:2": ("people", {"roles": ["c"]}),
        },
        id="labels are unique within a class too",
    ),
    pytest.param(
        {"policy": {"security": [SUNDAY, {"gate": "confirm"}]}, "grade": Grade.NONE},
        ("delete-pin",),
        {"people": ONE, "security": CONFIRM, "security:window": WINDOW},
        id="the gate that a person opens bears the label security",
    ),
    pytest.param(
        {"gates": {**GATES, "audit": Always("audit")}},
        ("delete-pin",),
        {"people": ONE, "audit": ("audit", {})},
        id="a plugin's gate is added to every plan",
    ),
    pytest.param(
        {"gates": {**GATES, "audit": Always("audit")}},
        ("read",),
        {},
        id="but not to a plan that changes nothing",
    ),
    pytest.param(
        {"gates": {**GATES, "security": Always("security")}, "grade": Grade.NONE},
        ("delete-pin",),
        {"people": ONE, "security": SECURITY, "security:always": ("security", {})},
        id="a plugin's gate of that name does not take the label security",
    ),
]


@pytest.mark.parametrize(("given_", "risks", "expected"), TABLE)
def test_requirements(given_: dict[str, Any], risks: tuple[str, ...], expected: dict[str, Any]) -> None:
    """Each row: what the policy says, the plan's risk classes, and exactly the gates it must pass."""
    assert said(required(*risks, **given_)) == expected


def test_joined_requirements_name_every_risk_class() -> None:
    """A requirement that stands for several risk classes names them all."""
    (people,) = required("delete-pin", "interrupting", "add-server")
    assert set(people.risks) == {"delete-pin", "interrupting", "add-server"}


def test_conditional_steps_ask_for_their_gates() -> None:
    """The gates of a conditional step are asked, whether or not it will run."""
    inventory = an_inventory(people=PEOPLE)
    plan = a_plan("delete-pin", "interrupting")
    steps = (plan.steps[0], plan.steps[1].model_copy(update={"when": "HA is not healthy"}))
    found = requirements(inventory, inventory.sites["campus"], plan.model_copy(update={"steps": steps}), GATES)
    assert said(found) == {"people": TWO}


def test_contradicted_is_never_planned() -> None:
    """Contradicted evidence is refused whatever the policy says."""
    policies: list[dict[str, Any]] = [
        {},
        {"delete-pin": []},
        {"delete-pin": [{"gate": "standard"}], "security": [{"gate": "confirm"}]},
    ]
    for policy in policies:
        with pytest.raises(Refused, match="never planned"):
            required("delete-pin", policy=policy, grade=Grade.CONTRADICTED)


# -- properties --------------------------------------------------------------------------------------

ENTRIES = st.lists(
    st.one_of(
        st.builds(
            lambda n, roles: {"gate": "people", "approvers": n, "roles": roles},
            st.integers(1, 3),
            st.lists(st.sampled_from(["network", "security"]), unique=True, max_size=2),
        ),
        st.just({"gate": "ticket"}),
        st.just({"gate": "confirm"}),
        st.just(SUNDAY),
        st.just({"gate": "standard"}),
    ),
    max_size=3,
)
POLICIES = st.dictionaries(st.sampled_from([*RISKS, "reboot", "window", "security", "recurrence"]), ENTRIES, max_size=5)
ADDED = st.lists(
    st.sampled_from(["audit", "security", "recurrence", "confirm:always", "people:interrupting", "x"]),
    unique=True,
    max_size=4,
)
PLANS = st.lists(st.sampled_from([*RISKS, "reboot"]), min_size=1, max_size=4)
GRADES = st.sampled_from([Grade.PROVEN, Grade.SUPPORTED, Grade.NONE])


@given(policy=POLICIES, added=ADDED, risks=PLANS, grade=GRADES, recurred=st.booleans())
@settings(max_examples=many(300))
def test_plugins_only_add(
    policy: dict[str, Any], added: list[str], risks: list[str], grade: Grade, recurred: bool
) -> None:
    """Each gate asked without some plugins is asked with them too: label, settings, risks."""
    edges = ("primary:x",) if recurred else ()
    more = {**GATES, **{name: Always(name) for name in added}}
    before = required(*risks, policy=policy, grade=grade, recurred=edges)
    after = {r.label: r for r in required(*risks, policy=policy, grade=grade, recurred=edges, gates=more)}
    for requirement in before:
        kept = after[requirement.label]
        assert (kept.gate, kept.settings) == (requirement.gate, requirement.settings)
        assert set(kept.risks) >= set(requirement.risks)
    if set(risks) != {"read"}:
        assert set(added) <= {r.gate for r in after.values()}


@given(policy=POLICIES, risks=PLANS, grade=GRADES)
@settings(max_examples=many(300))
def test_joining_loses_nothing(policy: dict[str, Any], risks: list[str], grade: Grade) -> None:
    """Labels are unique, and every line of the policy is asked by a requirement at least as strict."""
    found = required(*risks, policy=policy, grade=grade)
    inventory = an_inventory(policy, people=PEOPLE)
    assert len({r.label for r in found}) == len(found)
    for risk in set(risks):
        for entry in inventory.sites["campus"].policy.gates.get(risk, ()):
            if entry.gate == "standard" and grade is not Grade.PROVEN:
                continue
            ask = Requirement("", entry.gate, entry.settings, ())
            assert any(
                r.gate == entry.gate and risk in r.risks and (r.settings == entry.settings or _covers(r, ask))
                for r in found
            )


def _covers(one: Requirement, other: Requirement) -> bool:
    inventory = an_inventory()
    if one.gate != "people":
        return False
    found = [settings_of(GATES, r, inventory) for r in (one, other)]
    assert isinstance(found[0], PersonSettings)
    assert isinstance(found[1], PersonSettings)
    return People().covers(found[0], found[1])


@given(policy=POLICIES, risks=PLANS, grade=GRADES)
@settings(max_examples=many(300))
def test_someone_approves_or_it_was_approved(policy: dict[str, Any], risks: list[str], grade: Grade) -> None:
    """No change is planned without an approving gate for each class, unless proven and a standard change."""
    found = required(*risks, policy=policy, grade=grade)
    for risk in set(risks) - {"read"}:
        gates = {r.gate for r in found if risk in r.risks}
        assert gates & {"people", "confirm", "ticket"} or (grade is Grade.PROVEN and "standard" in gates)


# -- blind first use, and what rests on hints ---------------------------------------------------------

ACCEPTED = {"accept_blind_first_use": True}
STANDING = {"delete-pin": [{"gate": "standard"}]}


@pytest.mark.parametrize(
    ("policy", "people", "labels"),
    [
        ({}, PEOPLE, {"people", "security"}),
        (ACCEPTED, PEOPLE, {"people"}),
        ({}, None, {"confirm"}),
        (STANDING, PEOPLE, {"people", "security"}),
        (STANDING, None, {"confirm"}),
        (STANDING | ACCEPTED, PEOPLE, {"standard"}),
        (STANDING | ACCEPTED, None, {"standard"}),
    ],
)
def test_a_blind_first_use_is_somebodys_decision(policy: dict[str, Any], people: Any, labels: set[str]) -> None:
    """People ask their security, a standard change needs the acceptance; at the terminal the prompt says it."""
    assert set(said(required("delete-pin", policy=policy, people=people, first_use="blind"))) == labels


@pytest.mark.parametrize("rests_on", ["hints", "an unproven look"])
def test_no_standard_change_rests_on_less(rests_on: str) -> None:
    """What is stale by hints, or by looks without proof, is approved by somebody, however good its evidence."""
    assert set(said(required("delete-pin", policy=STANDING, rests_on=rests_on))) == {"people"}
    assert set(said(required("delete-pin", policy=STANDING, people=None, rests_on=rests_on))) == {"confirm"}


def test_what_rests_on_hints_asks_people_too() -> None:
    """Where no person would be asked, two are; how many a person's gate needs then is the rules'."""
    asked = said(required("delete-pin", policy={"delete-pin": [{"gate": "ticket"}]}, rests_on="hints"))
    assert asked == {"ticket": ("ticket", {}), "people": TWO}
    assert said(required("delete-pin", rests_on="hints")) == {"people": ONE}
    assert said(required("delete-pin", people=None, rests_on="hints")) == {"confirm": CONFIRM}


def test_signed_covers_unsigned() -> None:
    """Of two gates that differ in nothing else, the one that asks for signatures is kept."""
    policy = {"delete-pin": [{"gate": "people"}], "interrupting": [{"gate": "people", "signed": True}]}
    assert said(required("delete-pin", "interrupting", policy=policy)) == {"people": ("people", {"signed": True})}


def test_the_standard_gate_itself_asks_for_proof() -> None:
    """Joined to an approving gate below proven, standard is left out, and people still decide."""
    policy = {"delete-pin": [{"gate": "standard"}, {"gate": "people"}]}
    assert set(said(required("delete-pin", policy=policy))) == {"standard", "people"}
    assert set(said(required("delete-pin", policy=policy, grade=Grade.SUPPORTED))) == {"people", "security"}


class Incomparable(Always):
    """A gate whose own comparison fails."""

    def covers(self, settings: GateSettings, other: GateSettings) -> bool:
        raise OSError("no such calendar")


class Sized(GateSettings):
    size: int = 1


def test_two_requirements_that_cannot_be_compared_are_both_asked() -> None:
    """A foreign error in a comparison drops neither."""
    gate = Incomparable("sized")
    gate.settings_model = Sized
    policy = {"delete-pin": [{"gate": "sized", "size": 1}], "interrupting": [{"gate": "sized", "size": 2}]}
    found = required("delete-pin", "interrupting", policy=policy, gates={**GATES, "sized": gate})
    asked = [r.settings for r in found if r.gate == "sized"]
    assert {"size": 1} in asked
    assert {"size": 2} in asked


def test_who_accepts_an_identity() -> None:
    """Without a plan the strictest count of the gates at ``security`` holds, and the first roles that one names."""
    policy = {
        "security": [
            {"gate": "people", "approvers": 1},
            {"gate": "people", "approvers": 3, "roles": ["security"]},
            {"gate": "ticket"},
        ]
    }
    inventory = an_inventory(policy, people=PEOPLE)
    found = approvers_of(inventory, inventory.sites["campus"], GATES)
    assert (found.approvers, found.roles) == (3, ("security",))


def test_an_always_gate_that_the_policy_names_is_asked_once() -> None:
    """What a policy asks already with the same settings is not asked again because the gate asks of every plan."""
    gates = {**GATES, "always": Always("always")}
    policy = {"delete-pin": [{"gate": "people"}, {"gate": "always"}]}
    assert [r.gate for r in required("delete-pin", policy=policy, gates=gates)].count("always") == 1


def test_an_always_gate_has_the_settings_that_the_policy_gives_it_anywhere() -> None:
    """Asked of a plan of another class, it is asked with these."""
    gates = {**GATES, "always": Always("always")}
    policy = {"interrupting": [{"gate": "people"}, {"gate": "always", "url": "u"}]}
    assert said(required("delete-pin", policy=policy, gates=gates))["always"] == ("always", {"url": "u"})
