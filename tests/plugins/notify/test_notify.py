"""Notifications to a real HTTP receiver: who is told of what, and that none can disturb a run."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import pytest

from kit.scenes import SERVICE, a_renewal, a_world, waiting_case
from retrust.approval.tokens import create_token
from retrust.models import GateState

# Apprise's plugins are loaded at the first message, one of them by a module that Python 3.13 has no more.
pytestmark = pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")
SECRET = "hook-9f3kd02ms-token"


class Receiver:
    """Speaks just enough HTTP to take a POST; ``status`` is what it answers, None that it never does."""

    def __init__(self) -> None:
        self.got: list[dict[str, Any]] = []
        self.status: int | None = 200
        self.port = 0
        self._stopped = asyncio.Event()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        fields = [line.lower().split(b":") for line in head.split(b"\r\n")]
        length = next(int(field[1]) for field in fields if field[0] == b"content-length")
        self.got.append(json.loads(await reader.readexactly(length)) | {"path": head.split()[1].decode()})
        if self.status is None:
            await self._stopped.wait()
        else:
            writer.write(f"HTTP/1.1 {self.status} x\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".encode())
        writer.close()

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[None]:
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield
        finally:
            self._stopped.set()
            server.close()


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    made = Receiver()
    async with made.serving():
        yield made


@asynccontextmanager
async def a_site(tmp_path, monkeypatch, receiver: Receiver, **settings: Any):
    url = f"json://127.0.0.1:{receiver.port}/{SECRET}"
    monkeypatch.setenv("HOOK", url)
    async with a_world(
        tmp_path,
        monkeypatch,
        notifications=[{"url": "env:HOOK", **settings}],
        console={"url": "https://retrust.example.com"},
    ) as (engine, ledger):
        yield engine, ledger


async def all_sent(engine) -> None:
    assert await asyncio.to_thread(engine.plugins.observers["notify"].join, 20)


async def test_waiting(tmp_path, monkeypatch, receiver) -> None:
    """A case that comes to wait is told once, with the plan, what is needed, and a link; going on waiting is not."""
    async with a_site(tmp_path, monkeypatch, receiver) as (engine, ledger):
        case = await waiting_case(ledger)
        await ledger.move(case.id, "wait", actor=SERVICE, gates=[GateState(gate="people", state="shut", needs="a yes")])
        await all_sent(engine)
        (told,) = receiver.got
        assert told["title"] == f"[retrust] campus: waits for a decision ({case.id})"
        for part in (
            "delete-pin 10.0.0.12_8082 on primary",
            "register-ha secondary on primary (only if HA is not",
            f"https://retrust.example.com/cases/{case.id}",
            "evidence proven",
        ):
            assert part in told["message"]
        assert SECRET not in told["message"]


async def test_each_occasion(tmp_path, monkeypatch, receiver) -> None:
    """An alarm, a refusal, a failure and a healing are told as what they are; other entries are not."""
    async with a_site(tmp_path, monkeypatch, receiver, on=["alarm", "refused", "healed", "failed"]) as (engine, ledger):
        case = await waiting_case(ledger)
        await ledger.move(case.id, "fail", actor=SERVICE, why="no answer from the node")
        await ledger.alarm("refused", "looks like an interception", actor=SERVICE, site="campus", case=case.id)
        await ledger.move(case.id, "refuse", actor=SERVICE)
        healed = await waiting_case(ledger, plan=a_renewal(of="newer"))
        await ledger.move(healed.id, "heal", actor=SERVICE)
        await all_sent(engine)
    said = [(told["type"], told["title"].split(": ", 1)[1]) for told in receiver.got]
    assert said == [
        ("failure", f"failed: a person must look ({case.id})"),
        ("failure", f"ALARM ({case.id})"),
        ("failure", f"REFUSED: this looks like an interception ({case.id})"),
        ("success", f"is healed ({healed.id})"),
    ]
    assert "no answer from the node" in receiver.got[0]["message"]


async def test_other_sites(tmp_path, monkeypatch, receiver) -> None:
    """A receiver of one site hears nothing of another."""
    async with a_world(
        tmp_path, monkeypatch, sites=["campus", "plant"], notifications=[{"url": "env:HOOK", "sites": ["plant"]}]
    ) as (engine, ledger):
        monkeypatch.setenv("HOOK", f"json://127.0.0.1:{receiver.port}/")
        await waiting_case(ledger, "campus")
        await waiting_case(ledger, "plant")
        await all_sent(engine)
    assert [told["title"].split(":")[0] for told in receiver.got] == ["[retrust] plant"]


async def test_a_new_token(tmp_path, monkeypatch, receiver) -> None:
    """Everybody who is asked to decide hears of a new token, whatever their sites; its text is not told."""
    url = f"json://127.0.0.1:{receiver.port}"
    for name in ("one", "plant", "healed"):
        monkeypatch.setenv(name.upper(), f"{url}/{name}")
    async with a_world(
        tmp_path,
        monkeypatch,
        sites=["campus", "plant"],
        notifications=[
            {"url": "env:ONE"},
            {"url": "env:PLANT", "sites": ["plant"], "on": ["waiting"]},
            {"url": "env:HEALED", "on": ["healed"]},
        ],
    ) as (engine, ledger):
        token, text = await create_token(
            ledger,
            engine.inventory,
            "ann",
            lasts=timedelta(days=1),
            actor="person:cy",
            made="by cy, with the role admin",
        )
        await all_sent(engine)
    assert sorted(told["path"] for told in receiver.got) == ["/one", "/plant"]
    for part in (
        "a token was made for ann by cy, with the role admin",
        "decides as ann",
        f"retrust token revoke {token.id}",
    ):
        assert part in receiver.got[0]["message"]
    assert text.split("_", 2)[2] not in str(receiver.got)


@pytest.mark.parametrize("trouble", ["refuses", "is gone", "no such scheme", "no secret"])
async def test_trouble(tmp_path, monkeypatch, receiver, trouble: str, caplog) -> None:
    """A receiver that refuses, is gone, or is written wrong is logged by its reference; the ledger goes on."""
    async with a_site(tmp_path, monkeypatch, receiver) as (engine, ledger):
        match trouble:
            case "refuses":
                receiver.status = 500
            case "is gone":
                monkeypatch.setenv("HOOK", f"json://127.0.0.1:1/{SECRET}")
            case "no such scheme":
                monkeypatch.setenv("HOOK", f"nonsense://{SECRET}")
            case "no secret":
                monkeypatch.delenv("HOOK")
        with caplog.at_level(logging.WARNING):
            case = await waiting_case(ledger)
            await all_sent(engine)
        assert (await ledger.case(case.id)).state == "waiting"
    assert "env:HOOK" in caplog.text
    assert SECRET not in caplog.text


async def test_a_slow_receiver(tmp_path, monkeypatch, receiver) -> None:
    """While a receiver does not answer, the ledger takes entry after entry."""
    receiver.status = None
    async with a_site(tmp_path, monkeypatch, receiver, on=["alarm"]) as (engine, ledger):
        for number in range(20):
            await ledger.alarm("test", f"alarm {number}", actor=SERVICE, site="campus")
        assert len(await ledger.alarms()) == 20
        assert len(receiver.got) <= 1, "the second is sent only after the first was answered or given up"
        receiver.status = 200
        receiver._stopped.set()
        await all_sent(engine)
    assert len(receiver.got) == 20
