"""Every rule of deciding, as one table, over the API, the console's forms, and the CLI: the same answer by each.

What a rule says is ``retrust.approval``'s, and tested there; here it is shown that no path goes around it, and that
what a path refuses it also does not record.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from typer.testing import CliRunner

from kit.forms import hidden_field
from kit.scenes import PEOPLE, POLICY, SERVICE, a_renewal, waiting_case
from retrust.approval.tokens import revoke_token
from retrust.cli.app import build
from retrust.models import Grade, Sighting
from retrust.present.case import plan_and_gates
from retrust.testing.plans import a_decision

WINDOW = {
    "gate": "window",
    "timezone": "UTC",
    "calendar": [{"start": "2020-01-05 02:00", "duration": "1h", "rrule": "FREQ=YEARLY;COUNT=1"}],
}
OLD = "sha256:" + "0" * 64
Say = Callable[..., Awaitable[tuple[bool, str]]]


@dataclass
class Attempt:
    """``before`` sets the scene; then ``person`` says it. ``said`` is a part of the refusal, None where it counts."""

    said: str | None
    person: str = "ann"
    before: Callable[[Any, Any], Awaitable[Any]] | None = None
    gate: str | None = None
    digest: str | None = None
    reason: str = "change 42"
    verb: str = "approve"
    case: dict[str, Any] = field(default_factory=dict)
    inventory: dict[str, Any] = field(default_factory=dict)


async def said_yes(world: Any, case: Any) -> None:
    await by_api(world, case, Attempt(None))


async def ben_said_no(world: Any, case: Any) -> None:
    await world.ledger.decide(
        a_decision("person:ben", yes=False, roles=["network"], case=case.id, digest=case.digest, at=datetime.now(UTC))
    )


async def ben_s_expired(world: Any, case: Any) -> None:
    await world.ledger.decide(
        a_decision(
            "person:ben", roles=["network"], case=case.id, digest=case.digest, at=datetime.now(UTC) - timedelta(days=4)
        )
    )


async def planned_anew(world: Any, case: Any) -> None:
    await world.ledger.record_plan(case.id, a_renewal(of="newer"), actor=SERVICE)
    await world.ledger.move(case.id, "wait", actor=SERVICE)


async def ann_attested(world: Any, case: Any) -> None:
    now = datetime.now(UTC)
    await world.ledger.sight(
        Sighting(
            id="s",
            kind="person",
            site="campus",
            fingerprint="SHA256:" + "a" * 64,
            at=now,
            received_at=now,
            source="cli",
            actor="person:ann",
            level="authenticated",
        )
    )


async def is_begun(world: Any, case: Any) -> None:
    await world.ledger.move(case.id, "approve", actor=SERVICE)
    await world.ledger.use_digest(case.id, case.digest, actor=SERVICE)
    await world.ledger.move(case.id, "execute", actor=SERVICE)


async def has_ended(world: Any, case: Any) -> None:
    await world.ledger.move(case.id, "expire", actor=SERVICE)


SUPPORTED = {"plan": a_renewal(grade=Grade.SUPPORTED)}
CLOSED = {"policy": {**POLICY, "interrupting": [*POLICY["interrupting"], WINDOW]}}

TABLE = [
    pytest.param(Attempt(None), id="a person with the role, and no part in the case"),
    pytest.param(Attempt(None, verb="reject"), id="and their no"),
    pytest.param(Attempt("caused this case", case={"actor": "person:ann"}), id="self-approval of one's request"),
    pytest.param(Attempt("wrote this plan", case={"planner": "person:ann"}), id="self-approval of one's plan"),
    pytest.param(Attempt("attested a fingerprint", before=ann_attested), id="who attested may not decide"),
    pytest.param(Attempt("has decided at the gate", before=said_yes), id="a replayed decision"),
    pytest.param(Attempt("has decided at the gate", before=said_yes, verb="reject"), id="yes and no of one person"),
    pytest.param(
        Attempt(
            "counts once",
            person="max",
            before=None,
            gate="security",
            case=SUPPORTED,
            inventory={"people": {**PEOPLE, "max": ["network", "security"]}},
        ),
        id="a double vote",
    ),
    pytest.param(Attempt("digest", digest=OLD), id="a decision on an old digest"),
    pytest.param(Attempt("digest", before=planned_anew), id="a plan that changed under the reader"),
    pytest.param(Attempt("asks for the role network", person="dan"), id="a missing role"),
    pytest.param(Attempt("asks for the role security", gate="security", case=SUPPORTED), id="another gate's role"),
    pytest.param(Attempt("a yes that was given expired", before=ben_s_expired), id="expired"),
    pytest.param(Attempt("said no", before=ben_said_no), id="a closed gate"),
    pytest.param(Attempt("reason", reason="   "), id="no reason"),
    pytest.param(Attempt("nothing to decide", before=is_begun), id="steps are being sent"),
    pytest.param(Attempt("no plan to decide on", before=has_ended), id="the case has ended"),
    pytest.param(
        Attempt("no person opens a gate 'window'", gate="window", inventory=CLOSED),
        id="a window is no gate that a person opens",
    ),
    pytest.param(Attempt("no person opens a gate 'nothing'", gate="nothing"), id="no such gate"),
    pytest.param(Attempt("", person="eve", inventory={"people": {**PEOPLE, "eve": ["network"]}}), id="a revoked token"),
]


async def by_api(world: Any, case: Any, attempt: Attempt) -> tuple[bool, str]:
    client = await world.api(attempt.person)
    body = {"reason": attempt.reason, "digest": attempt.digest or case.digest, "gate": attempt.gate}
    answer = await client.post(f"/api/v1/cases/{case.id}/{attempt.verb}", json=body)
    assert answer.status_code < 500, answer.text
    return answer.status_code == 200, answer.text


async def by_form(world: Any, case: Any, attempt: Attempt) -> tuple[bool, str]:
    client = world.browsers[attempt.person]
    page = await client.get(f"/cases/{case.id}")
    if page.status_code == 303:
        return False, page.text
    body = {
        "reason": attempt.reason,
        "digest": attempt.digest or case.digest,
        "gate": attempt.gate or "",
        "csrf": hidden_field(page.text, "csrf"),
    }
    answer = await client.post(f"/cases/{case.id}/{attempt.verb}", data=body)
    assert answer.status_code < 500, answer.text
    return answer.status_code == 303, answer.text.replace("&#39;", "'")


async def by_cli(world: Any, case: Any, attempt: Attempt) -> tuple[bool, str]:
    words = [
        attempt.verb,
        case.id,
        "--reason",
        attempt.reason,
        "--digest",
        attempt.digest or case.digest,
        *(["--gate", attempt.gate] if attempt.gate else []),
    ]
    app = build(world.engine.plugins, words)
    done = await asyncio.to_thread(
        CliRunner().invoke,
        app,
        words,
        env={
            "USER": "root",
            "RETRUST_TOKEN": await world.token(attempt.person),
            "RETRUST_INVENTORY": str(world.engine.inventory.file),
        },
    )
    return done.exit_code == 0, done.output


@pytest.mark.parametrize("path", [by_api, by_form, by_cli])
@pytest.mark.parametrize("attempt", TABLE)
async def test_rule(make_world: Any, attempt: Attempt, path: Say) -> None:
    """Each rule holds by each path, and a refused decision is not in the ledger."""
    world = await make_world(**attempt.inventory)
    case = await waiting_case(world.ledger, **attempt.case)
    world.browsers = {attempt.person: await world.browser(attempt.person)}
    if attempt.gate == "security" and attempt.person == "max":
        assert (await by_api(world, case, Attempt(None, person="max", gate="people")))[0]
    if attempt.before is not None:
        await attempt.before(world, case)
    if attempt.person == "eve":
        await revoke_token(world.ledger, world.tokens["eve"].split("_")[1], actor="person:admin")
    before = await world.ledger.decisions(case.id)
    counts, text = await path(world, case, attempt)
    recorded = (await world.ledger.decisions(case.id))[len(before) :]
    if attempt.said is None:
        assert counts, text
        told = [(d.actor, d.yes, d.digest) for d in recorded]
        assert told == [("person:ann", attempt.verb == "approve", case.digest)]
        assert (await world.ledger.case(case.id)).state == ("waiting" if attempt.verb == "approve" else "cancelled")
    else:
        assert not counts
        assert attempt.said in " ".join(text.split()), text
        assert recorded == []
        _, gates = await plan_and_gates(world.engine, world.ledger, await world.ledger.case(case.id))
        assert not gates or any(g.state != "open" for g in gates), "a run that starts now, by whomever, would pass"


async def test_a_shut_window_stays_shut(make_world: Any) -> None:
    """Two people approve while the window is shut: their gate opens, the window's does not, and nothing is sent."""
    world = await make_world(**CLOSED)
    case = await waiting_case(world.ledger)
    for person in ("ann", "ben"):
        client = await world.api(person)
        answer = await client.post(f"/api/v1/cases/{case.id}/approve", json={"reason": "ok", "digest": case.digest})
    states = {g["gate"]: g["state"] for g in answer.json()["gates"]}
    assert states["people"] == "open"
    assert states["window"] != "open"
    assert not (await world.ledger.steps(case.id))


