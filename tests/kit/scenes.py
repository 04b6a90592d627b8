"""Whole scenes for tests of what people meet: an engine, sites, people, and cases that wait for them.

A site is a Prime pair with an ISE server, as an inventory file describes it; nothing of it is ever reached. Its
case was opened by the service, planned by the service, and waits at the gates that the site's policy asks for.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from retrust.engine.engine import Engine
from retrust.ledger import Case, Ledger, Phase
from retrust.models import (
    Answers,
    Baseline,
    Collected,
    Endpoint,
    Evidence,
    Finding,
    Grade,
    Pin,
    Plan,
    Presented,
    Relation,
    Snapshot,
    Step,
    Verdict,
)
from retrust.runs.plan import bind
from retrust.testing.ledgers import fingerprint, migrated_url

if TYPE_CHECKING:
    import pytest

PEOPLE: Mapping[str, Sequence[str]] = {
    "ann": ["network"],
    "ben": ["network"],
    "cy": ["security"],
    "dan": ["guest"],
}
POLICY = {
    "delete-pin": [{"gate": "people", "approvers": 1, "roles": ["network"]}],
    "interrupting": [{"gate": "people", "approvers": 2, "roles": ["network"]}],
}
SERVICE = "service"


def inventory_text(
    sites: Sequence[str] = ("campus",),
    *,
    people: Mapping[str, Any] = PEOPLE,
    policy: Mapping[str, Any] = POLICY,
    **sections: Any,
) -> str:
    ssh = {"username": "admin", "password": "env:PI_PASSWORD", "host_key": f"SHA256:{'A' * 43}"}
    web = {"username": "root", "password": "env:PI_WEB", "fingerprint": fingerprint("web")}
    site = {
        "target": "cisco-prime",
        "policy": policy,
        "primary": {"host": "10.0.0.11", "ssh": ssh, "web": web},
        "secondary": {"host": "10.0.0.12", "ssh": ssh},
        "ha": {"authentication_key": "env:PI_HA_KEY", "email": ["noc@example.com"]},
        "ise": [{"host": "10.0.0.21", "username": "admin", "password": "env:ISE_PASSWORD"}],
    }
    return yaml.safe_dump(
        {
            "people": {n: r if isinstance(r, dict) else {"roles": list(r)} for n, r in people.items()},
            "sites": dict.fromkeys(sites, site),
            **sections,
        },
        sort_keys=False,
    )


@asynccontextmanager
async def a_world(
    folder: Path, monkeypatch: pytest.MonkeyPatch, *, sites: Sequence[str] = ("campus",), **inventory: Any
) -> AsyncIterator[tuple[Engine, Ledger]]:
    """An engine on an inventory file in ``folder``, and its open ledger."""
    home = folder / "home"
    home.mkdir(exist_ok=True)
    monkeypatch.setenv("RETRUST_HOME", str(home))
    file = folder / "retrust.yaml"
    file.write_text(inventory_text(sites, **inventory), encoding="utf-8")
    if not (home / "ledger.db").exists():
        migrated_url("sqlite", home)
    engine = Engine.start(file)
    async with await engine.open_ledger() as ledger:
        yield engine, ledger


async def waiting_case(
    ledger: Ledger, site: str = "campus", *, actor: str = SERVICE, planner: str = SERVICE, plan: Plan | None = None
) -> Case:
    """A case whose plan asks for decisions, as a pass leaves it."""
    made = plan or a_renewal(site)
    case = await ledger.open_case(site, cause="log: hm-0-0.log", actor=actor)
    await ledger.record_snapshot(case.id, made.snapshot, when="before", actor=planner)
    await ledger.record_plan(case.id, made, actor=planner)
    return await ledger.move(case.id, "wait", actor=planner)


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def a_picture(width: int = 480, height: int = 240) -> bytes:
    """A grey PNG, as a browser's picture of a page."""
    rows = zlib.compress((b"\0" + b"\xc8" * width) * height)
    size = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", size) + _chunk(b"IDAT", rows) + _chunk(b"IEND", b"")


FILES = {
    "r1/primary.txt": b"primary# ncs certvalidation tofu-certs deletecert host 10.0.0.12_8082\nconnection closed\n",
    "r1/ha.png": a_picture(),
}
NIGHT = ("campus", "branch", "dc-east", "dc-west", "harbour", "airport", "depot")


