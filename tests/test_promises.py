"""What Retrust promises, each promise tried by somebody who thinks about how to break it.

    an interception is never accepted for a renewal · nobody gets round a gate ·
    a decision binds what is sent · any change of the record is found

An attack that still succeeds is a strict expected failure, and its mark names what will end it. The fix takes the
mark away, so that each fix is seen to be one.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import os
import re
import shutil
import sqlite3
import sys
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml

from kit.campus import ALICE, SITE, Campus, campus
from kit.console import MakeWorld, worlds
from kit.forms import hidden_field
from kit.hellos import hello_of_java, hello_of_the_lab, select_by_hello, suites
from kit.oidc import CLIENT, SECRET, Provider, sign_in
from kit.scenes import waiting_case
from retrust.actors import UNKNOWN
from retrust.approval.decisions import Attendance, Speaker, approve, cancel, current_matter, gate_states
from retrust.audit import export_case, verify_chain
from retrust.audit.archive import CHAIN, MANIFEST, PUBLIC_KEY, SIGNATURE, packed, unpacked
from retrust.engine.engine import Engine
from retrust.errors import RetrustError
from retrust.ledger import Ledger
from retrust.ledger.keys import LedgerKey, pem
from retrust.models import Sighting
from retrust.secrets.redaction import Redactor
from retrust.secrets.stores import Secrets
from retrust.testing.fake_servicenow import FakeServiceNow
from retrust.testing.plans import DIGEST, NOW, a_case, a_plan, a_question
from retrust.testing.serving import serving
from retrust_plugins.lab.network import Interceptor
from retrust_plugins.servicenow.gate import Ticket


def breaks_until(what: str) -> pytest.MarkDecorator:
    """The attack succeeds today; ``what`` ends it. Only the promise itself may fail, not the way to it."""
    return pytest.mark.xfail(strict=True, raises=AssertionError, reason=what)


STANDARD = {
    "accept_blind_first_use": True,
    "delete-pin": [{"gate": "standard"}],
    "interrupting": [{"gate": "standard"}],
}
"""A policy under which proven evidence asks nobody."""


# -- an interception is never accepted for a renewal --------------------------------------------------


def offered_versions(hello: bytes) -> set[int]:
    """The TLS versions that a ClientHello offers; empty where it says none."""
    try:
        at = 5 + 4 + 2 + 32
        at += 1 + hello[at]
        at += 2 + int.from_bytes(hello[at : at + 2], "big")
        at += 1 + hello[at] + 2
        while at + 4 <= len(hello):
            kind, length = (int.from_bytes(hello[at + n : at + n + 2], "big") for n in (0, 2))
            if kind == 43:
                offered = hello[at + 5 : at + 4 + length]
                return {int.from_bytes(offered[n : n + 2], "big") for n in range(0, len(offered), 2)}
            at += 4 + length
    except IndexError:
        pass
    return set()


async def intercepted(site: Campus, *, renewed: bool) -> Interceptor:
    """A stranger on the way to the secondary, beside a renewal of it or not, and the log line that tells of it."""
    if renewed:
        await site.settle_in()
        await site.lab.secondary.renew()
    stranger = site.lab.intercept(("primary", "secondary"), vantage=True)
    await site.broken()
    await site.sight("primary")
    return stranger


@pytest.mark.parametrize("renewed", [True, False], ids=["beside a renewal", "without a renewal"])
async def test_an_interceptor_that_tells_our_looks_by_old_versions(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, renewed: bool
) -> None:
    """Our looks offer TLS 1.0, the holder does not: a stranger selects by that, and is still never pinned unasked."""
    select_by_hello(monkeypatch, lambda hello: 0x0301 in offered_versions(hello))
    async with campus(tmp_path, change=lambda s: s.update(policy=STANDARD)) as site:
        stranger = await intercepted(site, renewed=renewed)
        outcome = await outcome_of(site)
        assert stranger.fingerprint not in {p.fingerprint for p in site.lab.primary.tofu.pins.values()}
        assert outcome != "healed"


@pytest.mark.parametrize("tunnels", ["never", "auto"])
async def test_a_look_on_an_intercepted_path_makes_no_good_pin_stale(tmp_path: Path, tunnels: str) -> None:
    """A healthy look without evidence may record a stranger; when it leaves, the good pin stays where it is."""

    def change(site: dict[str, Any]) -> None:
        site.update(policy=STANDARD, trust={"tunnels": "never"})

    async with campus(tmp_path, change=change) as site:
        on_the_pair = site.lab.intercept(("primary", "secondary"), vantage=True)
        only_ours = Interceptor("nobody", on_the_pair.endpoint, on_the_pair.identity, True)
        site.lab.network.interceptors[:] = [only_ours]
        await outcome_of(site)
        site.lab.clear_intercept()
        site.reload(lambda s: s.update(trust={"tunnels": tunnels}))
        await outcome_of(site)
        assert site.writes == 0


@pytest.mark.parametrize("captured", [True, False], ids=["with its hello", "without"])
@pytest.mark.parametrize("renewed", [True, False], ids=["beside a renewal", "without a renewal"])
async def test_an_interceptor_that_knows_the_holders_own_client(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, captured: bool, renewed: bool
) -> None:
    """It passes everything but a Java client's hello, and the lab's own: seen where that hello is in the inventory."""
    java = await hello_of_java()
    (tmp_path / "primary.hello").write_bytes(java)
    holders_own = {suites(java), suites(hello_of_the_lab())}
    select_by_hello(monkeypatch, lambda hello: suites(hello) not in holders_own)

    def change(site: dict[str, Any]) -> None:
        site["policy"] = STANDARD
        if captured:
            site["primary"]["hello"] = "primary.hello"

    async with campus(tmp_path, change=change) as site:
        stranger = await intercepted(site, renewed=renewed)
        outcome = await outcome_of(site, attendance=Attendance(ALICE, yes=True, accept_unproven=True))
        alarms = [alarm.detail for alarm in await site.ledger.alarms()]
        if captured:
            assert outcome == "Refused"
            assert "with its own client's hello" in alarms[0]
            assert stranger.fingerprint not in {p.fingerprint for p in site.lab.primary.tofu.pins.values()}
        else:  # what is left without it: an interceptor that no other look can see
            assert not alarms


async def outcome_of(site: Campus, **options: Any) -> str:
    """How a pass ends, an error by its kind."""
    try:
        return (await site.run(**options)).outcome
    except RetrustError as error:
        return type(error).__name__


# -- who hears, who is believed -----------------------------------------------------------------------


async def test_a_forged_line_blocks_no_site(tmp_path: Path) -> None:
    """One line that anybody can send is looked into; a healthy site stays healthy, and later heals."""
    async with campus(tmp_path) as site:
        await site.settle_in()
        await site.sight("primary", source="syslog 127.0.0.1", level="hint")
        assert await outcome_of(site) == "healthy"
        await site.break_trust("primary")
        await site.sight("secondary", source="syslog 127.0.0.1", level="hint")
        assert (await site.heal()).outcome == "healed"


async def test_a_forged_line_deletes_no_good_pin(tmp_path: Path) -> None:
    """One line that anybody can send, before anything was ever verified: nothing is deleted."""
    async with campus(tmp_path, change=lambda s: s.update(policy=STANDARD)) as site:
        await site.sight("primary", source="syslog 127.0.0.1", level="hint")
        await outcome_of(site, actor="service")
        assert site.writes == 0


async def test_a_flood_of_names_is_bounded(tmp_path: Path) -> None:
    """Three thousand names that nobody knows leave a bounded number of sightings for each look to read."""
    async with campus(tmp_path) as site:
        now = datetime.now(UTC)
        await site.ledger.sight_many(
            Sighting.model_validate(
                {
                    "id": f"flood-{n}",
                    "kind": "log",
                    "site": SITE,
                    "role": "peer",
                    "holder": "primary",
                    "dn": f"CN=host-{n}",
                    "at": now,
                    "received_at": now,
                    "source": "syslog 127.0.0.1",
                    "actor": "service",
                }
            )
            for n in range(3000)
        )
        assert len(await site.ledger.sightings(SITE)) <= 1000


# -- who decides --------------------------------------------------------------------------------------


async def retrust(site: Campus, user: str, *words: str) -> int:
    """The command line under the name of an account; its exit code."""
    account = {"USER": user, "LOGNAME": user, "RETRUST_HOME": str(site.home), "RETRUST_INVENTORY": str(site.inventory)}
    process = await asyncio.create_subprocess_exec(
        Path(sys.executable).with_name("retrust"),
        *words,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
        env={**{k: v for k, v in os.environ.items() if k != "SUDO_USER"}, **account},
    )
    return await process.wait()


async def test_an_account_name_is_no_identity(tmp_path: Path) -> None:
    """Whoever sets USER to somebody's name does not become them, and nobody outside the inventory decides."""

    def people(document: dict[str, Any]) -> None:
        document["people"] = {"alice": {"roles": ["network"]}, "bob": {"roles": ["network"]}}
        document["sites"][SITE]["policy"] = {
            "accept_blind_first_use": True,
            "delete-pin": [{"gate": "people", "approvers": 1}],
            "interrupting": [{"gate": "people", "approvers": 2}],
        }

    async with campus(tmp_path) as site:
        document = yaml.safe_load(site.inventory.read_text())
        people(document)
        site.inventory.write_text(yaml.safe_dump(document, sort_keys=False))
        site.reload()
        await site.settle_in()
        await site.break_trust("secondary")
        await site.sight("primary")
        waiting = await site.run(actor="person:mallory")
        assert waiting.outcome == "waiting"
        for user in ("alice", "bob", "nobody-1"):
            await retrust(site, user, "approve", waiting.case.id, "--reason", "me")
        assert await outcome_of(site, actor="person:mallory") == "waiting"
        assert site.writes == 0


