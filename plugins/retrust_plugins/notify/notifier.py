"""The observer: composes messages as entries are written, and sends them from a thread of its own.

The ledger's writer waits for the composing, a few reads, and never for a receiver: messages wait in a bounded
queue, and where that is full the newest is dropped and said so in the log. The thread lives while there is
something to send; a process that ends waits for it, so that the last message of a command is not lost. Each send
has the time limit of Apprise's plugins, and none is tried twice.
"""

from __future__ import annotations

import asyncio
import logging
import queue
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pydantic import SecretStr

from retrust.errors import RetrustError
from retrust.observers import Observer
from retrust_plugins.notify.messages import Message, message, occasion_of

if TYPE_CHECKING:
    from retrust.host import Host
    from retrust.inventory import NotificationSettings
    from retrust.ledger import Entry, Ledger

log = logging.getLogger(__name__)
WAITING, READ_WITHIN = 200, 5.0


@dataclass(frozen=True)
class Outgoing:
    """``receiver`` is the reference as the inventory writes it: the only name of it that may be said."""

    receiver: str
    url: SecretStr
    message: Message


class Notifier(Observer):
    name = "notify"

    def __init__(self) -> None:
        self._host: Host | None = None
        self._ledger: Ledger | None = None
        self._queue: queue.Queue[Outgoing] = queue.Queue(WAITING)
        self._sender: threading.Thread | None = None
        self._turn = threading.Lock()

    def opened(self, host: Host, ledger: Ledger) -> None:
        """The host opened this ledger; its inventory says who is told of what."""
        self._host, self._ledger = host, ledger

    async def told(self, entry: Entry) -> None:
        occasion = occasion_of(entry)
        if occasion is None or self._host is None:
            return
        receivers = [r for r in self._host.inventory.notifications if _hears(r, occasion, entry.site)]
        if not receivers:
            return
        composed = await self._compose(occasion, entry)
        for receiver in receivers:
            await self._hand_over(receiver, composed)

    async def _compose(self, occasion: str, entry: Entry) -> Message:
        assert self._host is not None
        assert self._ledger is not None
        case = await self._ledger.case(entry.case) if entry.case else None
        plan = await self._ledger.plan(case.digest, case=case.id) if case and case.digest else None
        made = message(occasion, entry, case, plan, self._host.inventory.console.address)
        redact = self._host.redactor.redact
        return Message(redact(made.title), redact(made.body), made.kind)

    async def _hand_over(self, receiver: NotificationSettings, composed: Message) -> None:
        assert self._host is not None
        try:
            async with asyncio.timeout(READ_WITHIN):
                url = await self._host.secrets.get(receiver.url)
            self._put(Outgoing(str(receiver.url), url, composed))
        except (RetrustError, TimeoutError) as exc:
            log.warning("the receiver %s is not told: %s", receiver.url, exc or "its address was not read in time")
        except queue.Full:
            log.warning("the receiver %s is not told: %d messages wait already", receiver.url, WAITING)

    def _put(self, outgoing: Outgoing) -> None:
        with self._turn:
            self._queue.put_nowait(outgoing)
            if self._sender is None:
                self._sender = threading.Thread(target=self._send_all, name="retrust-notify")
                self._sender.start()

    def _send_all(self) -> None:
        while True:
            with self._turn:
                try:
                    outgoing = self._queue.get_nowait()
                except queue.Empty:
                    self._sender = None
                    return
            send(outgoing)

    def join(self, timeout: float) -> bool:
        """Wait until everything was tried; False where that took longer."""
        sender = self._sender
        if sender is not None:
            sender.join(timeout)
        return self._sender is None


def _hears(receiver: NotificationSettings, occasion: str, site: str | None) -> bool:
    """Of a token hears everybody who is asked to decide, whatever their sites: its holder decides in their place."""
    if occasion == "token":
        return "waiting" in receiver.on
    return occasion in receiver.on and (not receiver.sites or site in receiver.sites)


def send(outgoing: Outgoing) -> None:
    """One attempt. Apprise's own log is kept silent: what it says of a failure may hold the address."""
    try:
        sent = _sent(outgoing)
    except Exception as exc:  # any of a hundred services' code
        log.warning("the receiver %s was not told (%s)", outgoing.receiver, type(exc).__name__)
        return
    if not sent:
        log.warning("the receiver %s was not told: it could not be reached, or refused", outgoing.receiver)


def _sent(outgoing: Outgoing) -> bool:
    import apprise  # heavy, and only a message needs it

    logging.getLogger("apprise").setLevel(logging.CRITICAL + 1)
    there = apprise.Apprise()
    if not there.add(outgoing.url.get_secret_value()):
        log.warning("the receiver %s is no address that Apprise knows", outgoing.receiver)
        return True
    told = outgoing.message
    return bool(
        there.notify(
            title=told.title,
            body=told.body,
            notify_type=apprise.NotifyType(told.kind),
            body_format=apprise.NotifyFormat.TEXT,
        )
    )
