"""``retrust serve`` as a process: it starts, hears, is killed at the worst time, goes on, and ends when asked."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import inspect
import json
import os
import re
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from kit.campus import Campus, campus, quick_lab
from retrust.approval.decisions import Speaker, approve
from retrust_plugins.lab.settings import HaSettings

pytestmark = pytest.mark.prefect

LIMIT = 60.0
TOKEN = "hook-token-4711"
ALICE = Speaker("person:alice", at_terminal=True)


@dataclass
class Process:
    """A ``retrust serve``; ``log`` is what it wrote, line by line."""

    process: asyncio.subprocess.Process
    log: list[dict[str, Any]] = field(default_factory=list)
    url: str = ""

    async def read(self) -> None:
        assert self.process.stderr is not None
        async for line in self.process.stderr:
            told = json.loads(line) if line.startswith(b"{") else {"message": line.decode()}
            self.log.append(told)
            if found := re.search(r"serving on (\S+)", told["message"]):
                self.url = found[1]

    @property
    def text(self) -> str:
        return json.dumps(self.log)


async def until(holds: Any, what: str, process: Process | None = None) -> Any:
    deadline = asyncio.get_running_loop().time() + LIMIT
    while not (found := await _value(holds())):
        gone = process is not None and process.process.returncode is not None
        if gone or asyncio.get_running_loop().time() > deadline:
            raise AssertionError(f"never: {what}; {process.text if process else ''}")
        await asyncio.sleep(0.05)
    return found


async def _value(found: Any) -> Any:
    return await found if inspect.isawaitable(found) else found


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Campus]:
    """A verified pair that is active again by itself once its nodes trust each other."""
    settings = quick_lab(ha=HaSettings(loss_mode="Primary Lost Secondary", loss_recovers=True))
    async with campus(tmp_path, settings) as site:
        await site.settle_in()
        document = yaml.safe_load(site.inventory.read_text())
        document["sources"] = [
            {"source": "file", "paths": [str(site.lab.primary.log.path("hm"))], "site": "campus", "holder": "primary"},
            {"source": "webhook", "token": "env:HOOK_TOKEN", "may": ["log", "renewed"]},
        ]
        site.inventory.write_text(yaml.safe_dump(document))
        yield site


@asynccontextmanager
async def serving(site: Campus, prefect_api: str, *options: str) -> AsyncIterator[Process]:
    environment = os.environ | {
        "RETRUST_HOME": str(site.home),
        "RETRUST_INVENTORY": str(site.inventory),
        "PREFECT_API_URL": prefect_api,
        "HOOK_TOKEN": TOKEN,
    }
    started = Process(
        await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "retrust",
            "serve",
            "--port",
            "0",
            "--log-format",
            "json",
            *options,
            env=environment,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
        )
    )
    reading = asyncio.create_task(started.read())
    try:
        await until(lambda: started.url, "it serves", started)
        yield started
    finally:
        with contextlib.suppress(ProcessLookupError):
            started.process.kill()
        await started.process.wait()
        await reading


async def in_state(site: Campus, *states: str) -> Any:
    cases = await site.ledger.cases(limit=1)
    return cases[0] if cases and cases[0].state in states else None


async def test_from_a_log_line_to_a_healed_site_through_a_kill(site: Campus, prefect_api: str) -> None:
    """Killed while the case waits; approved while nothing runs; healed by the next one, and then stopped cleanly."""
    async with serving(site, prefect_api) as first:
        await site.break_trust("secondary")
        waiting = await until(lambda: in_state(site, "waiting"), "the case waits", first)
        assert site.writes == 0
        first.process.kill()
        await first.process.wait()
    await approve(site.engine, site.ledger, waiting.id, ALICE, reason="renewed this morning")
    async with serving(site, prefect_api) as second:
        healed = await until(lambda: in_state(site, "healed"), "the case is healed", second)
        assert (healed.id, site.deletes()) == (waiting.id, {"primary": 1, "secondary": 0})
        async with httpx.AsyncClient(base_url=second.url, trust_env=False) as http:

            async def counted() -> str | None:
                text = (await http.get("/metrics")).text
                return text if 'retrust_passes_total{outcome="healed"} 1.0' in text else None

            figures = await until(counted, "the pass is counted", second)
        assert 'retrust_step_seconds_count{kind="delete-pin"} 1.0' in figures
        second.process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(LIMIT):
            assert await second.process.wait() == 0
    assert second.log[-1]["message"] == "stopped"
    assert await site.ledger.holder("campus") is None
    assert all(secret not in first.text + second.text for secret in [*site.lab.secrets.values(), TOKEN])


async def test_what_was_acknowledged_is_kept_though_it_is_killed_at_once(site: Campus, prefect_api: str) -> None:
    """The answer 202, and SIGKILL with it: the event is in the ledger."""
    fingerprint = f"SHA256:{hashlib.sha256(b'new').hexdigest()}"
    event = {
        "specversion": "1.0",
        "id": "1",
        "source": "certbot",
        "type": "retrust.certificate.renewed",
        "data": {"site": "campus", "node": "secondary", "fingerprint": fingerprint},
    }
    async with serving(site, prefect_api) as started, httpx.AsyncClient(base_url=started.url, trust_env=False) as http:
        answer = await http.post(
            "/hooks/events",
            content=json.dumps(event),
            headers={"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/cloudevents+json"},
        )
        started.process.kill()
        assert answer.status_code == 202
    assert fingerprint in {s.fingerprint for s in await site.ledger.sightings("campus")}


async def test_a_port_in_use_is_told_at_once(site: Campus, prefect_api: str) -> None:
    """Before anything is started: exit code 2, and what to do."""
    async with serving(site, prefect_api) as first:
        port = first.url.rpartition(":")[2]
        with pytest.raises(AssertionError, match=r"cannot listen.*--port"):
            async with serving(site, prefect_api, "--port", port):
                pass