def with_people(document: dict[str, Any]) -> None:
    one = [{"gate": "people", "approvers": 1}]
    document["people"] = {name: {"roles": ["network"]} for name in ("alice", "bob", "carol")}
    document["sites"][SITE]["policy"] = {
        "accept_blind_first_use": True,
        "delete-pin": one,
        "interrupting": one,
        "security": one,
    }


@contextlib.asynccontextmanager
async def campus_with_people(folder: Path, *, settled: bool) -> AsyncIterator[Campus]:
    async with campus(folder) as site:
        document = yaml.safe_load(site.inventory.read_text())
        with_people(document)
        site.inventory.write_text(yaml.safe_dump(document, sort_keys=False))
        site.reload()
        if settled:
            await site.settle_in()
        await site.break_trust("secondary")
        yield site


async def may_open(site: Campus, case: Any, who: str) -> bool:
    """Whether this person's yes opens the plan's gates by itself."""
    with contextlib.suppress(RetrustError):
        await approve(site.engine, site.ledger, case.id, Speaker(f"person:{who}"), reason="fine")
    matter = await current_matter(site.engine, site.ledger, case.id)
    return all(g.state == "open" for g in await gate_states(site.engine, matter))


@pytest.mark.parametrize("way", ["in the same case", "in a later case", "for no site"])
async def test_who_brought_in_what_a_plan_rests_on_does_not_decide_it(tmp_path: Path, way: str) -> None:
    """Whatever became of the case it came into, and whether it came into one at all."""
    async with campus_with_people(tmp_path, settled=False) as site:
        loose = {"site": None} if way == "for no site" else {}
        await site.sight("primary", actor="person:alice", **loose)
        waiting = await site.run(actor="person:bob")
        if way == "in a later case":
            await cancel(site.ledger, waiting.case.id, Speaker("person:alice"), reason="again")
            waiting = await site.run(actor="person:bob")
        assert waiting.outcome == "waiting"
        assert not await may_open(site, waiting.case, "alice")
        assert await may_open(site, waiting.case, "carol")


