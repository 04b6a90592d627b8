"""The webhook's doors: who may send, what is understood, and that 2xx is said only of what is kept."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import os
import shutil
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from kit.campus import Campus, campus
from retrust.engine.engine import Engine
from retrust.ledger import Ledger, LedgerError
from retrust.models import Sighting
from retrust.testing.serving import serving
from retrust_plugins.webhook.door import Webhook
from retrust_plugins.webhook.settings import WebhookSettings

TOKEN, SECRET = "token-4711", "secret-0815"
AUTHENTIC = {"Authorization": f"Bearer {TOKEN}"}
LINE = (
    "[system] [HealthMonitorThread] TOFU failed.\nCheck local trust Trust-on-first-use is configure for this "
    "connection.\nCurrent certificate of the remote host is different from what was used earlier - "
    "CN=prime-sec, C=US\n"
)
FINGERPRINT = "SHA256:" + "ab" * 32


@dataclass
class Kept:
    """What a source may use of a service; deliveries go into a real ledger, when ``may`` is set."""

    host: Engine
    ledger: Ledger
    may: asyncio.Event = field(default_factory=asyncio.Event)
    broken: bool = False
    name: str = "webhook[0]"
    refusals: int = 0

    async def deliver(self, sightings: Sequence[Sighting]) -> None:
        await self.may.wait()
        if self.broken:
            raise LedgerError("the disk is full", where="ledger.db")
        await self.ledger.sight_many(sightings)

    def healthy(self, detail: str = "", *, lag: float = 0.0) -> None:
        pass

    def refused(self, count: int) -> None:
        self.refusals += count


@dataclass
class Door:
    site: Campus
    kept: Kept
    http: httpx.AsyncClient

    async def post(self, body: Any, headers: dict[str, str] | None = None, path: str = "/events") -> httpx.Response:
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        return await self.http.post(path, content=content, headers=AUTHENTIC if headers is None else headers)

    async def sightings(self) -> list[Any]:
        return await self.kept.ledger.sightings()


Opens = Callable[..., Any]


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Campus]:
    async with campus(tmp_path) as site:
        yield site


@pytest.fixture
def opened(site: Campus, monkeypatch: pytest.MonkeyPatch) -> Opens:
    """Opens a door with these settings, in place of a token alone, and serves it."""
    monkeypatch.setenv("HOOK_TOKEN", TOKEN)
    monkeypatch.setenv("HOOK_SECRET", SECRET)

    @asynccontextmanager
    async def opening(**settings: Any) -> AsyncIterator[Door]:
        webhook, kept = Webhook(), Kept(site.engine, site.ledger)
        kept.may.set()
        given = WebhookSettings.model_validate({"token": "env:HOOK_TOKEN"} | settings)
        running = asyncio.create_task(webhook.run(given, kept))
        try:
            async with (
                serving(webhook.build(site.engine, site.ledger)) as url,
                httpx.AsyncClient(base_url=url, trust_env=False) as http,
            ):
                yield Door(site, kept, http)
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)

    return opening


def cloud_event(kind: str = "retrust.log.signature", data: Any = None, **more: Any) -> dict[str, Any]:
    return {
        "specversion": "1.0",
        "id": "1",
        "source": "splunk",
        "type": kind,
        "data": {"text": LINE} if data is None else data,
    } | more


STRUCTURED = AUTHENTIC | {"Content-Type": "application/cloudevents+json"}


async def test_a_structured_cloud_event_is_kept(opened: Opens) -> None:
    """Its text is scanned; what it tells of is in the ledger with the site that it named."""
    async with opened() as door:
        answer = await door.post(cloud_event(data={"text": LINE, "site": "campus", "holder": "primary"}), STRUCTURED)
        assert (answer.status_code, answer.json()) == (202, {"sightings": 1})
        (seen,) = await door.sightings()
    assert (seen.site, seen.holder, seen.dn, seen.source, seen.actor) == (
        "campus",
        "primary",
        "CN=prime-sec, C=US",
        "webhook events",
        "webhook:events",
    )


async def test_a_binary_cloud_event_is_kept(opened: Opens) -> None:
    """Attributes in headers, the text itself as the body."""
    headers = AUTHENTIC | {
        "ce-specversion": "1.0",
        "ce-id": "1",
        "ce-source": "rsyslog",
        "ce-type": "retrust.log.signature",
        "Content-Type": "text/plain",
    }
    async with opened(site="campus") as door:
        assert (await door.post(LINE.encode(), headers)).status_code == 202
        assert [s.site for s in await door.sightings()] == ["campus"]


async def test_a_batch_is_kept_as_a_whole(opened: Opens) -> None:
    """Every event of it, counted exactly."""
    headers = AUTHENTIC | {"Content-Type": "application/cloudevents-batch+json"}
    async with opened() as door:
        answer = await door.post([cloud_event(id=str(n)) for n in range(5)], headers)
        assert answer.json() == {"sightings": 5}
        assert [s.count for s in await door.sightings()] == [5]


async def test_plain_json_is_read_as_the_settings_map_it(opened: Opens) -> None:
    """A log platform's alert says what it says where it says it; a node's address tells site and holder."""
    paths = {"items": "results", "text": "fields._raw", "holder": "fields.host"}
    async with opened(map=paths) as door:
        host = door.site.lab.primary.host
        answer = await door.post({"results": [{"fields": {"_raw": LINE, "host": host}}, {"fields": {"other": 1}}]})
        assert answer.json() == {"sightings": 1}
        (seen,) = await door.sightings()
    # Where the lab's nodes share one address it names no node, and nothing is guessed.
    shared = door.site.lab.primary.host == door.site.lab.secondary.host
    assert (seen.site, seen.holder) == ((None, None) if shared else ("campus", "primary"))


async def test_a_renewal_announces_its_fingerprint(opened: Opens) -> None:
    """From a sender who is believed that, for a node of the inventory, by its fingerprint."""
    async with opened(may=["renewed"]) as door:
        event = cloud_event(
            "retrust.certificate.renewed", {"site": "campus", "node": "secondary", "fingerprint": FINGERPRINT}
        )
        assert (await door.post(event, STRUCTURED)).status_code == 202
        (seen,) = await door.sightings()
        assert (seen.kind, seen.fingerprint, seen.endpoint) == (
            "renewed",
            FINGERPRINT,
            door.site.site.endpoints()["secondary"],
        )


async def test_a_renewal_may_bring_its_certificate(opened: Opens) -> None:
    """As a deploy hook has it: in PEM."""
    async with opened(may=["renewed"], map={"certificate": "tls.crt", "node": "tls.node", "site": "tls.site"}) as door:
        identity = door.site.lab.secondary.identity
        from cryptography.hazmat.primitives.serialization import Encoding

        pem = identity.certificate.public_bytes(Encoding.PEM).decode()
        answer = await door.post({"tls": {"crt": pem, "node": "secondary", "site": "campus"}})
        assert answer.status_code == 202
        assert [s.fingerprint for s in await door.sightings()] == [identity.fingerprint]


@pytest.mark.skipif(not (shutil.which("curl") and shutil.which("openssl")), reason="no curl, or no openssl")
async def test_cert_managers_job_announces_and_counts_once(
    opened: Opens, tmp_path: Path, guide: Callable[[str], list[str]]
) -> None:
    """The guide's script, run twice over one certificate, is one announcement of its fingerprint."""
    [script] = guide("hook: cert-manager")
    async with opened(may=["renewed"]) as door:
        identity = door.site.lab.secondary.identity
        (tmp_path / "tls.crt").write_bytes(identity.certificate.public_bytes(Encoding.PEM))
        for _ in range(2):
            process = await asyncio.create_subprocess_exec(
                "/bin/sh",
                "-c",
                script.replace("/tls/tls.crt", str(tmp_path / "tls.crt")),
                env=os.environ | {"RETRUST_TOKEN": TOKEN, "RETRUST_DOOR": f"{door.http.base_url}/events"},
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.STDOUT,
            )
            said, _ = await process.communicate()
            assert process.returncode == 0, said.decode()
        assert [(s.kind, s.fingerprint, s.count) for s in await door.sightings()] == [
            ("renewed", identity.fingerprint, 1)
        ]


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": "Bearer wrong"},
        {"Authorization": f"Basic {TOKEN}"},
        {"Authorization": "Bearer"},
        {"Authorization": f"Bearer {TOKEN}x"},
    ],
)
async def test_without_the_token_nothing_is_kept(opened: Opens, headers: dict[str, str]) -> None:
    """401, and the ledger knows nothing of it."""
    async with opened() as door:
        answer = await door.post(cloud_event(), headers | {"Content-Type": "application/cloudevents+json"})
        assert answer.status_code == 401
        assert await door.sightings() == []


