"""What a process works with: where its ledger is, and the secret that opens it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import make_url

from kit.model import World, plugin
from retrust.engine.engine import Engine
from retrust.engine.loader import load_plugins
from retrust.hookspecs import hookimpl
from retrust.inventory import Inventory
from retrust.observers import Observer
from retrust.secrets.redaction import Redactor
from retrust.testing.ledgers import noticed
from retrust.testing.postgres import requires_postgres


async def test_the_ledgers_password_is_the_inventorys(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The URL has none; what the reference gives opens the database, and is masked from then on."""
    url = make_url(requires_postgres().database())
    inventory = tmp_path / "retrust.yaml"
    without = url._replace(password=None).render_as_string()  # `set` takes None for "as it is"
    inventory.write_text(f"sites: {{}}\nledger:\n  url: {without}\n  password: env:LEDGER_PASSWORD\n")
    monkeypatch.setenv("LEDGER_PASSWORD", str(url.password))
    monkeypatch.setenv("RETRUST_HOME", str(tmp_path / "home"))
    engine = Engine.start(inventory)
    async with await engine.open_ledger() as ledger:
        assert (await ledger.head()).seq == 0
        assert str(url.password) not in ledger.where
    assert str(url.password) not in engine.redactor.redact(f"the password is {url.password}")


def test_what_a_target_warns_of_is_told_with_its_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`check` says where in the inventory a site is that its target has doubts about."""
    monkeypatch.setenv("RETRUST_HOME", str(tmp_path / "home"))
    inventory = tmp_path / "retrust.yaml"
    inventory.write_text("sites:\n  campus: {target: model}\n")
    plugins = load_plugins(extra={"the-model": plugin(World())})
    monkeypatch.setattr(type(plugins.targets["model"]), "warnings", lambda self, site: ("maintenance is on",))
    assert Engine.start(inventory, plugins).warnings == (f"{inventory}:2: sites.campus: maintenance is on",)


def test_a_target_that_fails_over_its_warnings_stops_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The failure is the warning: with the plugin, the target and the error."""
    monkeypatch.setenv("RETRUST_HOME", str(tmp_path / "home"))
    inventory = tmp_path / "retrust.yaml"
    inventory.write_text("sites:\n  campus: {target: model}\n")
    plugins = load_plugins(extra={"the-model": plugin(World())})
    monkeypatch.setattr(type(plugins.targets["model"]), "warnings", lambda self, site: int("x"))
    [said] = Engine.start(inventory, plugins).warnings
    assert said.startswith(
        f"{inventory}:2: sites.campus: plugin the-model: the warnings of the target model failed with "
        "ValueError: invalid literal"
    )


class Unready(Observer):
    """Fails when a ledger is opened, and hears all the same."""

    name = "unready"

    def __init__(self) -> None:
        self.heard: list[int] = []

    def opened(self, host: Any, ledger: Any) -> None:
        raise OSError("no licence")

    async def told(self, entry: Any) -> None:
        self.heard.append(entry.seq)


async def test_an_observer_that_fails_at_the_opening_stops_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The ledger opens, plugin and observer are named, and it is told of entries as before."""
    unready = Unready()

    class Plugin:
        @hookimpl
        def retrust_observers(self) -> list[Observer]:
            return [unready]

    plugins = load_plugins(extra={"theirs": Plugin()}, entry_points=False)
    async with await Engine(plugins, Inventory({}), tmp_path, Redactor()).open_ledger() as ledger:
        await ledger.append(noticed(), actor="x")
    assert unready.heard == [1, 2]
    [message] = [record.getMessage() for record in caplog.records]
    assert message.startswith("plugin theirs: the observer unready failed with OSError: no licence, at ")
