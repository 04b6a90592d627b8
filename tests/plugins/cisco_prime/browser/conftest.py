"""A small appliance on loopback, over real TLS, behind deliberately different page designs (``skins``).

It knows nothing of the driver: it keeps a state, answers requests, and writes down what was asked of it.
"""

from __future__ import annotations

import asyncio
import datetime
import json
import os
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import parse_qs

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from pydantic import SecretStr

from retrust.browser.chromium import open_browser
from retrust.models import Endpoint
from retrust.secrets.redaction import Redactor
from retrust_plugins.cisco_prime.browser import BrowserSettings, HaRequest, IseRequest, WebAccess
from retrust_plugins.cisco_prime.browser.session import Session
from retrust_plugins.cisco_prime.browser.view import View, selector_engines

if TYPE_CHECKING:
    from playwright.async_api import Page

SKINS = Path(__file__).parent / "skins"
PASSWORD, HA_KEY, ISE_PASSWORD = "pw-7Rk!x<9", "key-Q2m&8z", "ise-V5t%3w"
CHECKS = (
    "CPU COUNT",
    "DISK IOPS",
    "RAM SIZE",
    "SERVER PING REACHABILITY",
    "HEALTH MONITOR STATUS",
    "DATABASE ONLINE STATUS",
)
MILESTONES = ("Pre-HA Registration", "Database Replication", "Post HA Registration")


@dataclass(frozen=True)
class Certificate:
    """A self-made server certificate; ``chain`` are PEM files for a server, ``ca`` is what vouches for it."""

    fingerprint: str
    pem: Path
    ca: Path

    def context(self) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.pem)
        return context


def make_certificate(folder: Path, name: str, *, behind: Certificate | None = None) -> Certificate:
    """A certificate for 127.0.0.1; ``behind`` sends another one's after its own, as an interceptor may."""
    import ipaddress

    key = ec.generate_private_key(ec.SECP256R1())
    dn = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(dn)
        .issuer_name(dn)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=9))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), True)
        .sign(key, hashes.SHA256())
    )
    public = made.public_bytes(serialization.Encoding.PEM)
    pem, ca = folder / f"{name}.pem", folder / f"{name}-ca.pem"
    after = behind.ca.read_bytes() if behind else b""
    pem.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        + public
        + after
    )
    ca.write_bytes(public)
    return Certificate("SHA256:" + made.fingerprint(hashes.SHA256()).hex(), pem, ca)


@dataclass
class Appliance:
    """State and behaviour of one appliance; tests set the fields before they open its pages."""

    certificate: Certificate
    skin: str = "native"
    mode: str = "HA Not Configured"
    mode_after: str = "Primary Active"
    failing_check: str | None = None
    failing_milestone: int | None = None
    stuck_milestone: int | None = None
    signs_out: bool = False
    signed_out: bool = False
    question: str = "Do you want to proceed with HA registration?"
    popups: bool = True
    login_page: str | None = None
    ise_refusal: str | None = None
    ise_status: str = "Reachable"
    ise: list[dict[str, str]] = field(default_factory=list)
    percents: list[int] | None = None
    ready: bool = False
    requests: list[str] = field(default_factory=list)
    posts: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    port: int = 0
    step: int = 50

    def state(self) -> dict[str, object]:
        """What pages show; every look moves a running registration on."""
        if self.percents is not None and self.mode != self.mode_after:
            self._advance()
        return {
            "mode": self.mode,
            "question": self.question,
            "popups": self.popups,
            "ready": self.ready,
            "checks": [[name, "Failed" if name == self.failing_check else "Pass"] for name in CHECKS],
            "milestones": []
            if self.percents is None
            else [
                [name, percent, self._failed(at)]
                for at, (name, percent) in enumerate(zip(MILESTONES, self.percents, strict=True))
            ],
            "ise": self.ise,
            "virtual": True,
        }

    def _failed(self, at: int) -> str:
        if self.failing_milestone == at and self.percents and self.percents[at] >= 40:
            return "Failed: the secondary server rejected the connection"
        return ""

    def _advance(self) -> None:
        assert self.percents is not None
        at = next((i for i, p in enumerate(self.percents) if p < 100), None)
        if at is None:
            self.mode = self.mode_after
        elif at in (self.failing_milestone, self.stuck_milestone) and self.percents[at] >= 40:
            return
        else:
            self.mode = "HA Initializing"
            self.percents[at] = min(100, self.percents[at] + self.step)

    def answer(self, method: str, path: str, form: dict[str, str], logged_in: bool) -> tuple[str, str, str]:
        """(status, extra header, body) of a request."""
        if method == "POST":
            self.posts.append((path, form))
        if path == "/api/readiness" and self.signs_out:
            self.signs_out, self.signed_out = False, True
        logged_in = logged_in and not self.signed_out
        if path == "/j_check":
            good = form.get("j_username") == "root" and form.get("j_password") == PASSWORD
            self.signed_out = self.signed_out and not good
            return (
                ("302 Found", "Location: /\r\nSet-Cookie: session=1; Secure; HttpOnly", "")
                if good
                else ("200 OK", "", self.page("login").replace("<!--error-->", "Invalid username or password."))
            )
        if self.login_page and not logged_in:
            return "200 OK", "", self.login_page
        if not logged_in:
            return "200 OK", "", self.page("login")
        return "200 OK", "", self.inside(method, path, form)

    def inside(self, method: str, path: str, form: dict[str, str]) -> str:
        if path == "/api/readiness":
            self.ready = True
        elif path == "/api/register":
            self.percents = [0, 0, 0]
        elif path == "/api/ise" and self.ise_refusal:
            return json.dumps({"error": self.ise_refusal})
        elif path == "/api/ise":
            self.ise.append({"host": form["host"], "port": form.get("port", "443"), "status": self.ise_status})
        if path.startswith("/api/"):
            return json.dumps(self.state())
        name = path.strip("/").split("?")[0] or "main"
        return self.page(name)

    def page(self, name: str) -> str:
        own, shared = SKINS / self.skin / f"{name}.html", SKINS / f"{name}.html"
        file = own if own.exists() else shared
        return file.read_text(encoding="utf-8") if file.exists() else "<p>404 not found</p>"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                lines = head.decode().split("\r\n")
                method, path, _ = lines[0].split(" ")
                headers = {k.lower(): v for k, _, v in (line.partition(": ") for line in lines[1:] if line)}
                body = (await reader.readexactly(int(headers.get("content-length", "0")))).decode()
                self.requests.append(f"{method} {path}")
                form = {k: v[0] for k, v in parse_qs(body, keep_blank_values=True).items()}
                status, extra, text = self.answer(method, path, form, "session=1" in headers.get("cookie", ""))
                data = text.encode()
                kind = "application/json" if path.startswith("/api/") else "text/html; charset=utf-8"
                writer.write(
                    (
                        f"HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {len(data)}\r\n"
                        f"Cache-Control: no-store\r\n{extra + chr(13) + chr(10) if extra else ''}\r\n"
                    ).encode()
                    + data
                )
                await writer.drain()
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.transport.abort()

    def access(self, **changes: object) -> WebAccess:
        given: dict[str, object] = {
            "node": "primary",
            "host": "127.0.0.1",
            "port": self.port,
            "username": "root",
            "password": SecretStr(PASSWORD),
            "fingerprint": self.certificate.fingerprint,
            **changes,
        }
        return WebAccess(**given)


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    return make_certificate(tmp_path_factory.mktemp("certificates"), "prime-pri")


