"""``retrust doctor``: everything that a run needs, line by line, each with the remedy where it is not there."""

from __future__ import annotations

import asyncio
import os
import tempfile
from collections.abc import Awaitable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import httpx

from retrust.browser.chromium import chromium_version
from retrust.cli import output
from retrust.cli.look import SITES_AT_ONCE
from retrust.cli.options import InventoryOption, JsonOption, SitesArgument
from retrust.cli.started import start
from retrust.engine.engine import Engine
from retrust.errors import InventoryError, PermanentError, RetrustError, TemporaryError
from retrust.inventory import Site
from retrust.ledger import read_only
from retrust.ledger.keys import LedgerKey
from retrust.runs.preflight import prove_writable
from retrust.runs.reaching import reach
from retrust.secrets import references
from retrust.target import Connection
from retrust_flows.server import api_client, name_prefect, prefect_server


@dataclass(frozen=True)
class Line:
    """``site`` is None for what all sites need; ``remedy`` is empty where all is well."""

    site: str | None
    check: str
    ok: bool
    said: str
    remedy: str = ""

    @classmethod
    def of(cls, check: str, error: RetrustError, site: str | None = None) -> Line:
        said = (
            str(error)
            if isinstance(error, InventoryError)
            else f"{error.where}: {error.what}"
            if error.where
            else (error.what)
        )
        return cls(site, check, False, said, error.hint or "fix this, then run retrust doctor again")


async def doctor(sites: SitesArgument = None, json: JsonOption = False, inventory: InventoryOption = None) -> int:
    """Whether a run finds all that it needs, with the remedies. Nothing is changed at a site."""
    with output.working("trying all that a run needs"):
        lines = await _examined(inventory, sites or [])
    if json:
        output.print_json({"ok": all(line.ok for line in lines), "checks": [asdict(line) for line in lines]})
    else:
        output.show(_table(lines))
    return 0 if all(line.ok for line in lines) else 1


def _table(lines: Sequence[Line]) -> list[str]:
    shown: list[str] = []
    for line in lines:
        mark = output.paint("ok    ", "green") if line.ok else output.paint("not ok", "red")
        about = f"{line.site}: {line.check}" if line.site else line.check
        first, *rest = line.said.splitlines() or [""]
        shown.append(f"{mark}  {about:<20}  {first}")
        shown += [f"        {more}" for more in rest]
        shown += [f"        → {line.remedy}"] if line.remedy else []
    return shown


async def _examined(inventory: Path | None, names: Sequence[str]) -> list[Line]:
    try:
        engine = start(inventory)
    except RetrustError as error:
        return [Line.of("inventory" if isinstance(error, InventoryError) else "home", error)]
    sites = [engine.site(name) for name in names] or list(engine.inventory.sites.values())
    lines = [
        Line(None, "inventory", True, f"read; sites: {len(engine.inventory.sites)}"),
        await _tried("plugins", _plugins(engine)),
        await _tried("home", _home(engine)),
        await _tried("ledger", _ledger(engine)),
        await _tried("prefect", _prefect(engine)),
    ]
    if any(engine.target(site).browses(site) for site in sites):
        lines.append(await _tried("chromium", _chromium()))
    limit = asyncio.Semaphore(SITES_AT_ONCE)
    found = [
        line for of_site in await asyncio.gather(*(_site(engine, site, limit) for site in sites)) for line in of_site
    ]
    return [*lines, *found]


async def _tried(check: str, work: Awaitable[str], site: str | None = None) -> Line:
    try:
        return Line(site, check, True, await work)
    except RetrustError as error:
        return Line.of(check, error, site)


async def _plugins(engine: Engine) -> str:
    engine.plugins.load_all()
    return f"{len(engine.plugins.origins)} loaded"


async def _home(engine: Engine) -> str:
    for folder in (engine.home, engine.home / "runs", engine.home / "prefect"):
        prove_writable(folder)
    return f"{engine.home} is private and can be written"


async def _ledger(engine: Engine) -> str:
    """It opens, it can be written, and the key of this home may sign its chain; no entry is written."""
    if not engine.ledger_exists:
        return "there is none yet; the first command that needs one makes it"
    async with await engine.open_ledger() as ledger:
        if not (count := (await ledger.head()).seq):
            return f"{ledger.where}: it is empty yet"
        if LedgerKey.existing(engine.home) is None:
            raise PermanentError(
                "the key that signs the ledger is missing",
                where=str(engine.home / "ledger.key"),
                hint="copy it from your backup, or from a machine that writes to this ledger",
            )
        async with ledger.write():
            pass
        return f"{ledger.where}: {count} entries; it can be written, and this home's key may sign it"


async def _prefect(engine: Engine) -> str:
    """The server that is named answers to us; else one of our own starts, in a folder of its own."""
    await name_prefect(engine)
    if not os.environ.get("PREFECT_API_URL"):
        with tempfile.TemporaryDirectory(prefix="retrust-doctor-") as folder:
            async with prefect_server(Path(folder)):
                return "Retrust's own server starts"
    url = os.environ["PREFECT_API_URL"]
    try:
        async with api_client() as client:
            answer = await client.post("/flows/count", json={})
    except httpx.HTTPError as exc:
        raise TemporaryError(
            f"it does not answer: {exc or type(exc).__name__}",
            where=url,
            hint="start it, or correct PREFECT_API_URL or prefect.api_url",
        ) from exc
    if not answer.is_success:
        raise PermanentError(
            f"it answers with {answer.status_code}",
            where=url,
            hint=(
                "correct PREFECT_API_AUTH_STRING or prefect.auth"
                if answer.status_code in (401, 403)
                else "PREFECT_API_URL must be the address of a Prefect API, and ends with /api"
            ),
        )
    return f"{url} answers"


async def _chromium() -> str:
    return f"version {await chromium_version()} starts"


async def _site(engine: Engine, site: Site, limit: asyncio.Semaphore) -> list[Line]:
    refs = set(references(site))
    faults = await engine.secrets.unreadable(site)
    lines = [Line.of("secrets", error, site.name) for error in faults] or [
        Line(site.name, "secrets", True, f"{len(refs)} can be read")
    ]
    try:
        async with (
            limit,
            read_only(await engine.ledger_url(), engine.home) as knowledge,
            reach(engine, site, knowledge) as connection,
        ):
            pins = await connection.list_pins()
            nodes = ", ".join(engine.target(site).holders(site))
            lines.append(
                Line(
                    site.name,
                    "nodes",
                    True,
                    f"{nodes}: reached, each is the right one, the login works; {len(pins)} pins listed",
                )
            )
            if engine.target(site).browses(site):
                lines.append(await _tried("web pages", _pages(connection), site.name))
    except RetrustError as error:
        lines.append(Line.of("nodes", error, site.name))
    return lines


async def _pages(connection: Connection) -> str:
    await connection.relations(pages=True)
    return "the certificate is right, the login works, the pages can be read"
