"""The doors: what is answered to a request, and when. 2xx is said only of what is in the ledger."""

from __future__ import annotations

import asyncio
import hashlib
import io
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Route

from retrust.apps import App
from retrust.errors import RetrustError
from retrust.logs import scan_stream, time_of
from retrust.models import Sighting
from retrust.sources import Delivery, EventSource, sender_of, sighting_of
from retrust.x509 import fingerprint as fingerprint_of
from retrust.x509 import parse_fingerprint, server_certificate
from retrust_plugins.webhook.authentication import is_authentic, may_be_authentic
from retrust_plugins.webhook.counted import Counted
from retrust_plugins.webhook.messages import Message, Unreadable, read
from retrust_plugins.webhook.settings import WebhookSettings

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from retrust.host import Host
    from retrust.ledger import Ledger


class _No(Exception):
    """An answer that is no 2xx."""

    def __init__(self, status: int, why: str) -> None:
        super().__init__(why)
        self.status, self.why = status, why


@dataclass
class _Door:
    settings: WebhookSettings
    delivery: Delivery
    under_way: set[str] = field(default_factory=set)

    def event(self, message: Message) -> str | None:
        """The event as the ledger knows it: of bounded length, whatever the sender wrote."""
        if message.id is None:
            return None
        return hashlib.sha256(f"{self.settings.name} {message.id}".encode("utf-8", "replace")).hexdigest()[:32]


class Webhook(EventSource[WebhookSettings], App):
    """Source and application in one: a door is open while its source runs."""

    name = "webhook"
    path = "/hooks"
    settings_model = WebhookSettings

    def __init__(self) -> None:
        self._doors: dict[str, _Door] = {}
        self._counted: Counted | None = None

    async def run(self, settings: WebhookSettings, delivery: Delivery) -> None:
        for ref in (settings.token, settings.hmac.secret if settings.hmac else None):
            if ref is not None:
                await delivery.host.secrets.get(ref)  # a secret that cannot be read is told at once
        if settings.name in self._doors:
            raise ValueError(f"two webhooks are called {settings.name}")
        self._doors[settings.name] = _Door(settings, delivery)
        delivery.healthy(f"listens at {self.path}/{settings.name}")
        try:
            await asyncio.Event().wait()
        finally:
            del self._doors[settings.name]

    def build(self, host: Host, ledger: Ledger) -> Any:
        self._counted = Counted(ledger)
        return Starlette(routes=[Route("/{name}", self._answer, methods=["POST"])])

    async def _answer(self, request: Request) -> Response:
        door = self._doors.get(request.path_params["name"])
        try:
            kept = await self._take(door, request)
        except _No as no:
            if door is not None:
                door.delivery.refused(1)
            headers = {"Retry-After": "5"} if no.status == 503 else {}
            if no.status in (401, 413):
                headers["Connection"] = "close"
            return JSONResponse({"error": no.why}, no.status, headers=headers)
        return JSONResponse({"sightings": kept}, 202)

    async def _take(self, door: _Door | None, request: Request) -> int:
        if door is None:
            raise _No(404, "there is no such door")
        headers = {name.lower(): value for name, value in request.headers.items()}
        body = await _authentic_body(door, request, headers)
        try:
            messages = {door.event(m) or f"- {n}": m for n, m in enumerate(read(door.settings, headers, body))}
        except Unreadable as exc:
            raise _No(400, str(exc)) from exc
        if not door.under_way.isdisjoint(messages):
            raise _No(503, "the same is being kept just now; send it again")
        events = {event for event in messages if not event.startswith("-")}
        door.under_way |= events
        try:
            return await self._keep(door, messages)
        except RetrustError as exc:
            raise _No(503, "it could not be kept; send it again") from exc
        finally:
            door.under_way -= events

    async def _keep(self, door: _Door, messages: Mapping[str, Message]) -> int:
        assert self._counted is not None
        known = await self._counted.among(messages)
        sightings = [s for event, message in messages.items() if event not in known for s in _sightings(door, message)]
        await door.delivery.deliver(sightings)
        return len(sightings)