async def test_saying_it_again_hides_nobody(tmp_path: Path) -> None:
    """Somebody unknown brings in a line, and the same again once the plan asks: two persons, as before."""
    async with campus_with_people(tmp_path, settled=False) as site:
        await site.sight("primary", actor=UNKNOWN)
        waiting = await site.run(actor="service")
        await site.sight("primary", actor=UNKNOWN)
        assert not await may_open(site, waiting.case, "alice")
        assert await may_open(site, waiting.case, "carol")


async def test_who_dismissed_what_spoke_against_a_plan_does_not_decide_it(tmp_path: Path) -> None:
    """Carol read another fingerprint; alice says that this was wrong, and may not open the gate that it closed."""
    async with campus_with_people(tmp_path, settled=True) as site:
        await site.sight(
            "primary",
            kind="person",
            dn=None,
            role=None,
            key=f"{site.lab.secondary.host}_8082",
            fingerprint="SHA256:" + "a" * 64,
            actor="person:carol",
        )
        assert await outcome_of(site, actor="service") == "Refused"
        [seen] = [s for s in await site.ledger.sightings(SITE) if s.kind == "person"]
        await site.ledger.dismiss(seen.id, actor="person:alice", reason="misread")
        waiting = await site.run(actor="service")
        assert not await may_open(site, waiting.case, "alice")
        assert await may_open(site, waiting.case, "bob")