async def test_a_read_only_token(world: Any) -> None:
    """A token that only reads reads everything and decides nothing, by API or page."""
    case = await waiting_case(world.ledger)
    world.tokens["ann"] = await world.token("ann", read_only=True)
    api, browser = await world.api("ann"), await world.browser("ann")
    assert (await api.get(f"/api/v1/cases/{case.id}")).status_code == 200
    for verb in ("approve", "reject", "cancel"):
        body = {"reason": "ok"} | ({} if verb == "cancel" else {"digest": case.digest})
        assert (await api.post(f"/api/v1/cases/{case.id}/{verb}", json=body)).status_code == 403
        csrf = hidden_field((await browser.get("/")).text, "csrf")
        assert (await browser.post(f"/cases/{case.id}/{verb}", data={**body, "csrf": csrf})).status_code == 403
    assert await world.ledger.decisions(case.id) == []


async def test_a_signed_decision(make_world: Any, tmp_path: Any) -> None:
    """A signature is checked against the allowed signers before it is kept; another's, or on a no, is refused."""
    import asyncssh

    from retrust.approval.signing import statement
    from retrust.approval.ssh_keys import sign

    keys = {name: asyncssh.generate_private_key("ssh-ed25519") for name in ("ann", "ben")}
    for name, key in keys.items():
        key.write_private_key(tmp_path / name)
    allowed = tmp_path / "allowed"
    allowed.write_text("".join(f"{n} {k.export_public_key().decode()}" for n, k in keys.items()))
    world = await make_world(signing={"allowed_signers": str(allowed)})
    case = await waiting_case(world.ledger)
    ann = await world.api("ann")
    body, said = {"reason": "ok", "digest": case.digest}, statement(case.id, case.digest)
    forged = await ann.post(
        f"/api/v1/cases/{case.id}/approve", json={**body, "signature": await sign(said, tmp_path / "ben")}
    )
    assert (forged.status_code, "not ann's" in forged.text) == (403, True)
    bare = await sign(case.digest, tmp_path / "ann")
    assert (await ann.post(f"/api/v1/cases/{case.id}/approve", json={**body, "signature": bare})).status_code == 403
    good = await sign(said, tmp_path / "ann")
    assert (await ann.post(f"/api/v1/cases/{case.id}/approve", json={**body, "signature": good})).status_code == 200
    assert [d.signature for d in await world.ledger.decisions(case.id)] == [good]