async def a_night(ledger: Ledger, home: Path) -> dict[str, Case]:
    """A case in each state that a person may meet, at a site of its own, by its state; the last site has none."""
    cases = {"waiting": await waiting_case(ledger)}
    failed = await waiting_case(ledger, "branch", plan=a_renewal("branch"))
    await _carried_out(ledger, failed, "branch", "failed")
    for name, data in FILES.items():
        path = home / "runs" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        await ledger.attach(failed.id, name, path, actor=SERVICE)
    why = "primary: the connection was closed while a pin was deleted"
    cases["failed"] = await ledger.move(failed.id, "fail", actor=SERVICE, why=why, retry=False)
    running = await waiting_case(ledger, "dc-east", plan=a_renewal("dc-east"))
    cases["executing"] = await _carried_out(ledger, running, "dc-east", "sent")
    healed = await waiting_case(ledger, "dc-west", plan=a_renewal("dc-west"))
    await _carried_out(ledger, healed, "dc-west", "done")
    await ledger.move(healed.id, "verify", actor=SERVICE)
    await ledger.record_snapshot(healed.id, a_snapshot("dc-west", healed=True), when="after", actor=SERVICE)
    cases["healed"] = await ledger.move(healed.id, "heal", actor=SERVICE)
    cases["refused"] = await a_refused_case(ledger, "harbour")
    expired = await waiting_case(ledger, "airport", plan=a_renewal("airport"))
    cases["expired"] = await ledger.move(expired.id, "expire", actor=SERVICE, note="nobody decided in time")
    return cases


async def _carried_out(ledger: Ledger, case: Case, site: str, phase: Phase) -> Case:
    """The plan's first step is begun, and then as ``phase`` says."""
    assert case.digest is not None
    await ledger.move(case.id, "approve", actor=SERVICE)
    async with ledger.lease(site, owner="test", ttl=30, run="r1", what="a run") as lease:
        await ledger.use_digest(case.id, case.digest, actor=SERVICE, lease=lease)
        moved = await ledger.move(case.id, "execute", actor=SERVICE, lease=lease)
        for recorded in ("started", phase):
            await ledger.record_step(case.id, case.digest, "delete-1", recorded, lease=lease, actor=SERVICE)
        return moved


async def a_refused_case(ledger: Ledger, site: str = "campus") -> Case:
    """Somebody else's certificate is on the path: contradicted evidence, an alarm, and no plan."""
    made = a_renewal(site, grade=Grade.CONTRADICTED)
    case = await ledger.open_case(site, cause="log: hm-0-0.log", actor=SERVICE)
    await ledger.record_snapshot(case.id, made.snapshot, when="before", actor=SERVICE)
    why = "what is seen of primary:10.0.0.12_8082 looks like an interception: holder's end: another certificate"
    await ledger.alarm("refused", why, actor=SERVICE, site=site, case=case.id)
    return await ledger.move(case.id, "refuse", actor=SERVICE, why=why)


def a_renewal(site: str = "campus", *, grade: Grade = Grade.PROVEN, of: str = "new") -> Plan:
    """The secondary's certificate was renewed: the primary's pin of it is stale, HA may have to be registered."""
    snapshot = a_snapshot(site, grade=grade, of=of)
    key, sha = "10.0.0.12_8082", fingerprint(of)
    steps = (
        Step(
            id="delete-1",
            stage="delete",
            kind="delete-pin",
            holder="primary",
            argument=key,
            risk="delete-pin",
            sends=(f"ncs certvalidation tofu-certs deletecert host {key}",),
            before="listed as approved",
            after="gone, or made anew",
            expected={f"primary:{key}": sha},
            relation="ha",
        ),
        Step(
            id="register-ha",
            stage="re-register-ha",
            kind="register-ha",
            holder="primary",
            argument="secondary",
            risk="interrupting",
            when="HA is not healthy once the nodes have met again, and its mode is 'HA Not Configured'",
            sends=(
                "Secondary Server: 10.0.0.12",
                "Authentication Key: env:PI_HA_KEY",
                "Email Address: noc@example.com",
                "Failover Type: Manual",
            ),
            before="HA Not Configured",
            after="Primary Active",
            relation="ha",
        ),
    )
    return bind(Plan(site=site, target="cisco-prime", snapshot=snapshot, steps=steps, digest=""))


