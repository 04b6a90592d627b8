"""One stream for each site that has pages; an alarm that speaks of trust or HA asks for a look at the site.

An alarm names no certificate, so it is a hint and no sighting: it makes no pin stale. A refused login is not
tried again until the service is started anew.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import httpx
from pydantic import Field

from retrust.approval import accepted
from retrust.errors import PermanentError, RetrustError
from retrust.inventory import Duration, Part, Texts
from retrust.models import Endpoint
from retrust.sources import Delivery, EventSource
from retrust_plugins.prime_alarms.trusted import trusting

PATH = "/webacs/api/v4/sse/Alarms"
SILENCE = 100.0
"""Seconds without a ping, of which one comes every 30, after which the stream is opened anew."""
FIRST, LONGEST = 1.0, 60.0
LONGEST_EVENT = 256 * 1024


class PrimeAlarmsSettings(Part):
    """``words`` make an alarm one of ours; ``not_words`` are those of a change for the better."""

    sites: Texts = Field(default=(), description="Only these sites; empty for all that have pages.")
    words: Texts = ("high availability", "tofu", "trust-on-first-use", "certificate", "ise server")
    not_words: Texts = ("primary active", "secondary syncing", "cleared")
    quiet: Duration = Field(default=timedelta(minutes=1), description="How soon a site is looked at again.")


@dataclass
class _Watch:
    """The streams of one source, and how each is doing."""

    settings: PrimeAlarmsSettings
    delivery: Delivery
    doing: dict[str, str] = field(default_factory=dict)
    asked: dict[str, float] = field(default_factory=dict)

    def tell(self, site: str, doing: str) -> None:
        self.doing[site] = doing
        self.delivery.healthy("; ".join(f"{name}: {how}" for name, how in self.doing.items()))


class PrimeAlarms(EventSource[PrimeAlarmsSettings]):
    name = "prime-alarms"
    settings_model = PrimeAlarmsSettings

    async def run(self, settings: PrimeAlarmsSettings, delivery: Delivery) -> None:
        sites = [
            site
            for site in delivery.host.inventory.sites.values()
            if getattr(getattr(site, "primary", None), "web", None) is not None
            and (not settings.sites or site.name in settings.sites)
        ]
        if not sites:
            raise PermanentError("no site of the inventory has pages whose alarms could be heard", where=delivery.name)
        watch = _Watch(settings, delivery)
        async with asyncio.TaskGroup() as streams:
            for site in sites:
                streams.create_task(_keep_listening(watch, site), name=f"alarms of {site.name}")


async def _keep_listening(watch: _Watch, site: Any) -> None:
    pause = FIRST
    while True:
        try:
            async for alarm in _alarms(watch, site):
                pause = FIRST
                await _consider(watch, site.name, alarm)
            watch.tell(site.name, "the stream ended")
        except _Refused:
            watch.tell(site.name, "the login was refused, and is not tried again")
            return
        except (RetrustError, httpx.HTTPError, OSError) as exc:
            watch.tell(site.name, f"{exc or type(exc).__name__}")
        await asyncio.sleep(pause)
        pause = min(pause * 2, LONGEST)


class _Refused(Exception):
    """401, or the way to the login page."""


async def _alarms(watch: _Watch, site: Any) -> AsyncIterator[str]:
    """The sentences of the alarms, as they come."""
    web, endpoint = site.primary.web, site.primary.web_endpoint
    known = accepted(await watch.delivery.knowledge.accepted_identities(site.name)).get(("primary", "web certificate"))
    context = await trusting(
        Endpoint(host=endpoint.host, port=endpoint.port),
        node=f"{site.name}/primary",
        fingerprint=known[0] if known else web.fingerprint,
        ca=None if known else web.ca,
    )
    password = (await watch.delivery.host.secrets.get(web.password)).get_secret_value()
    host = f"[{endpoint.host}]" if ":" in endpoint.host else endpoint.host
    async with (
        httpx.AsyncClient(
            verify=context, auth=(web.username, password), trust_env=False, timeout=httpx.Timeout(20.0, read=SILENCE)
        ) as client,
        client.stream(
            "GET",
            f"https://{host}:{endpoint.port}{PATH}",
            headers={"Accept": "text/event-stream"},
            extensions={"sni_hostname": site.primary.host},
        ) as answer,
    ):
        if answer.status_code in (301, 302, 303, 401, 403):
            raise _Refused
        answer.raise_for_status()
        watch.tell(site.name, "listens")
        async for kind, data in _events(answer):
            if kind == "event":
                yield _sentence(data)


async def _events(answer: httpx.Response) -> AsyncIterator[tuple[str, str]]:
    """Server-sent events, as (kind, data)."""
    kind, data = "message", [""]
    async for line in answer.aiter_lines():
        name, _, value = line.partition(":")
        if not line:
            yield kind, "\n".join(data[1:])
            kind, data = "message", [""]
        elif name == "event":
            kind = value.strip()
        elif name == "data" and sum(map(len, data)) < LONGEST_EVENT:
            data.append(value.removeprefix(" "))


def _sentence(data: str) -> str:
    """The alarm's message, wherever the object keeps it; all of it where there is none."""
    try:
        return _message(json.loads(data)) or data
    except (ValueError, RecursionError):
        return data


def _message(value: Any) -> str | None:
    if isinstance(value, dict):
        if isinstance(value.get("message"), str):
            return str(value["message"])
        return next((found for inner in value.values() if (found := _message(inner))), None)
    if isinstance(value, list):
        return next((found for inner in value if (found := _message(inner))), None)
    return None


async def _consider(watch: _Watch, site: str, alarm: str) -> None:
    said, now = alarm.casefold(), asyncio.get_running_loop().time()
    settings = watch.settings
    if not any(word.casefold() in said for word in settings.words) or any(
        word.casefold() in said for word in settings.not_words
    ):
        return
    if site in watch.asked and now - watch.asked[site] < settings.quiet.total_seconds():
        return
    watch.asked[site] = now
    await watch.delivery.ask_look(site, f"alarm: {alarm[:200]}")
