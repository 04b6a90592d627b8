"""What a process works with: where its ledger is, and the secret that opens it."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import make_url

from kit.model import World, plugin
from retrust.engine.engine import Engine
from retrust.engine.loader import load_plugins
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
