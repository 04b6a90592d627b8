"""Our own Prefect server answers to nobody but us."""

from __future__ import annotations

import os
import signal
import stat
from pathlib import Path

import httpx
import pytest

from retrust_flows.server import _start, _stop, api_client


async def test_it_asks_everybody_for_the_credential(prefect_api: str) -> None:
    """Without the credential of this start nothing is read and nothing is started; with it, it is."""
    async with httpx.AsyncClient(base_url=prefect_api, trust_env=False) as stranger:
        assert (await stranger.post("/flow_runs/filter", json={})).status_code == 401
        assert (await stranger.post("/flow_runs/", json={"name": "x", "flow_id": "0" * 32})).status_code == 401
    async with api_client() as ours:
        assert (await ours.post("/flow_runs/filter", json={})).status_code == 200


async def test_no_page_of_another_origin_may_ask_it(prefect_api: str) -> None:
    """A browser lets no other site's page read an answer: the server names its own origin only."""
    async with api_client() as ours:
        answer = await ours.get("/health", headers={"Origin": "http://evil.example"})
    assert answer.headers.get("access-control-allow-origin") in (None, prefect_api.removesuffix("/api"))


async def test_the_credential_is_kept_for_its_user_alone(prefect_api: str) -> None:
    """Whoever opens Prefect's pages finds what they ask for in a file that only they can read."""
    file = Path(os.environ["PREFECT_HOME"]) / "credential"
    assert file.read_text().strip() == os.environ["PREFECT_API_AUTH_STRING"]
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def environment_of(pid: int) -> bytes:
    return Path(f"/proc/{pid}/environ").read_bytes()


@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="no /proc here")
async def test_no_secret_of_the_environment_travels_into_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A password in our environment is in no process that we start for Prefect."""
    monkeypatch.setenv("PI_PASSWORD_PLANTED", "pl4nted")
    process = _start(tmp_path, 0)
    try:
        assert b"PI_PASSWORD_PLANTED" not in environment_of(process.pid)
    finally:
        await _stop(process, [signal.SIGKILL])
