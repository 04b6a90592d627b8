"""Who is who at a terminal: what shows a person there, and what does not."""

from __future__ import annotations

from typing import Any

import pytest

from kit.scenes import a_renewal, waiting_case
from kit.terminal import Terminal
from retrust.actors import UNKNOWN
from retrust.errors import InventoryError
from retrust.models import Plan
from retrust.runs.plan import bind

SIGNED = {"delete-pin": [{"gate": "people", "signed": True}], "interrupting": [{"gate": "people", "signed": True}]}


@pytest.mark.parametrize(
    "words",
    [
        ("approve", "CASE", "--reason", "x"),
        ("reject", "CASE", "--reason", "x"),
        ("cancel", "CASE", "--reason", "x"),
        ("event", "attested", "campus", "secondary", "SHA256:" + "a" * 64),
        ("accept", "campus", "secondary", "--kind", "host key", "--fingerprint", "SHA256:x", "--reason", "x"),
    ],
    ids=lambda words: words[0],
)
async def test_an_account_shows_nobody(terminal: Terminal, words: tuple[str, ...]) -> None:
    """Whatever USER, LOGNAME and SUDO_USER say, nothing is decided, and the message says how to show who one is."""
    case = await waiting_case(terminal.ledger)
    before = (await terminal.ledger.head()).seq
    code, said = await terminal.type(*(case.id if word == "CASE" else word for word in words))
    assert code == 3, said
    assert "RETRUST_TOKEN" in said
    assert "--sign-with" in said
    assert (await terminal.ledger.head()).seq == before


@pytest.mark.parametrize("by", ["token", "key"])
@pytest.mark.parametrize("verb", ["approve", "reject", "cancel"])
async def test_a_person_is_shown(terminal: Terminal, verb: str, by: str) -> None:
    """A token or a key shows its person, and not whose account it is."""
    case = await waiting_case(terminal.ledger)
    shown = {"token": await terminal.token("ben")} if by == "token" else {"key": "ben"}
    code, said = await terminal.type(verb, case.id, "--reason", "seen", **shown)
    assert code == 0, said
    last = (await terminal.ledger.entries(case=case.id))[-1]
    assert last.actor == "person:ben"
    if verb == "approve":
        (decision,) = await terminal.ledger.decisions(case.id)
        assert (decision.signature is not None) is (by == "key")


async def test_what_shows_nobody(terminal: Terminal) -> None:
    """A stranger's key, a wrong or revoked token, one that only reads, another person's key beside a token."""
    case = await waiting_case(terminal.ledger)
    revoked, reads = await terminal.token("ann"), await terminal.token("ann", read_only=True)
    assert (await terminal.type("token", "revoke", revoked.split("_")[1]))[0] == 0
    for shown, why in (
        ({"key": "stranger"}, "not one person's"),
        ({"token": "retrust_00000000_x"}, "not valid"),
        ({"token": revoked}, "not valid"),
        ({"token": reads}, "only reads"),
        ({"token": await terminal.token("ann"), "key": "ben"}, "the token shows ann, the key shows ben"),
    ):
        for verb in ("approve", "cancel"):
            code, said = await terminal.type(verb, case.id, "--reason", "x", **shown)
            assert (code, why in said) == (3, True), said
    assert await terminal.said(case) == []
    assert (await terminal.ledger.case(case.id)).state == "waiting"


async def test_a_person_is_one_however_they_came(terminal: Terminal) -> None:
    """Who said yes by a token has said it, whatever key they sign with next; another person's counts."""
    case = await waiting_case(terminal.ledger)
    assert (await terminal.type("approve", case.id, "--reason", "x", token=await terminal.token("ann")))[0] == 0
    code, said = await terminal.type("approve", case.id, "--reason", "x", key="ann")
    assert (code, "has decided at the gate people already" in said) == (3, True), said
    assert (await terminal.type("approve", case.id, "--reason", "x", key="ben"))[0] == 0
    assert await terminal.said(case) == [("person:ann", True), ("person:ben", True)]


def a_plan_with(**changes: Any) -> Plan:
    """A renewal's plan, whose findings say this."""
    plan = a_renewal()
    findings = tuple(f.model_copy(update=changes) for f in plan.snapshot.findings)
    return bind(plan, snapshot=plan.snapshot.model_copy(update={"findings": findings}))


@pytest.mark.parametrize("hand", ["requester", "planner", "sighting", "hint"])
async def test_who_is_not_known_may_be_the_approver(terminal: Terminal, hand: str) -> None:
    """Where nobody is known to have asked for a case, one person opens nothing; two do."""
    by_hand: dict[str, dict[str, Any]] = {"hint": {"rests_on": "hints"}, "sighting": {"said_by": (UNKNOWN,)}}
    changed = by_hand.get(hand, {})
    case = await waiting_case(
        terminal.ledger,
        actor=UNKNOWN if hand == "requester" else "service",
        planner=UNKNOWN if hand == "planner" else "service",
        plan=a_plan_with(**changed),
    )
    code, said = await terminal.type("approve", case.id, "--reason", "x", key="ann")
    assert (code, "two different persons must say yes" in said) == (0, True), said
    assert await terminal.gates(case) == {"people": "shut"}
    assert (await terminal.type("approve", case.id, "--reason", "x", key="ben"))[0] == 0
    assert await terminal.gates(case) == {"people": "open"}