async def test_dismissing_a_forged_hint_stops_no_case_that_it_did_not_cause(tmp_path: Path) -> None:
    """A look found the renewal; a hint came in meanwhile, and is dismissed: the case goes on."""
    async with campus(tmp_path) as site:
        await site.settle_in()
        await site.break_trust("secondary")
        waiting = await site.run(actor="service")
        await site.sight("primary", level="hint", dn="CN=nobody")
        [seen] = await site.ledger.sightings(SITE)
        assert await site.ledger.dismiss(seen.id, actor="person:ann", reason="forged") is None
        assert (await site.ledger.case(waiting.case.id)).is_open


@pytest.fixture
async def provider() -> AsyncIterator[Provider]:
    made = Provider()
    async with serving(made.app()) as url:
        made.issuer = url
        yield made


@pytest.fixture
async def make_world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[MakeWorld]:
    monkeypatch.setenv("OIDC_SECRET", SECRET)
    async with worlds(tmp_path, monkeypatch) as make:
        yield make


def with_oidc(provider: Provider, **more: Any) -> dict[str, Any]:
    return {
        "url": "http://console.test",
        "oidc": {"issuer": provider.issuer, "client_id": CLIENT, "client_secret": "env:OIDC_SECRET", **more},
    }


async def gates(world: Any, case: Any) -> set[str]:
    matter = await current_matter(world.engine, world.ledger, case.id)
    return {g.state for g in await gate_states(world.engine, matter)}


async def approve_as(world: Any, provider: Provider, case: Any, **claims: Any) -> None:
    """Sign in with these claims and press Approve, as far as either is allowed."""
    provider.claims = claims
    client, back = await sign_in(world, provider)
    if back.status_code != 303:
        return
    page = (await client.get(f"/cases/{case.id}")).text
    if 'name="csrf"' in page:
        await client.post(
            f"/cases/{case.id}/approve",
            data={"csrf": hidden_field(page, "csrf"), "digest": case.digest, "gate": "people", "reason": "it is fine"},
        )


