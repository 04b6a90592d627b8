"""The source itself: wakes when a followed folder changes, reads what came, and delivers what it tells of."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from pydantic import Field, StrictBool
from watchfiles import awatch

from retrust.inventory import Duration, Part, Text, Texts
from retrust.models import Sighting
from retrust.signatures import Match
from retrust.sources import Delivery, EventSource, sighting_of
from retrust_plugins.files.following import Followed, Following, Id

REST = 0.15
"""Seconds after the last byte at which an event counts as told: one line of it may follow another."""
PATIENCE = 1.0
"""Seconds after which it counts as told though bytes go on coming."""
DEBOUNCE_MS, STEP_MS = 20, 5

Folders = Callable[[], set[Path]]


class FileSettings(Part):
    """``site`` and ``holder`` say whose logs these are; without them that is found out by their names."""

    paths: Texts = Field(min_length=1, description="Files or globs; relative to the current folder.")
    site: Text | None = None
    holder: Text | None = None
    backlog: StrictBool = Field(
        default=False, description="At the very first start, read what stands in the files already."
    )
    poll: Duration = Field(
        default=timedelta(seconds=1), description="How often to look where the system tells of no change."
    )


class LogFiles(EventSource[FileSettings]):
    name = "file"
    settings_model = FileSettings

    async def run(self, settings: FileSettings, delivery: Delivery) -> None:
        signatures = delivery.host.log_signatures
        following = Following(settings.paths, signatures, backlog=settings.backlog)
        try:
            await _Source(settings, delivery, following).run()
        finally:
            following.close()


class _Source:
    def __init__(self, settings: FileSettings, delivery: Delivery, following: Following) -> None:
        self._settings, self._delivery, self._following = settings, delivery, following
        self._key = json.dumps([settings.site, settings.holder, sorted(settings.paths)])
        self._kept: set[Id] | None = None
        self._pending_since: float | None = None
        self._read_at = 0.0

    async def run(self) -> None:
        kept = await self._delivery.position(self._key)
        if kept is not None:
            self._following.restore(json.loads(kept))
        async with _changes(self._following.folders, self._settings.poll.total_seconds()) as changed:
            while True:
                await self._round()
                await self._wait(changed)
                changed.clear()

    async def _wait(self, changed: asyncio.Event) -> None:
        limit = self._rest() if self._pending() else self._settings.poll.total_seconds()
        try:
            async with asyncio.timeout(limit):
                await changed.wait()
        except TimeoutError:
            return

    def _pending(self) -> bool:
        return any(f.pending for f in self._following.files.values())

    def _rest(self) -> float:
        """Seconds until what is pending counts as told."""
        now, since = asyncio.get_running_loop().time(), self._pending_since
        patience = PATIENCE if since is None else since + PATIENCE - now
        return max(0.0, min(self._read_at + REST - now, patience))

    async def _round(self) -> None:
        """Read everything there is, block by block, so that nobody else in this process waits long."""
        self._following.look()
        for followed in list(self._following.files.values()):
            await self._read(followed)
        self._following.look()
        if self._pending() and self._pending_since is None:
            self._pending_since = asyncio.get_running_loop().time()
        if self._pending() and self._rest() <= 0:
            await self._flush()
        if not self._pending():
            self._pending_since = None
        await self._remember()
        self._tell()

    async def _remember(self) -> None:
        """At once where other files are followed than before: one not kept would be an old one at the next start."""
        files = set(self._following.files)
        await self._delivery.deliver((), position=self._position(), patient=files == self._kept)
        self._kept = files

    def _position(self) -> tuple[str, str]:
        return self._key, json.dumps(self._following.state())

    async def _read(self, followed: Followed) -> None:
        while (matches := followed.read()) is not None:
            self._read_at = asyncio.get_running_loop().time()
            await self._deliver(followed, matches)
            await asyncio.sleep(0)

    async def _flush(self) -> None:
        for followed in self._following.files.values():
            if followed.pending:
                await self._deliver(followed, followed.flush())

    async def _deliver(self, followed: Followed, matches: Sequence[Match]) -> None:
        if matches:
            seen = list(self._sightings(followed, matches))
            await self._delivery.deliver(seen, position=self._position(), patient=True)

    def _sightings(self, followed: Followed, matches: Iterable[Match]) -> Iterable[Sighting]:
        newest = followed.written_at
        for match in matches:
            yield sighting_of(
                match,
                source=followed.path.name,
                by="service",
                level="authenticated",
                site=self._settings.site,
                holder=self._settings.holder,
                newest=newest,
                vouched=datetime.now(UTC) if followed.live else None,
            )

    def _tell(self) -> None:
        files = self._following.files.values()
        behind = sum(f.behind for f in files)
        said = f"{len(files)} files, {behind} bytes behind"
        self._delivery.healthy(f"{said}; {self._following.trouble}" if self._following.trouble else said)


@asynccontextmanager
async def _changes(folders: Folders, poll: float) -> AsyncIterator[asyncio.Event]:
    """An event that is set when one of the folders changes. Without folders, or notices, there is the poll."""
    changed, stop = asyncio.Event(), asyncio.Event()
    watching = asyncio.create_task(_watch(folders, changed, stop, poll), name="watch")
    try:
        yield changed
    finally:
        stop.set()
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)


async def _watch(folders: Folders, changed: asyncio.Event, stop: asyncio.Event, poll: float) -> None:
    while True:
        watched = folders()
        if not watched:
            await asyncio.sleep(poll)
            continue
        try:
            async for changes in awatch(
                *watched,
                watch_filter=None,
                debounce=DEBOUNCE_MS,
                step=STEP_MS,
                stop_event=stop,
                recursive=False,
                rust_timeout=int(max(poll, 0.05) * 1000),
                yield_on_timeout=True,
            ):
                if changes:
                    changed.set()
                if folders() != watched:
                    break
        except (OSError, RuntimeError):
            await asyncio.sleep(poll)
