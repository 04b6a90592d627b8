"""A plugin's web application: what it is given, and what it gives."""

from __future__ import annotations

import json
from typing import Any

import httpx

from retrust.apps import App
from retrust.engine.loader import load_plugins
from retrust.hookspecs import hookimpl
from retrust.host import Host
from retrust.ledger import Ledger
from retrust.testing.registering import registered
from retrust.testing.serving import serving


class Sites(App):
    """Names the inventory's sites, and how many entries the ledger has."""

    name, path = "sites", "/sites"

    def build(self, host: Host, ledger: Ledger) -> Any:
        async def app(scope: Any, receive: Any, send: Any) -> None:
            said = json.dumps([sorted(host.inventory.sites), (await ledger.head()).seq]).encode()
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": said})

        return app


async def test_an_app_answers_from_the_host_and_the_services_own_ledger(scene: Any) -> None:
    """Built once, it is ASGI; what the ledger has by then is what it tells."""
    site = await scene()
    async with serving(Sites().build(site.engine, site.ledger)) as url, httpx.AsyncClient() as client:
        seen = []
        for _ in range(2):
            seen.append((await client.get(url)).json())
            await site.ledger.open_case("campus", cause="x", actor="service")
        assert seen[0][0] == ["campus"]
        assert seen[0][1] < seen[1][1] == (await site.ledger.head()).seq


def test_a_plugin_registers_it_by_its_name() -> None:
    """Under the hook `retrust_apps`; the service mounts it at its path."""

    class Plugin:
        @hookimpl
        def retrust_apps(self) -> list[App]:
            return [Sites()]

    assert registered(Plugin()) == {"apps": ["sites"]}
    found = load_plugins(extra={"theirs": Plugin()}, entry_points=False).apps
    assert found["sites"].path == "/sites"