async def test_strangers_of_the_provider_open_nothing(make_world: MakeWorld, provider: Provider) -> None:
    """Accounts that the inventory does not name decide nothing, however they sign in."""
    world = await make_world(people={"ann": ["network"]}, policy={}, console=with_oidc(provider))
    case = await waiting_case(world.ledger)
    for subject in ("g-1", "g-2"):
        await approve_as(world, provider, case, sub=subject, preferred_username=f"{subject}@mail.example")
    assert "open" not in await gates(world, case)
    assert not await world.ledger.decisions(case.id)


async def test_one_subject_counts_once(make_world: MakeWorld, provider: Provider) -> None:
    """The provider renames an account between two sign-ins: it is still one person."""
    world = await make_world(people={"ann": ["network"]}, policy={}, console=with_oidc(provider))
    case = await waiting_case(world.ledger)
    for name in ("zoe", "zoe-renamed"):
        await approve_as(world, provider, case, sub="u-17", preferred_username=name)
    assert len({d.actor for d in await world.ledger.decisions(case.id)}) <= 1


async def test_who_caused_a_case_does_not_decide_it_under_another_name(
    make_world: MakeWorld, provider: Provider
) -> None:
    """Ann caused the case; as the provider's ann@corp.example she may not decide it either."""
    one = [{"gate": "people", "approvers": 1}]
    world = await make_world(
        people={"ann": ["network"], "ben": ["network"]},
        policy={"delete-pin": one, "interrupting": one},
        console=with_oidc(provider),
    )
    case = await waiting_case(world.ledger, actor="person:ann", planner="person:ann")
    await approve_as(world, provider, case, sub="u-ann", email="ann@corp.example", preferred_username="ann")
    assert "open" not in await gates(world, case)


async def test_a_yes_of_somebody_who_left_does_not_count(make_world: MakeWorld, tmp_path: Path) -> None:
    """Ann said yes; then she left the inventory: her yes opens nothing any more."""
    one = [{"gate": "people", "approvers": 1, "roles": ["network"]}]
    world = await make_world(
        people={"ann": ["network"], "ben": ["network"]}, policy={"delete-pin": one, "interrupting": one}
    )
    case = await waiting_case(world.ledger)
    answer = await (await world.api("ann")).post(
        f"/api/v1/cases/{case.id}/approve", json={"reason": "it is fine", "digest": case.digest}
    )
    assert answer.status_code == 200, answer.text
    file = tmp_path / "retrust.yaml"
    document = yaml.safe_load(file.read_text())
    document["people"] = {"ben": {"roles": ["network"]}}
    file.write_text(yaml.safe_dump(document))
    matter = await current_matter(Engine.start(file), world.ledger, case.id)
    assert "open" not in {g.state for g in await gate_states(Engine.start(file), matter)}


async def test_a_ticket_prepared_by_somebody_else_opens_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """A change request for something else, made beforehand with the plan's correlation, is not the plan's."""
    snow = FakeServiceNow()
    monkeypatch.setenv("SNOW_PASSWORD", snow.password)
    async with snow.serving():
        snow.records["b" * 32] = {
            "sys_id": "b" * 32,
            "number": "CHG0012345",
            "sys_class_name": "change_request",
            "correlation_id": f"retrust:c1:{DIGEST}",
            "short_description": "move a desk",
            "description": "",
            "type": "standard",
            "opened_by": "mallory",
            "state": "-2",
            "approval": "approved",
            "sys_created_on": "2026-01-01 00:00:00",
        }
        question = a_question(
            Ticket(),
            {"url": snow.url, "username": snow.username, "password": "env:SNOW_PASSWORD"},
            plan=a_plan("delete-pin", digest=DIGEST),
            case=a_case(digest=DIGEST),
            now=NOW,
            secrets=Secrets({}, Redactor()),
        )
        assert (await Ticket().state(question)).state != "open"