def signed(body: bytes, secret: str = SECRET) -> dict[str, str]:
    digest = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    return {"X-Hub-Signature-256": f"sha256={digest}", "Content-Type": "application/cloudevents+json"}


async def test_a_signature_is_over_the_very_body(opened: Opens) -> None:
    """The right one is believed; another key's, another body's, and none are not."""
    body, other = json.dumps(cloud_event()).encode(), json.dumps(cloud_event(id="2")).encode()
    async with opened(token=None, hmac={"secret": "env:HOOK_SECRET"}) as door:
        answers = [
            (await door.post(body, headers)).status_code
            for headers in (
                signed(body, "another"),
                signed(other),
                {"Content-Type": "application/cloudevents+json"},
                signed(body),
            )
        ]
        assert answers == [401, 401, 401, 202]


async def test_with_token_and_signature_both_must_be_right(opened: Opens) -> None:
    """Either alone is not enough."""
    body = json.dumps(cloud_event()).encode()
    async with opened(hmac={"secret": "env:HOOK_SECRET"}) as door:
        answers = [
            (await door.post(body, headers)).status_code
            for headers in (signed(body), STRUCTURED, signed(body) | AUTHENTIC)
        ]
        assert answers == [401, 401, 202]


async def test_a_large_body_is_refused_unread(opened: Opens) -> None:
    """By its announced length, before it is sent; and by its bytes where it announces none."""
    async with opened(limit=2048) as door:
        assert (await door.post(b"x" * 2049)).status_code == 413

        async def endless() -> AsyncIterator[bytes]:
            for _ in range(100_000):
                yield b"x" * 1024

        try:
            answer = await door.http.post("/events", content=endless(), headers=AUTHENTIC)
        except (httpx.WriteError, httpx.ReadError, httpx.RemoteProtocolError):
            pass  # the door was closed while it was still talking
        else:
            assert answer.status_code == 413
        assert await door.sightings() == []


