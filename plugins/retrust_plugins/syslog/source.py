"""The source itself: its listeners, and delivering what they heard.

Receiving never waits for the ledger: what was heard is counted until it is kept, and tried again when it
could not be. TCP's senders are slowed down by the system when nobody reads, as always.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime
from functools import partial
from typing import Literal

from pydantic import Field

from retrust.errors import PermanentError, RetrustError
from retrust.inventory import Host, InventoryPath, Part, Port, Text, Wrong
from retrust.models import Level
from retrust.signatures import Match
from retrust.sources import Delivery, EventSource, Sender, Tally, sender_of, sighting_of
from retrust_plugins.syslog.messages import Frames, Piece, host_of
from retrust_plugins.syslog.streams import Connected, Streams
from retrust_plugins.syslog.udp import Datagrams, UdpListener

REST = 0.15
"""Seconds without a word after which an event counts as told."""
PATIENCE = 1.0
DROPS_EVERY = 1.0
LAST_WORDS = 5.0
READ = 256 * 1024


class Listener(Part):
    """Where to listen. ``certificate`` and ``key`` make TCP into TLS; ``ca`` asks senders for theirs."""

    protocol: Literal["udp", "tcp", "tls"] = "udp"
    host: Host = "127.0.0.1"
    port: Port | Literal[0] = 6514
    certificate: InventoryPath | None = None
    key: InventoryPath | None = None
    ca: InventoryPath | None = Field(default=None, description="Only senders whose certificate it vouches for.")

    def rules(self) -> Iterable[Wrong]:
        if (self.protocol == "tls") != (self.certificate is not None and self.key is not None):
            yield (), "certificate and key are needed for tls, and of no use without it"
        if self.ca is not None and self.protocol != "tls":
            yield ("ca",), "is of no use without tls"

    @property
    def level(self) -> Level:
        """Only client certificates tell who speaks here."""
        return "hint" if self.ca is None else "authenticated"


class SyslogSettings(Part):
    """``senders`` names whose logs a host's are, where its name or address is not the inventory's."""

    listen: tuple[Listener, ...] = Field(min_length=1)
    site: Text | None = Field(default=None, description="The site of everything that comes in here.")
    senders: dict[str, Text] = Field(
        default_factory=dict, description="Host to SITE or SITE/HOLDER, such as prime-pri: campus/primary."
    )


class Syslog(EventSource[SyslogSettings]):
    name = "syslog"
    settings_model = SyslogSettings

    async def run(self, settings: SyslogSettings, delivery: Delivery) -> None:
        await _Source(settings, delivery).run()


class _Source:
    def __init__(self, settings: SyslogSettings, delivery: Delivery) -> None:
        self._settings, self._delivery = settings, delivery
        self._streams = Streams(delivery.host.log_signatures)
        self._tally = Tally()
        self._heard = asyncio.Event()
        self._heard_at = self._told_at = 0.0
        self._udp: list[UdpListener] = []
        self._connections: set[asyncio.StreamWriter] = set()
        self._senders = {host: self._read_sender(host, name) for host, name in settings.senders.items()}

    def _read_sender(self, host: str, name: str) -> Sender:
        site, _, holder = name.partition("/")
        known = self._delivery.host
        if site not in known.inventory.sites or (
            holder and holder not in known.target(known.site(site)).holders(known.site(site))
        ):
            raise PermanentError(
                f"senders.{host}: {name!r} is no SITE or SITE/HOLDER of the inventory", where=self._delivery.name
            )
        return Sender(site, holder or None)

    async def run(self) -> None:
        async with AsyncExitStack() as stack:
            addresses = [await self._listen(listener, stack) for listener in self._settings.listen]
            said = f"listens at {', '.join(addresses)}"
            self._delivery.healthy(said)
            try:
                async with asyncio.TaskGroup() as tasks:
                    tasks.create_task(self._count_drops())
                    while True:
                        await self._round(said)
            finally:
                for writer in list(self._connections):
                    writer.transport.abort()
                await self._last_words()

    # -- hearing ----------------------------------------------------------------------------------

    async def _listen(self, listener: Listener, stack: AsyncExitStack) -> str:
        try:
            if listener.protocol == "udp":
                udp = UdpListener(listener.host, listener.port, self._datagrams)
                stack.callback(udp.close)
                self._udp.append(udp)
                return udp.address
            server = await stack.enter_async_context(_tcp(listener, partial(self._connection, listener.level)))
        except OSError as exc:
            raise PermanentError(
                f"cannot listen: {exc.strerror or exc}", where=f"{listener.protocol} {listener.host}:{listener.port}"
            ) from exc
        host, port = server.sockets[0].getsockname()[:2]
        return f"{listener.protocol} {host}:{port}"

    def _datagrams(self, came: Datagrams) -> None:
        said: dict[Connected, list[bytes]] = {}
        for data, address in came:
            said.setdefault(Connected(address, host_of(data), "hint"), []).append(data.rstrip(b"\x00\r\n"))
        for speaker, lines in said.items():
            self._take(speaker, b"\n".join(lines) + b"\n")

    async def _connection(self, level: Level, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        frames, address = Frames(), str(writer.get_extra_info("peername")[0])
        speaker, begins = Connected(address, None, level), True
        self._connections.add(writer)
        try:
            while data := await reader.read(READ):
                for piece in frames.feed(data):
                    speaker = _speaker(piece.data, speaker) if begins else speaker
                    self._take(speaker, _text(piece))
                    begins = piece.ends
            self._take(speaker, _text(frames.rest()))
        except (OSError, ssl.SSLError):
            pass  # whoever talked went away; what they said is taken
        finally:
            self._connections.discard(writer)
            writer.transport.abort()
            with contextlib.suppress(OSError):
                await writer.wait_closed()

    def _take(self, speaker: Connected, data: bytes) -> None:
        self._tell(speaker, self._streams.feed(speaker, data))
        self._heard_at = asyncio.get_running_loop().time()
        self._heard.set()

    def _tell(self, speaker: Connected, matches: list[Match]) -> None:
        if not matches:
            return
        site, holder = self._sender(speaker)
        now = datetime.now(UTC)
        for match in matches:
            self._tally.add(
                sighting_of(
                    match,
                    source=f"syslog {speaker.host or speaker.address}",
                    by="service",
                    site=site,
                    holder=holder,
                    received=now,
                    vouched=now,
                    level=speaker.level,
                )
            )

    def _sender(self, speaker: Connected) -> tuple[str | None, str | None]:
        """The settings' word first, then the inventory's: the header's host before the sender's address."""
        for host in (speaker.host, speaker.address):
            if host is None:
                continue
            sender = self._senders.get(host) or sender_of(self._delivery.host, host)
            if sender is not None and self._settings.site in (None, sender.site):
                return sender
        return self._settings.site, None

    # -- telling ----------------------------------------------------------------------------------

    async def _round(self, said: str) -> None:
        await self._heard.wait()
        self._heard.clear()
        now = asyncio.get_running_loop().time()
        if self._streams.pending and (now - self._heard_at >= REST or now - self._told_at >= PATIENCE):
            self._told_at = now
            for speaker, matches in self._streams.rest():
                self._tell(speaker, matches)
        if self._tally:
            await self._deliver()
        if self._streams.pending:
            asyncio.get_running_loop().call_later(REST, self._heard.set)
        else:
            self._told_at = now
        self._delivery.healthy(said)

    async def _deliver(self) -> None:
        """What could not be kept is kept in mind; the source goes on hearing."""
        sightings, tally = self._tally.take(), self._tally
        self._delivery.refused(tally.unnamed)
        tally.unnamed = 0
        try:
            await self._delivery.deliver(sightings, patient=True)
        except RetrustError as exc:
            for seen in sightings:
                tally.add(seen)
            self._delivery.healthy(f"not kept yet: {exc}", lag=1.0)
            asyncio.get_running_loop().call_later(1.0, self._heard.set)

    async def _count_drops(self) -> None:
        while True:
            await asyncio.sleep(DROPS_EVERY)
            self._drops()

    def _drops(self) -> None:
        for udp in self._udp:
            if dropped := udp.newly_dropped():
                self._delivery.dropped(dropped, f"the kernel's buffer of {udp.address} was full")

    async def _last_words(self) -> None:
        self._drops()
        for speaker, matches in self._streams.rest():
            self._tell(speaker, matches)
        if self._tally:
            async with asyncio.timeout(LAST_WORDS):
                await self._delivery.deliver(self._tally.take(), patient=True)


def _speaker(data: bytes, before: Connected) -> Connected:
    """Who says the message that begins so; a line without any header goes on with the message before it."""
    host = host_of(data)
    return before._replace(host=host) if host is not None or data.startswith(b"<") else before


def _text(piece: Piece) -> bytes:
    return piece.data + b"\n" if piece.ends else piece.data


@asynccontextmanager
async def _tcp(listener: Listener, connection: object) -> AsyncIterator[asyncio.Server]:
    assert callable(connection)
    server = await asyncio.start_server(connection, listener.host, listener.port, ssl=_context(listener), limit=READ)
    try:
        yield server
    finally:
        server.close()


def _context(listener: Listener) -> ssl.SSLContext | None:
    if listener.certificate is None or listener.key is None:
        return None
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=str(listener.ca) if listener.ca else None)
    context.load_cert_chain(listener.certificate, listener.key)
    if listener.ca is not None:
        context.verify_mode = ssl.CERT_REQUIRED
    return context