def test_nobody_chooses_what_a_worker_runs() -> None:
    """Every pool and worker is of our type: it has no variable that Prefect's API could set, and refuses the rest."""
    from retrust_flows.worker import ENTRYPOINTS, RetrustWorker

    root = Path(__file__).parents[1] / "deployments"
    text = "\n".join(file.read_text() for file in root.rglob("*") if file.is_file())
    assert set(re.findall(r"work-pool,? create,? \S+ --type,? (\w+)", text)) == {"retrust"}
    assert not re.search(r"prefect,? worker,? start|job_variables|base-job-template", text)
    flows = yaml.safe_load((root / "prefect.yaml").read_text())
    assert (flows["pull"], {d["name"]: d["entrypoint"] for d in flows["deployments"]}) == ([], ENTRYPOINTS)
    template = RetrustWorker.get_default_base_job_template()
    assert (template["variables"]["properties"], template["variables"]["additionalProperties"]) == ({}, False)
    assert "{{" not in json.dumps(template)


# -- a decision binds what is sent --------------------------------------------------------------------


class Crash(Exception):
    """The process dies here."""


def crash_before(part: str) -> Callable[[str], None]:
    def before(begun: str) -> None:
        if begun == part:
            raise Crash

    return before


async def test_a_begun_plan_asks_its_gates_again(tmp_path: Path) -> None:
    """After a crash between two writes a freeze begins: nothing more is written inside it."""
    async with campus(tmp_path) as site:
        await site.settle_in()
        await site.break_trust("primary", "secondary")
        await site.sight("primary")
        await site.sight("secondary")
        with pytest.raises(Crash):
            await site.heal(before=crash_before("re-register-ha"))
        site.lab.primary.ha.registered = None
        site.lab.primary.ha.enter("HA Not Configured")
        frozen = {
            "gate": "window",
            "timezone": "UTC",
            "calendar": [{"start": "2020-01-01 00:00", "duration": "1h"}],
            "freeze": [{"start": "2020-01-01 00:00", "end": "2099-01-01 00:00"}],
        }
        site.reload(
            lambda s: s.update(
                policy={"delete-pin": [{"gate": "confirm"}, frozen], "interrupting": [{"gate": "confirm"}, frozen]}
            )
        )
        before = site.writes
        await outcome_of(site)
        assert site.writes == before


async def begun(site: Campus) -> None:
    """A run that was approved, deleted its pin, and died before HA was registered."""
    await site.settle_in()
    await site.break_trust("secondary")
    await site.sight("primary")
    with pytest.raises(Crash):
        await site.heal(before=crash_before("re-register-ha"))
    site.lab.primary.ha.registered = None
    site.lab.primary.ha.enter("HA Not Configured")
    site.told.clear()


async def test_what_is_filled_in_is_what_was_approved(tmp_path: Path) -> None:
    """After a crash the inventory changes: the pages are not filled with values that nobody approved."""
    async with campus(tmp_path) as site:
        await begun(site)
        site.reload(lambda s: s["ha"].update(email=["somebody@else.example"], failover="automatic"))
        await outcome_of(site)
        assert not [told for told in site.told if "somebody@else.example" in told]


def replace_key(site: Campus, key: str) -> None:
    reference = yaml.safe_load(site.inventory.read_text())["sites"][SITE]["ha"]["authentication_key"]
    Path(reference.removeprefix("file:")).write_text(key)


async def test_a_secret_that_changed_is_not_filled_in(tmp_path: Path) -> None:
    """After a crash the file with the HA key holds another key: nothing is registered with it unasked."""
    async with campus(tmp_path) as site:
        await begun(site)
        replace_key(site, "another-key-that-nobody-approved")
        await outcome_of(site)
        assert not [told for told in site.told if told.startswith("Please register HA")]


