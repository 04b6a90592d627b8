"""``retrust run`` at a terminal, with a Prefect server of its own that is not there yet."""

from __future__ import annotations

import asyncio
import os
import signal
import sqlite3
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path

import pytest

from kit.campus import Campus, person_at_the_pages

LIMIT = 150.0
CARRY_OUT = "Carry out this plan? [yes/no] "
WAITS = "waiting for Prefect's server"


class Terminal:
    """A person at a terminal of their own, who runs ``retrust run campus`` and presses Register when asked to."""

    def __init__(self, process: asyncio.subprocess.Process, master: int, site: Campus) -> None:
        self.process, self.said = process, ""
        self._master, self._press, self._news = master, person_at_the_pages(site.lab), asyncio.Event()
        asyncio.get_running_loop().add_reader(master, self._read)

    def _read(self) -> None:
        try:
            text = os.read(self._master, 65536).decode(errors="replace")
        except OSError:  # nobody holds the other end any more
            text = ""
        if not text:
            asyncio.get_running_loop().remove_reader(self._master)
        self.said += text
        for line in text.splitlines():
            self._press(line.strip())
        self._news.set()

    async def until(self, words: str) -> None:
        while words not in self.said:
            self._news.clear()
            await self._news.wait()

    def type(self, line: str) -> None:
        os.write(self._master, f"{line}\n".encode())

    def interrupt(self) -> None:
        """What Ctrl-C does: the whole group of the terminal hears it."""
        os.killpg(self.process.pid, signal.SIGINT)


@asynccontextmanager
async def at_a_terminal(site: Campus, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Terminal]:
    monkeypatch.delenv("PREFECT_API_URL", raising=False)
    environment = os.environ | {"RETRUST_HOME": str(site.home), "RETRUST_INVENTORY": str(site.inventory)}
    master, slave = os.openpty()
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "retrust", "run", "campus"),
        env=environment | {"USER": "alice", "SUDO_USER": ""},
        stdin=slave,
        stdout=slave,
        stderr=slave,
        start_new_session=True,
    )
    os.close(slave)
    terminal = Terminal(process, master, site)
    try:
        async with asyncio.timeout(LIMIT):
            yield terminal
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
        asyncio.get_running_loop().remove_reader(master)
        os.close(master)


def servers_of(home: Path) -> list[str]:
    """The processes of the home's own Prefect server."""
    mark, found = f"PREFECT_HOME={home}".encode(), []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if mark in (process / "environ").read_bytes():
                found.append(process.name)
        except OSError:  # it ended meanwhile
            continue
    return found


async def test_the_question_comes_before_the_server_is_there(site: Campus, monkeypatch: pytest.MonkeyPatch) -> None:
    """The plan is shown and asked about while the server starts; what was answered is carried out by a flow run."""
    await site.break_trust("secondary")
    async with at_a_terminal(site, monkeypatch) as terminal:
        await terminal.until(CARRY_OUT)
        assert WAITS not in terminal.said
        assert site.writes == 0
        terminal.type("yes")
        assert await terminal.process.wait() == 0, terminal.said
    assert site.deletes()["primary"] == 1
    (case,) = await site.ledger.cases()
    (decision,) = await site.ledger.decisions(case.id)
    assert (case.state, decision.yes, decision.digest) == ("healed", True, case.digest)
    assert terminal.said.count(case.digest) == 1, terminal.said
    with closing(sqlite3.connect(site.home / "prefect" / "prefect.db")) as kept:
        assert kept.execute("SELECT name, state_name FROM flow_run").fetchall() == [("campus", "Healed")]
    assert servers_of(site.home) == []


@pytest.mark.parametrize("answer", [None, "yes"], ids=["it asks", "it waits for the server"])
async def test_ctrl_c_ends_it(site: Campus, monkeypatch: pytest.MonkeyPatch, answer: str | None) -> None:
    """130, nothing was sent, and the server that was starting is gone."""
    await site.break_trust("secondary")
    async with at_a_terminal(site, monkeypatch) as terminal:
        await terminal.until(CARRY_OUT)
        if answer is not None:
            terminal.type(answer)
            await terminal.until(WAITS)
        terminal.interrupt()
        assert await terminal.process.wait() == 130, terminal.said
        await terminal.until("interrupted: nothing more is sent")
    assert "Traceback" not in terminal.said
    assert site.writes == 0
    assert servers_of(site.home) == []