async def test_what_comes_in_later_shuts_nothing(terminal: Terminal) -> None:
    """A plan does not rest on an event of nobody known that came in after it, so its gate stays open."""
    case = await waiting_case(terminal.ledger)
    assert (await terminal.type("approve", case.id, "--reason", "x", key="ann"))[0] == 0
    code, said = await terminal.type("event", "renewed", "campus", "secondary", "--fingerprint", "SHA256:" + "a" * 64)
    assert code == 0, said
    assert [s.actor for s in await terminal.ledger.sightings_of(case.id)] == [UNKNOWN]
    assert await terminal.gates(case) == {"people": "open"}


async def test_who_is_known_to_have_asked_does_not_decide(terminal: Terminal) -> None:
    """An event handed in with a token is its person's: they do not decide, and one other person does."""
    code, said = await terminal.type(
        "event",
        "renewed",
        "campus",
        "secondary",
        "--fingerprint",
        "SHA256:" + "a" * 64,
        token=await terminal.token("ann", read_only=True),
    )
    assert code == 0, said
    case = await waiting_case(terminal.ledger)
    code, said = await terminal.type("approve", case.id, "--reason", "x", key="ann")
    assert (code, "brought in a sighting" in said or "attested" in said) == (3, True), said
    assert (await terminal.type("approve", case.id, "--reason", "x", key="ben"))[0] == 0
    assert await terminal.gates(case) == {"people": "open"}


@pytest.mark.parametrize("terminal", [SIGNED], indirect=True)
async def test_a_gate_that_asks_for_signatures(terminal: Terminal) -> None:
    """A yes by token alone is refused there; a signed one opens it, until its key leaves the inventory."""
    case = await waiting_case(terminal.ledger)
    token = await terminal.token("ann")
    code, said = await terminal.type("approve", case.id, "--reason", "x", token=token)
    assert (code, "asks for a signed yes" in said) == (3, True), said
    assert (await terminal.type("approve", case.id, "--reason", "x", token=token, key="ann"))[0] == 0
    assert await terminal.gates(case) == {"people": "open"}
    terminal.rewrite({"ann": {"roles": ["network"]}})
    assert await terminal.gates(case) == {"people": "shut"}


@pytest.mark.parametrize("terminal", [SIGNED], indirect=True)
async def test_a_signature_is_for_one_case(terminal: Terminal) -> None:
    """A signature that was kept does not open the same plan of a later case."""
    first = await waiting_case(terminal.ledger)
    assert (await terminal.type("approve", first.id, "--reason", "x", key="ann"))[0] == 0
    (decision,) = await terminal.ledger.decisions(first.id)
    await terminal.ledger.move(first.id, "expire", actor="service")
    plan = await terminal.ledger.plan(first.digest or "", case=first.id)
    later = await waiting_case(terminal.ledger, plan=plan)
    assert later.digest == first.digest
    await terminal.ledger.decide(decision.model_copy(update={"case": later.id}))
    assert await terminal.gates(later) == {"people": "shut"}


@pytest.mark.parametrize(
    ("url", "here"),
    [
        (None, True),
        ("sqlite:////var/lib/retrust/ledger.db", True),
        ("postgresql:///retrust", True),
        ("postgresql://retrust@/retrust?host=/run/postgresql", True),
        ("postgresql://retrust@db.example.com/retrust", False),
        ("postgresql://retrust@127.0.0.1/retrust", False),
        ("postgresql://retrust@/retrust?host=db.example.com", False),
    ],
)
def test_the_ledgers_own_machine(terminal: Terminal, url: str | None, here: bool) -> None:
    """A file, or a socket of this machine; a loopback address may be a tunnel."""
    object.__setattr__(terminal.engine.inventory.ledger, "url", url)
    assert terminal.engine.at_the_ledger is here


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"eve": {"ssh_keys": "KEY"}}, "has the key of ann"),
        ({"cy": {"subject": "u-1"}, "eve": {"subject": "u-1"}}, "has the subject of cy"),
        ({"Ann": {"roles": []}}, "has the name of Ann"),
        ({"eve": {"ssh_keys": "ssh-ed25519 AAAA"}}, "must be a public SSH key"),
        ({"eve": {"ssh_keys": "cert-authority KEY"}}, "must be a public SSH key"),
    ],
)
def test_two_people_in_one(terminal: Terminal, change: dict[str, Any], said: str) -> None:
    """What shows one person shows no other: refused when the inventory is read."""
    key = (terminal.folder / "ann.pub").read_text().strip()
    for person in change.values():
        if "ssh_keys" in person:
            person["ssh_keys"] = person["ssh_keys"].replace("KEY", key)
    with pytest.raises(InventoryError) as wrong:
        terminal.rewrite(change)
    assert said in str(wrong.value.problems)