@pytest.mark.parametrize("path", ["api", "form", "cli"])
async def test_dismissing(make_world: Any, path: str) -> None:
    """A sighting is dismissed by each path, with a reason; the case that rested on it alone ends."""
    world = await make_world()
    await world.ledger.sight(
        Sighting(
            id="x",
            kind="log",
            site="campus",
            dn="CN=prime-sec",
            at=datetime.now(UTC),
            received_at=datetime.now(UTC),
            source="syslog 10.0.0.9",
            actor="service",
            level="hint",
        )
    )
    case = await waiting_case(world.ledger)
    [seen] = await world.ledger.sightings_of(case.id)
    api, browser = await world.api("ann"), await world.browser("ann")
    page = (await browser.get(f"/cases/{case.id}")).text
    assert "anybody can send it" in page
    assert (await api.post(f"/api/v1/sightings/{seen.id}/dismiss", json={"reason": " "})).status_code == 403
    if path == "api":
        answer = await api.post(f"/api/v1/sightings/{seen.id[:8]}/dismiss", json={"reason": "a test"})
        assert answer.json() == {"sighting": seen.id[:8], "actor": "person:ann", "case": case.id}
    elif path == "form":
        sent = {"csrf": hidden_field(page, "csrf"), "sighting": seen.id, "reason": "a test"}
        assert (await browser.post(f"/cases/{case.id}/dismiss", data=sent)).status_code == 303
    else:
        words = ["dismiss", seen.id[:8], "--reason", "a test"]
        app = build(world.engine.plugins, words)
        done = await asyncio.to_thread(
            CliRunner().invoke,
            app,
            words,
            env={"RETRUST_TOKEN": await world.token("ann"), "RETRUST_INVENTORY": str(world.engine.inventory.file)},
        )
        assert (done.exit_code, f"case {case.id} is cancelled" in done.output) == (0, True)
    ended = await world.ledger.case(case.id)
    assert (ended.state, ended.note) == ("cancelled", "dismissed: a test")
    assert not await world.ledger.sightings("campus")
