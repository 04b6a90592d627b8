"""What a change request is told of its case: its milestones as work notes, and the evidence pack at the end.

An observer: it is told of ledger entries after they are written, and nothing that fails here touches a run.
Notes go out when a pass ends, so that a slow instance never stands between two steps; what could not be
delivered is kept, and tried again at the end of the next pass of any case.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import tempfile
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from retrust.audit import export_case
from retrust.errors import RetrustError
from retrust.ledger.entries import CaseMoved
from retrust.observers import Observer
from retrust_plugins.servicenow.client import ChangeRequest, Instance, Refusals, reach
from retrust_plugins.servicenow.settings import TicketSettings
from retrust_plugins.servicenow.text import correlation

if TYPE_CHECKING:
    from retrust.host import Host
    from retrust.ledger import Entry, Ledger

TOLD = ("executing", "verifying", "healed", "failed", "refused", "expired", "cancelled")
FINAL = ("healed", "refused", "expired", "cancelled")
ENDS_A_PASS = (*FINAL, "failed")
LIMIT = 20.0
MOST_KEPT = 1000

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Note:
    """One thing to tell the change request of a case's plan."""

    case: str
    digest: str
    site: str
    state: str
    text: str


class TicketNotes(Observer):
    name = "servicenow"

    def __init__(self) -> None:
        self._refusals = Refusals()
        self._kept: list[Note] = []
        self._host: Host | None = None
        self._ledger: Ledger | None = None
        self._busy = asyncio.Lock()

    def opened(self, host: Host, ledger: Ledger) -> None:
        """Called when a ledger is opened: where the inventory, the secrets and the pack come from."""
        self._host, self._ledger = host, ledger

    async def told(self, entry: Entry) -> None:
        said, moved = entry.told("note"), entry.body
        if self._host is None or self._ledger is None or said is None or not isinstance(moved, CaseMoved):
            return
        state = moved.state.value
        if state not in TOLD or entry.case is None or entry.site is None:
            return
        if not _settings(self._host, entry.site):
            return
        case = await self._ledger.case(entry.case)
        if case.digest is None:
            return
        text = f"Retrust: {said} ({entry.at:%Y-%m-%d %H:%M:%S} UTC)"
        self._keep(Note(entry.case, case.digest, entry.site, state, text))
        if state in ENDS_A_PASS:
            await self._deliver()

    def _keep(self, note: Note) -> None:
        self._kept.append(note)
        if len(self._kept) > MOST_KEPT:
            lost = self._kept.pop(0)
            _log.error("ServiceNow: the work note %r of case %s is given up", lost.text, lost.case)

    async def _deliver(self) -> None:
        """In order; what fails stops its own case's notes, and they stay for the next time."""
        async with self._busy:
            stuck: list[Note] = []
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(LIMIT):
                    while self._kept:
                        note = self._kept[0]
                        if any(note.case == other.case for other in stuck) or not await self._tried(note):
                            stuck.append(note)
                        self._kept.pop(0)
            self._kept = [*stuck, *self._kept]

    async def _tried(self, note: Note) -> bool:
        try:
            await self._tell(note)
        except RetrustError as exc:
            _log.warning("ServiceNow: a work note of case %s waits: %s", note.case, exc)
            return False
        return True

    async def _tell(self, note: Note) -> None:
        assert self._host is not None
        for settings in _settings(self._host, note.site):
            async with reach(settings, self._host.secrets, self._refusals) as instance:
                request = await instance.find(correlation(note.case, note.digest))
                if request is None:
                    continue  # this plan never asked through it
                if note.state in FINAL:
                    await self._attach(instance, request, note)
                await instance.note(request, note.text)

    async def _attach(self, instance: Instance, request: ChangeRequest, note: Note) -> None:
        """The signed pack; named by case, so that one which got there before is not sent again."""
        assert self._ledger is not None
        name = f"retrust-{note.case}.zip"
        if not await instance.has_attachment(request, name):
            await instance.attach(request, name, await packed(self._ledger, note.case))


async def packed(ledger: Ledger, case: str) -> bytes:
    """The case's evidence pack as bytes."""
    export: Callable[..., Awaitable[Path]] = export_case
    with tempfile.TemporaryDirectory() as folder:
        path = await export(ledger, case, Path(folder) / "pack.zip")
        return await asyncio.to_thread(path.read_bytes)


def _settings(host: Host, site: str) -> list[TicketSettings]:
    """Every change request that the site's policy may ask for, each instance and table once."""
    found: dict[tuple[str, str], TicketSettings] = {}
    entries = host.inventory.sites[site].policy.gates.values() if site in host.inventory.sites else ()
    for entry in (entry for several in entries for entry in several if entry.gate == "ticket"):
        settings = TicketSettings.model_validate(dict(entry.settings), context=host.inventory.context)
        found.setdefault((settings.url, settings.table), settings)
    return list(found.values())