@pytest.mark.parametrize("at", ["the first delete", "the registration"])
async def test_cancel_stops_the_next_write(tmp_path: Path, at: str) -> None:
    """A person cancels while steps run: nothing is sent after it, wherever the run is."""
    async with campus(tmp_path) as site:
        await site.settle_in()
        await site.break_trust("primary", "secondary")
        await site.sight("primary")
        await site.sight("secondary")
        writes: list[int] = []

        async def cancel() -> None:
            case = await site.ledger.open_case_of(SITE)
            assert case is not None
            await site.ledger.move(case.id, "cancel", actor="person:carol", note="stop")
            writes.append(site.writes)

        async def deleted(node: str, key: str) -> None:
            deletes = sum(site.deletes().values())
            if not writes and deletes == (1 if at == "the first delete" else 2):
                await cancel()

        site.lab.on("delete", deleted)
        with contextlib.suppress(RetrustError):
            await site.heal()
        assert writes, "nobody cancelled"
        assert site.writes == writes[0]


# -- any change of the record is found ----------------------------------------------------------------


async def fill(home: Path, *sites: str) -> None:
    """A ledger in ``home`` with a case of each site."""
    async with await Ledger.open(None, home) as ledger:
        for site in sites:
            await ledger.open_case(site, cause="a log line", actor="person:alice")


def take_over(source: Path, target: Path) -> None:
    """Write one database over another, as whoever may write the file can."""
    with sqlite3.connect(source / "ledger.db") as genuine, sqlite3.connect(target / "ledger.db") as copy:
        genuine.backup(copy)
    genuine.close()
    copy.close()


async def verifies(home: Path) -> bool:
    async with await Ledger.open(None, home) as ledger:
        return (await verify_chain(ledger)).ok


async def test_a_chain_written_anew_with_another_key_is_found(tmp_path: Path) -> None:
    """The whole ledger is replaced by one of the attacker's, and the anchor is deleted."""
    home, evil = tmp_path / "home", tmp_path / "evil"
    await fill(home, "campus", "lyon")
    await fill(evil, "campus", "elsewhere")
    take_over(evil, home)
    (home / "ledger.anchors").unlink()
    assert not await verifies(home)


async def test_a_tail_that_was_cut_off_is_found(tmp_path: Path) -> None:
    """While the service runs, the database is put back to an older state that was signed, too."""
    home, before = tmp_path / "home", tmp_path / "before"
    await fill(home, "campus")
    shutil.copytree(home, before)
    running = await Ledger.open(None, home)
    try:
        await running.open_case("lyon", cause="a refusal", actor="person:alice")
        take_over(before, home)
        assert not await verifies(home)
    finally:
        await running.close()


def signed_again(files: dict[str, bytes], key: LedgerKey, **manifest: Any) -> bytes:
    """A pack of these files under a key."""
    listed = (
        json.loads(files[MANIFEST])
        | manifest
        | {
            "key": key.key_id,
            "files": {
                name: hashlib.sha256(data).hexdigest()
                for name, data in files.items()
                if name not in (MANIFEST, SIGNATURE, PUBLIC_KEY)
            },
        }
    )
    text = json.dumps(listed, indent=1, sort_keys=True).encode()
    return packed({**files, MANIFEST: text, SIGNATURE: key.sign(text), PUBLIC_KEY: pem(key.public)})


async def refused_pack(folder: Path) -> dict[str, bytes]:
    """The files of a genuine pack, of a case that was refused."""
    async with await Ledger.open(None, folder / "home") as ledger:
        case = await waiting_case(ledger)
        await ledger.move(case.id, "refuse", actor="service", why="it looks like an interception")
        return unpacked((await export_case(ledger, case.id, folder / "pack.zip")).read_bytes())