async def test_a_hundred_megabytes_are_refused_by_their_announcement(opened: Opens) -> None:
    """Nothing of it is read: the answer comes before the body."""
    async with opened() as door:
        port = httpx.URL(str(door.http.base_url)).port
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(
            f"POST /events HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {TOKEN}\r\n"
            "Content-Length: 104857600\r\n\r\n".encode()
        )
        async with asyncio.timeout(10):
            assert (await reader.readline()).startswith(b"HTTP/1.1 413")
        writer.close()


async def test_a_compressed_body_is_refused(opened: Opens) -> None:
    """What it would grow to is not known before it has."""
    async with opened() as door:
        assert (await door.post(b"x", AUTHENTIC | {"Content-Encoding": "gzip"})).status_code == 415


async def test_2xx_is_said_only_when_it_is_in_the_ledger(opened: Opens) -> None:
    """While the ledger writes there is no answer; when there is one, another reader finds the event."""
    async with opened() as door:
        door.kept.may.clear()
        answering = asyncio.create_task(door.post(cloud_event(), STRUCTURED))
        done, _ = await asyncio.wait([answering], timeout=0.3)
        assert not done
        door.kept.may.set()
        assert (await answering).status_code == 202
        async with await door.site.engine.open_ledger() as another:
            assert len(await another.sightings()) == 1


async def test_what_cannot_be_kept_is_asked_for_again(opened: Opens) -> None:
    """503 and when to come back; the same event is taken then."""
    async with opened() as door:
        door.kept.broken = True
        answer = await door.post(cloud_event(), STRUCTURED)
        assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")
        door.kept.broken = False
        assert (await door.post(cloud_event(), STRUCTURED)).json() == {"sightings": 1}


async def test_an_event_sent_twice_counts_once(opened: Opens) -> None:
    """A sender whose answer was lost sends again; its id tells that it is the same."""
    async with opened() as door:
        for _ in range(2):
            assert (await door.post(cloud_event(), STRUCTURED)).status_code == 202
        assert [s.count for s in await door.sightings()] == [1]


