"""Who is told of every ledger entry: a plugin's observer, over a real ledger."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from retrust.engine.engine import Engine
from retrust.engine.loader import load_plugins
from retrust.host import Host
from retrust.inventory import Inventory
from retrust.ledger import Entry, Ledger
from retrust.observers import Observer
from retrust.secrets.redaction import Redactor
from retrust.testing.ledgers import migrated_url, noticed


class Least(Observer):
    """Keeps what it is told, and what the ledger held by then."""

    name = "least"

    def __init__(self) -> None:
        self.entries: list[Entry] = []
        self.kept: list[int] = []
        self.ledger: Any = None

    async def told(self, entry: Entry) -> None:
        self.entries.append(entry)
        if self.ledger is not None:
            self.kept.append((await self.ledger.head()).seq)


class Opened(Least):
    def opened(self, host: Host, ledger: Ledger) -> None:
        self.host, self.ledger = host, ledger


def engine_with(folder: Path, *observers: Observer) -> Engine:
    plugins = load_plugins(entry_points=False)
    plugins.observers.update({observer.name: observer for observer in observers})
    (folder / "home").mkdir()
    migrated_url("sqlite", folder / "home")
    return Engine(plugins, Inventory(sites={}), folder / "home", Redactor())


async def test_an_observer_is_told_of_every_entry_once_it_is_kept(tmp_path: Path) -> None:
    """In their order, each after its commit: what it reads of the ledger then has the entry."""
    observer = Opened()
    engine = engine_with(tmp_path, observer)
    async with await engine.open_ledger() as ledger:
        for number in range(2):
            await ledger.append(noticed(number), actor="service")
        assert observer.entries == await ledger.entries()
    assert all(seen >= e.seq for seen, e in zip(observer.kept, observer.entries, strict=True))
    assert [e.kind for e in observer.entries][-2:] == ["notice", "notice"]


async def test_an_observer_is_given_the_host_before_the_first_entry(tmp_path: Path) -> None:
    """The inventory and the secrets come from there; one that needs neither leaves it out."""
    observer, least = Opened(), Least()
    least.name = "another"
    engine = engine_with(tmp_path, observer, least)
    async with await engine.open_ledger() as ledger:
        assert (observer.host, observer.ledger) == (engine, ledger)
        await ledger.append(noticed(1), actor="service")
        assert least.entries == observer.entries == await ledger.entries()


async def test_what_an_observer_raises_changes_nothing(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """The entry is kept, the others are told, and the log says who failed."""

    class Failing(Least):
        name = "failing"

        async def told(self, entry: Entry) -> None:
            raise OSError("no route to the receiver")

    after = Least()
    async with await engine_with(tmp_path, Failing(), after).open_ledger() as ledger:
        kept = await ledger.append(noticed(1), actor="service")
        assert (await ledger.head()).seq == kept.seq
        assert after.entries == await ledger.entries()
    assert "no route to the receiver" in caplog.text
