"""Inventories of one small kind of site, as text with the mistakes that a test wants in it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest
from pydantic import Field

from retrust.errors import InventoryError
from retrust.inventory import Inventory, Part, Port, Site, SshSettings, WebSettings, load_inventory
from retrust.models import Endpoint

KEY = "SHA256:" + "A" * 43
SECRET = "Hunter2Hunter2"


class Peer(Part):
    host: str
    port: Port = 443


class BoxSite(Site):
    ssh: SshSettings
    web: WebSettings | None = None
    peers: tuple[Peer, ...] = Field(default=(), min_length=0)

    def endpoints(self) -> Mapping[str, Endpoint]:
        return {f"peers[{i}]": Endpoint(host=p.host, port=p.port) for i, p in enumerate(self.peers)}


MODELS: Any = {"box": BoxSite}


def load(text: str, **more: Any) -> Inventory:
    Path("retrust.yaml").write_text(dedent(text), encoding="utf-8")
    return load_inventory(None, MODELS, **more)


def problems(text: str, **more: Any) -> list[str]:
    with pytest.raises(InventoryError) as caught:
        load(text, **more)
    assert caught.value.exit_code == 2
    return list(caught.value.problems)


def site(text: str = "", ssh: str = "{username: admin, password: env:PW, host_key: '<key>'}") -> str:
    """An inventory of one site, whose own lines begin with line 5."""
    head = f"sites:\n  campus:\n    target: box\n    ssh: {ssh}\n"
    whole = head + "".join(f"    {line}\n" for line in dedent(text).strip().splitlines())
    return whole.replace("<key>", KEY).replace("<hex>", "ab" * 32).replace("<colons>", "AB:" * 31 + "CD")