async def audit_verify(pack: Path, *options: str) -> tuple[int, str]:
    process = await asyncio.create_subprocess_exec(
        Path(sys.executable).with_name("retrust"),
        "audit",
        "verify",
        str(pack),
        *options,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said, _ = await process.communicate()
    return await process.wait(), said.decode()


async def test_a_pack_under_a_strangers_key_is_not_verified(tmp_path: Path) -> None:
    """A forged pack that is signed with a key of the forger's does not exit 0."""
    files = await refused_pack(tmp_path)
    case = json.loads(files["case.json"]) | {"state": "healed"}
    files["case.json"] = json.dumps(case).encode()
    (tmp_path / "forged.zip").write_bytes(signed_again(files, LedgerKey.of(tmp_path / "evil"), state="healed"))
    code, _ = await audit_verify(tmp_path / "forged.zip")
    assert code != 0


async def test_a_pack_whose_case_and_chain_differ_is_found(tmp_path: Path) -> None:
    """The owner of the key signs a pack that says healed over a chain that says refused."""
    files = await refused_pack(tmp_path)
    files["case.json"] = json.dumps(json.loads(files["case.json"]) | {"state": "healed"}).encode()
    lines = files[CHAIN].splitlines()
    last = json.loads(lines[-1])
    lines[-1] = json.dumps({"seq": last["seq"], "hash": last["hash"]}).encode()
    files[CHAIN] = b"\n".join(lines) + b"\n"
    files.pop("states.json", None)
    own = LedgerKey.of(tmp_path / "home")
    (tmp_path / "own.pem").write_bytes(pem(own.public))
    (tmp_path / "forged.zip").write_bytes(signed_again(files, own, state="healed"))
    code, _ = await audit_verify(tmp_path / "forged.zip", "--public-key", str(tmp_path / "own.pem"))
    assert code != 0


HOSTILE: dict[str, Callable[[dict[str, Any]], bytes]] = {
    "brackets without end": lambda entry: b"[" * 100_000,
    "an entry without a body": lambda entry: json.dumps({**entry, "body": None}).encode(),
    "a time beyond all": lambda entry: json.dumps({**entry, "at": 1e300, "kind": {}}).encode(),
    "half a character": lambda entry: json.dumps({**entry, "actor": "\ud800"}).encode(),
    "no UTF-8": lambda entry: b"\xff\xfe{}",
}


@pytest.mark.parametrize("kind", HOSTILE)
async def test_a_hostile_pack_is_one_clear_error(tmp_path: Path, kind: str) -> None:
    """Whatever a pack holds, the command says what is wrong with it and shows no traceback."""
    files = await refused_pack(tmp_path)
    files[CHAIN] = HOSTILE[kind](json.loads(files[CHAIN].splitlines()[0])) + b"\n"
    (tmp_path / "hostile.zip").write_bytes(signed_again(files, LedgerKey.of(tmp_path / "evil")))
    code, said = await audit_verify(tmp_path / "hostile.zip")
    assert code != 0
    assert "Traceback" not in said


async def test_a_pack_cannot_steer_the_terminal(tmp_path: Path) -> None:
    """Names in a forged pack hold escape sequences; the terminal gets none of them."""
    files = await refused_pack(tmp_path)
    (tmp_path / "esc.zip").write_bytes(
        signed_again(files, LedgerKey.of(tmp_path / "evil"), site="\x1b]0;owned\x07\x1b[2J", case="c1\x1b[31m")
    )
    _, said = await audit_verify(tmp_path / "esc.zip")
    assert "\x1b" not in said


# -- around -------------------------------------------------------------------------------------------


def test_redaction_does_not_stall_on_blank_lines() -> None:
    """Work grows with the text, not with its square: counted in steps of the program, not in seconds."""
    redactor = Redactor("s3cretvalue-abc")

    def steps(lines: int) -> int:
        counted = 0

        def count(frame: Any, event: str, arg: Any) -> Any:
            nonlocal counted
            counted += 1
            return count

        text = "s" + "\n" * lines + "x s3cretvalue-abc"
        sys.settrace(count)
        try:
            redactor.redact(text)
        finally:
            sys.settrace(None)
        return counted

    assert steps(400) <= 8 * steps(100)
