"""For tests of what stands on the ledger: a clock that is set by hand, and small whole examples.

The examples are one site, ``campus``, whose primary has a stale pin of its secondary.
"""

from __future__ import annotations

import asyncio
import functools
import hashlib
import tempfile
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from retrust.ledger import Ledger
from retrust.ledger.canonical import canonical
from retrust.ledger.entries import Body, Noticed
from retrust.ledger.entry import Entry, kind_of, written
from retrust.models import (
    Baseline,
    Decision,
    Endpoint,
    Finding,
    Pin,
    Plan,
    Presented,
    Sighting,
    Snapshot,
    Step,
    Verdict,
)
from retrust.testing.postgres import requires_postgres, server

SITE = "campus"
NOON = datetime(2024, 5, 1, 12, 0, tzinfo=UTC)
BACKENDS = ("sqlite", "postgresql")


class SetClock:
    """Stands still until it is moved."""

    def __init__(self, now: datetime = NOON) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now

    def forward(self, **delta: float) -> None:
        self.now += timedelta(**delta)


def database_url(backend: str, folder: Path) -> str:
    """An empty database of that kind; skips the test where there is no PostgreSQL."""
    if backend == "sqlite":
        return f"sqlite:///{folder / 'ledger.db'}"
    return requires_postgres().database()


def migrated_url(backend: str, folder: Path) -> str:
    """As ``database_url``, with the current schema in it: a copy, as making it each time is slow."""
    if backend == "sqlite":
        (folder / "ledger.db").write_bytes(_migrated_file())
        return f"sqlite:///{folder / 'ledger.db'}"
    return requires_postgres().database(like=_migrated_database())


@functools.cache
def _migrated_file() -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        _migrate(database_url("sqlite", Path(folder)))
        return (Path(folder) / "ledger.db").read_bytes()


@functools.cache
def _migrated_database() -> str:
    url = server().database()
    _migrate(url)
    return url


def _migrate(url: str) -> None:
    """In a thread: the caller may have a running loop of its own."""

    async def migrate() -> None:
        with tempfile.TemporaryDirectory() as home:
            await (await Ledger.open(url, Path(home))).close()

    with ThreadPoolExecutor(1) as thread:
        thread.submit(asyncio.run, migrate()).result()


def fingerprint(of: str) -> str:
    return f"SHA256:{hashlib.sha256(of.encode()).hexdigest()}"


def noticed(detail: object = "") -> Noticed:
    """An entry from which nothing follows."""
    return Noticed(what="a test", detail=str(detail))


def an_entry(body: Body, **changes: Any) -> Entry:
    """An entry as it is read, of a case of the site's, though no ledger holds it."""
    told: dict[str, Any] = {
        "seq": 1,
        "at": NOON,
        "actor": "service",
        "case": "c1",
        "site": SITE,
        "prev_hash": "",
        "hash": "1",
    }
    return Entry(kind=kind_of(body), text=canonical(written(body)), **told | changes)


def sighting(number: int = 0, **changes: Any) -> Sighting:
    told: dict[str, Any] = {
        "id": f"s{number}",
        "kind": "log",
        "site": SITE,
        "role": "ha",
        "dn": "CN=pi-sec, OU=Prime Infra, C=US",
        "at": NOON + timedelta(seconds=number),
        "received_at": NOON + timedelta(seconds=number),
        "source": "hm-0-0.log",
        "actor": "service",
        "level": "authenticated",
    }
    return Sighting(**told | changes)


def snapshot(key: str = "10.0.0.12_8082") -> Snapshot:
    subject = "/C=US/O=Cisco Systems/OU=Prime Infra/CN=pi-sec"
    line = f"host={key}; subject= {subject}"
    presented = Presented(
        fingerprint=fingerprint("new"),
        key_fingerprint=fingerprint("new key"),
        subject="CN=pi-sec",
        issuer="CN=pi-sec",
        not_before=NOON,
        not_after=NOON + timedelta(days=365),
    )
    finding = Finding(
        pin=Pin(holder="primary", key=key, subject=subject, line=line),
        endpoint=Endpoint(host="10.0.0.12", port=8082),
        presented=presented,
        verdict=Verdict.STALE,
        reasons=("another certificate is presented than the one last verified",),
    )
    return Snapshot(site=SITE, target="cisco-prime", observed_at=NOON, findings=(finding,))


def plan(digest: str = "d1", *, key: str = "10.0.0.12_8082") -> Plan:
    delete = Step(
        id="delete-1",
        stage="delete",
        kind="delete-pin",
        holder="primary",
        argument=key,
        risk="delete-pin",
        sends=(f"ncs certvalidation tofu-certs deletecert host {key}",),
        expected={f"primary:{key}": fingerprint("new")},
    )
    register = Step(
        id="register-1",
        stage="re-register-ha",
        kind="register-ha",
        holder="primary",
        argument="secondary",
        risk="interrupting",
    )
    return Plan(site=SITE, target="cisco-prime", snapshot=snapshot(key), steps=(delete, register), digest=digest)


def decision(case: str, digest: str = "d1", **changes: Any) -> Decision:
    told: dict[str, Any] = {
        "case": case,
        "digest": digest,
        "gate": "people",
        "yes": True,
        "actor": "person:bob",
        "reason": "renewed this morning",
        "at": NOON,
    }
    return Decision(**told | changes)


def baseline(of: str = "old", *, key: str = "10.0.0.12_8082", at: datetime = NOON) -> Baseline:
    return Baseline(
        site=SITE,
        holder="primary",
        key=key,
        fingerprint=fingerprint(of),
        key_fingerprint=fingerprint(f"{of} key"),
        subject="CN=pi-sec",
        verified_at=at,
    )