async def test_an_event_sent_again_after_a_restart_counts_once(opened: Opens) -> None:
    """What was counted is known from the ledger, so a service that was killed in between knows it too."""
    for answered in (1, 0):
        async with opened() as door:
            assert (await door.post(cloud_event(), STRUCTURED)).json() == {"sightings": answered}
            assert [s.count for s in await door.sightings()] == [1]


async def test_an_event_twice_in_one_batch_counts_once(opened: Opens) -> None:
    """The same id and source is the same event, wherever it stands; another source's is another."""
    headers = AUTHENTIC | {"Content-Type": "application/cloudevents-batch+json"}
    async with opened() as door:
        await door.post([cloud_event(), cloud_event(), cloud_event(source="elastic")], headers)
        assert [s.count for s in await door.sightings()] == [2]


async def test_an_event_sent_again_while_it_is_being_kept_waits_its_turn(opened: Opens) -> None:
    """503 until it is known whether the first was kept; afterwards it is, and counts once."""
    async with opened() as door:
        door.kept.may.clear()
        first, second = (asyncio.create_task(door.post(cloud_event(), STRUCTURED)) for _ in range(2))
        done, _ = await asyncio.wait([first, second], return_when=asyncio.FIRST_COMPLETED)
        assert [task.result().status_code for task in done] == [503]
        door.kept.may.set()
        assert sorted([(await first).status_code, (await second).status_code]) == [202, 503]
        assert (await door.post(cloud_event(), STRUCTURED)).json() == {"sightings": 0}
        assert [s.count for s in await door.sightings()] == [1]


@pytest.mark.parametrize(
    "settings", [{"map": {"text": "raw", "id": "sid"}}, {"map": {"text": "raw"}, "delivery": "X-Delivery-Id"}]
)
async def test_plain_json_sent_again_counts_once(opened: Opens, settings: dict[str, Any]) -> None:
    """By the id that the settings find, in the body or in a header; with another id it is another event."""
    async with opened(**settings) as door:
        for sid in ("1", "1", "2"):
            await door.post({"raw": LINE, "sid": sid}, AUTHENTIC | {"X-Delivery-Id": sid})
        assert [s.count for s in await door.sightings()] == [2]


@pytest.mark.parametrize(
    ("event", "status", "says"),
    [
        (b"{", 400, "no JSON"),
        (b"[" * 100_000, 400, "no JSON"),
        (b'{"specversion": "1.0", "type": "retrust.log.signature", "data": {"text": "\xff\xfe"}}', 400, "no JSON"),
        ({"type": "retrust.log.signature"}, 400, "specversion"),
        (cloud_event(data={"text": 7}), 400, "text is missing"),
        (cloud_event("somebody.else"), 400, "map"),
        (cloud_event(data={"text": LINE, "site": "elsewhere"}), 422, "no such site"),
        (
            cloud_event(
                "retrust.certificate.renewed", {"site": "campus", "node": "secondary", "fingerprint": FINGERPRINT}
            ),
            403,
            "does not take",
        ),
    ],
)
async def test_what_cannot_be_understood_is_told(opened: Opens, event: Any, status: int, says: str) -> None:
    """An answer that helps whoever sets the sender up; nothing is kept."""
    async with opened() as door:
        answer = await door.post(event, STRUCTURED)
        assert (answer.status_code, says in answer.json()["error"]) == (status, True), answer.text
        assert await door.sightings() == []


async def test_text_that_tells_of_nothing_is_taken_and_keeps_nothing(opened: Opens) -> None:
    """A log platform sends what it sends; that is no error of it."""
    async with opened() as door:
        answer = await door.post(cloud_event(data={"text": "all is well"}), STRUCTURED)
        assert (answer.status_code, answer.json()) == (202, {"sightings": 0})


async def test_there_is_no_door_but_those_in_the_inventory(opened: Opens) -> None:
    """404, whoever asks."""
    async with opened() as door:
        assert (await door.post(cloud_event(), STRUCTURED, path="/other")).status_code == 404


def test_a_door_without_token_and_hmac_is_a_wrong_inventory() -> None:
    """What anybody may send is no event."""
    with pytest.raises(ValueError, match="needs token or hmac"):
        WebhookSettings()