@pytest.fixture(scope="session")
def other_certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    return make_certificate(tmp_path_factory.mktemp("others"), "prime-new")


@pytest.fixture(scope="session")
def interceptor_certificate(tmp_path_factory: pytest.TempPathFactory, certificate: Certificate) -> Certificate:
    return make_certificate(tmp_path_factory.mktemp("interceptor"), "prime-pri", behind=certificate)


@pytest.fixture
def unused_tcp_port_of() -> Callable[[], Awaitable[int]]:
    """A port that was just closed again."""

    async def closed() -> int:
        server = await asyncio.start_server(lambda r, w: w.close(), "127.0.0.1", 0)
        port = int(server.sockets[0].getsockname()[1])
        server.close()
        await server.wait_closed()
        return port

    return closed


@pytest.fixture
def processes_below() -> Callable[[], set[int]]:
    """The processes that this one started, and theirs, as far as they run."""

    def below() -> set[int]:
        parents: dict[int, int] = {}
        for stat in Path("/proc").glob("[0-9]*/stat"):
            try:
                state, parent = stat.read_text().rsplit(")", 1)[1].split()[:2]
            except (OSError, ValueError):
                continue
            if state != "Z":
                parents[int(stat.parent.name)] = int(parent)
        found, grown = {os.getpid()}, True
        while grown:
            more = {pid for pid, parent in parents.items() if parent in found} - found
            found, grown = found | more, bool(more)
        return found - {os.getpid()}

    if not Path("/proc/self/stat").exists():
        pytest.skip("processes are looked up in /proc")
    return below


Start = Callable[..., Awaitable[Appliance]]


@pytest.fixture
async def start(certificate: Certificate) -> AsyncIterator[Start]:
    """Start an appliance; ``served`` is the certificate that it really presents."""
    servers = []

    async def begin(skin: str = "native", *, served: Certificate | None = None, **fields: object) -> Appliance:
        appliance = Appliance(certificate, skin, **fields)
        server = await asyncio.start_server(
            appliance.serve, "127.0.0.1", 0, ssl=(served or certificate).context(), ssl_shutdown_timeout=0.2
        )
        appliance.port = server.sockets[0].getsockname()[1]
        servers.append(server)
        return appliance

    yield begin
    for server in servers:
        server.close()


@pytest.fixture
def quick() -> BrowserSettings:
    """Limits for pages on loopback."""
    return BrowserSettings(page=6, settle=0.4, poll=0.1, reload=1.0, readiness=8, stalled=12, registration=40, saving=5)


@pytest.fixture
def ha_request() -> HaRequest:
    return HaRequest(
        secondary="10.0.0.12",
        authentication_key=SecretStr(HA_KEY),
        email=("noc@example.com", "ops@example.com"),
        failover="manual",
        virtual_ipv4="10.0.0.10",
        virtual_ipv6="2001:db8::10",
    )


@pytest.fixture
def ise_request() -> IseRequest:
    return IseRequest(host="10.0.0.21", username="admin", password=SecretStr(ISE_PASSWORD), port=9443)


@dataclass
class Sheet:
    """A page that a test writes itself, and a view of it."""

    page: Page
    view: View
    session: Session

    async def show(self, html: str) -> None:
        await self.page.set_content(f"<!doctype html><title>Sheet</title>{html}")


@pytest.fixture
async def sheet(quick: BrowserSettings, certificate: Certificate) -> AsyncIterator[Sheet]:
    """A browser without a server."""
    here = Endpoint(host="127.0.0.1", port=9)
    access = WebAccess(
        node="primary",
        host=here.host,
        port=here.port,
        username="root",
        password=SecretStr(PASSWORD),
        fingerprint=certificate.fingerprint,
    )
    async with open_browser(
        here, node="primary", fingerprint=certificate.fingerprint, engines=selector_engines()
    ) as opened:
        page = await opened.context.new_page()
        view = View(opened, page, access, quick, Redactor())
        yield Sheet(page, view, Session(view, lambda _: None))
