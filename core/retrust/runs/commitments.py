"""Commitments to secrets: a plan binds the values that it will fill in, and shows none of them.

Each is an HMAC under a key of its own, never the signing key, so that whoever reads the ledger cannot try guesses
against it. The key is shared as the ledger is: with a ledger in this home it is a file beside it, with one on a
database server it comes from the ledger's password.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import os
import secrets
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from retrust.approval.decisions import required_gates
from retrust.runs.plan import bind
from retrust.runs.preflight import joined

if TYPE_CHECKING:
    from retrust.engine.engine import Engine
    from retrust.inventory import Site
    from retrust.ledger import Ledger
    from retrust.models import Plan

FILE = "commitments.key"


async def bound_plan(engine: Engine, ledger: Ledger, site: Site, plan: Plan) -> Plan:
    """The plan, bound to the policy that applies and to the secrets that it fills in."""
    asked = await required_gates(engine, ledger, site, plan)
    said = tuple(json.dumps([r.label, r.gate, r.settings, r.risks], sort_keys=True, default=str) for r in asked)
    secrets = await commitments(engine, (ref for step in plan.steps for ref in step.secrets))
    return bind(plan, policy=said, commitments=secrets)


async def commitments(engine: Engine, references: Iterable[str]) -> dict[str, str]:
    """By reference; raises as reading the secret does, so that a missing one is found before any write."""
    wanted = sorted(set(references))
    if not wanted:
        return {}
    key, refs = await _key(engine), [engine.inventory.secret(text) for text in wanted]
    if lacking := await engine.secrets.unreadable(refs):
        raise joined(lacking)
    values = {str(ref): (await engine.secrets.get(ref)).get_secret_value() for ref in refs}
    return {
        text: hmac.new(key, f"{text}\0{value}".encode(), hashlib.sha256).hexdigest() for text, value in values.items()
    }


async def _key(engine: Engine) -> bytes:
    ledger = engine.inventory.ledger
    if ledger.password is not None:
        password = (await engine.secrets.get(ledger.password)).get_secret_value()
        return hashlib.sha256(b"retrust commitments\0" + password.encode()).digest()
    return await asyncio.to_thread(_kept, engine.home / FILE)


def _kept(path: Path) -> bytes:
    """Made when there is none; of two processes that make one at once, the first one wins."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with suppress(FileExistsError), os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(secrets.token_bytes(32))
    return path.read_bytes()