async def _authentic_body(door: _Door, request: Request, headers: Mapping[str, str]) -> bytes:
    """The body, if it may be read at all: nothing of an unauthentic or large one is kept in memory."""
    if headers.get("content-encoding", "identity") != "identity":
        raise _No(415, "the body must not be compressed")
    if not may_be_authentic(door.settings, headers):
        raise _No(401, "it is not authentic")
    length = headers.get("content-length", "0")
    if not length.isdigit() or int(length) > door.settings.limit:
        raise _No(413, f"a body has at most {door.settings.limit} bytes")
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > door.settings.limit:
            raise _No(413, f"a body has at most {door.settings.limit} bytes")
    try:
        if not await is_authentic(door.settings, door.delivery.host.secrets, headers, bytes(body)):
            raise _No(401, "it is not authentic")
    except RetrustError as exc:
        raise _No(503, "the door's secret cannot be read") from exc
    return bytes(body)


def _sightings(door: _Door, message: Message) -> Iterator[Sighting]:
    kind = "renewed" if message.renews else "log"
    if kind not in door.settings.may:
        raise _No(403, f"this door does not take events of kind {kind}")
    site = door.settings.site or message.site
    if site is not None and site not in door.delivery.host.inventory.sites:
        raise _No(422, "the inventory has no such site")
    for sighting in _renewal(door, message, site) if message.renews else _lines(door, message, site):
        yield sighting.model_copy(update={"event": door.event(message)})


def _lines(door: _Door, message: Message, site: str | None) -> Iterator[Sighting]:
    """Each failure that the text tells of; ``holder`` may also be a node's address."""
    host, holder = door.delivery.host, message.holder
    if holder is not None:
        sender = sender_of(host, holder)
        if sender is not None and site in (None, sender.site):
            site, holder = sender.site, sender.holder
        elif site is None or holder not in host.target(host.site(site)).holders(host.site(site)):
            holder = None
    assert message.text is not None
    text = io.BytesIO(message.text.encode("utf-8", errors="replace"))
    for match in scan_stream(text, host.log_signatures):
        yield sighting_of(
            match,
            source=f"webhook {door.settings.name}",
            by=_actor(door),
            site=site,
            holder=holder,
            level="authenticated",
            vouched=time_of(message.time),
        )


def _renewal(door: _Door, message: Message, site: str | None) -> Iterator[Sighting]:
    host, node = door.delivery.host, message.node or ""
    sender = sender_of(host, node) if site is None else None
    site = site or (sender.site if sender else None)
    if site is None:
        raise _No(422, "it is not known which site the node is of")
    named = host.site(site).endpoints()
    endpoint = named.get(node) or next((e for e in named.values() if e.host == node), None)
    if endpoint is None:
        raise _No(422, "the site has no such node")
    now = datetime.now(UTC)
    yield Sighting(
        id=f"renewed:{site}:{node}:{message.id or now.timestamp()}",
        kind="renewed",
        site=site,
        endpoint=endpoint,
        fingerprint=_fingerprint(message),
        at=now,
        received_at=now,
        source=f"webhook {door.settings.name}",
        actor=_actor(door),
        level="authenticated",
    )


def _fingerprint(message: Message) -> str:
    try:
        if message.fingerprint is not None:
            return parse_fingerprint(message.fingerprint)
        assert message.certificate is not None
        return fingerprint_of(server_certificate(message.certificate.encode()))
    except ValueError as exc:
        raise _No(422, "its certificate or fingerprint cannot be read") from exc


def _actor(door: _Door) -> str:
    return f"webhook:{door.settings.name}"


WEBHOOK = Webhook()
"""One object: the source opens doors, the application answers at them."""