def a_snapshot(site: str = "campus", *, grade: Grade = Grade.PROVEN, of: str = "new", healed: bool = False) -> Snapshot:
    """The pair, its ISE server and a pin of oneself; ``healed``: nothing is stale any more."""
    far = of if not healed else "new"
    findings = (
        _finding("primary", "10.0.0.11_8082", "CN=prime-pri", "pri", Verdict.SELF),
        _finding(
            "primary",
            "10.0.0.12_8082",
            "CN=prime-sec",
            far,
            Verdict.FRESH if healed else Verdict.STALE,
            grade=grade,
            was=far if healed else "old",
            relation="ha",
        ),
        _finding("primary", "10.0.0.21_443", "CN=ISE-server", "ise", Verdict.FRESH, was="ise", relation="ise"),
        _finding("secondary", "10.0.0.11_8082", "CN=prime-pri", "pri", Verdict.FRESH, was="pri", relation="ha"),
        _finding("secondary", "127.0.0.1_8082", "CN=prime-sec", "sec", Verdict.SELF),
        _finding("secondary", "10.0.0.99_443", "CN=old-ise", None, Verdict.UNKNOWN),
    )
    status = (
        Relation(status="Primary Active", healthy=True)
        if healed
        else Relation(status="Primary Lost Secondary", healthy=False)
    )
    return Snapshot(
        site=site,
        target="cisco-prime",
        observed_at=datetime.now(UTC) - timedelta(minutes=3),
        findings=findings,
        relations={"ha": status, "ise": Relation(status="Reachable", healthy=True)},
    )


def _finding(
    holder: str,
    key: str,
    name: str,
    of: str | None,
    verdict: Verdict,
    *,
    grade: Grade = Grade.NONE,
    was: str | None = None,
    relation: str | None = None,
) -> Finding:
    host, _, port = key.rpartition("_")
    now, subject = datetime.now(UTC), f"/C=US/ST=CA/L=SJ/O=Cisco Systems/OU=Prime Infra/{name}"
    seen = (
        Presented(
            fingerprint=fingerprint(of),
            key_fingerprint=fingerprint(f"{of} key"),
            subject=f"{name},OU=Prime Infra",
            issuer=name,
            not_before=now - timedelta(days=1),
            not_after=now + timedelta(days=364),
        )
        if of
        else None
    )
    known = (
        Baseline(
            site="campus",
            holder=holder,
            key=key,
            fingerprint=fingerprint(was),
            key_fingerprint=fingerprint(was),
            subject=f"{name},OU=Prime Infra",
            verified_at=now - timedelta(days=90),
        )
        if was
        else None
    )
    return Finding(
        pin=Pin(holder=holder, key=key, subject=subject, line=f"host={key}; subject= {subject}"),
        endpoint=None if verdict is Verdict.UNKNOWN else Endpoint(host=host, port=int(port)),
        presented=seen,
        verdict=verdict,
        reasons=_REASONS[verdict],
        baseline=known,
        relation=relation,
        evidence=Evidence(grade=grade, collected=_COLLECTED) if verdict is Verdict.STALE else Evidence(),
    )


_REASONS = {
    Verdict.STALE: ("presents another certificate than the one last verified on 2026-08-25",),
    Verdict.FRESH: ("presents the certificate last verified on 2026-08-25",),
    Verdict.SELF: ("names the holder itself",),
    Verdict.UNKNOWN: ("names nothing in the inventory",),
}
_COLLECTED = (
    Collected(
        collector="peer's end",
        answers=Answers.PEERS_OWN,
        grade=Grade.SUPPORTED,
        detail="the peer serves this very certificate on its own loopback",
    ),
    Collected(
        collector="holder's end",
        answers=Answers.HOLDER_SEES_IT,
        grade=Grade.SUPPORTED,
        detail="the holder is presented this very certificate",
    ),
    Collected(collector="announced", answers=Answers.PEERS_OWN, grade=Grade.NONE, detail="no renewal was announced"),
)
