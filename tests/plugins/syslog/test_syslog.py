"""The source ``syslog`` on loopback: what comes over UDP, TCP and TLS is told, whose it is, and what was lost."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import socket
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization

from retrust.engine.loader import Plugins, load_plugins
from retrust.errors import PermanentError
from retrust.models import Endpoint
from retrust.testing.certificates import self_signed
from retrust.testing.deliveries import KeptDelivery
from retrust_plugins.syslog.source import Syslog, SyslogSettings
from retrust_plugins.syslog.udp import UdpListener

LINES = (
    "[system] [HealthMonitorThread] TOFU failed.",
    "Check local trust Trust-on-first-use is configure for this connection.",
    "Current certificate of the remote host is different from what was used earlier - CN={name}, C=US",
    "javax.net.ssl.SSLHandshakeException: java.security.cert.CertificateException:",
)


@pytest.fixture(scope="module")
def plugins() -> Plugins:
    return load_plugins()


@pytest.fixture
def heard(plugins: Plugins) -> KeptDelivery:
    """A delivery over an inventory of one site, whose primary has an address of its own."""
    site = SimpleNamespace(
        name="campus",
        endpoints=lambda: {
            "primary": Endpoint(host="10.0.0.11", port=8082),
            "secondary": Endpoint(host="10.0.0.12", port=8082),
        },
    )
    target = SimpleNamespace(holders=lambda _: ("primary", "secondary"))
    return KeptDelivery(
        SimpleNamespace(
            log_signatures=tuple(plugins.log_signatures.values()),
            inventory=SimpleNamespace(sites={"campus": site}),
            target=lambda _: target,
            site=lambda _: site,
        )
    )


def listening(heard: KeptDelivery, protocol: str, **settings: Any) -> Any:
    """The source with one listener on a free port."""
    listener = {"protocol": protocol, "port": 0} | settings.pop("listener", {})
    return heard.running(Syslog(), SyslogSettings.model_validate({"listen": [listener], **settings}))


def port_of(heard: KeptDelivery) -> int:
    found = re.search(r":(\d+)$", heard.said)
    assert found, heard.said
    return int(found[1])


def rfc5424(line: str, host: str = "10.0.0.11") -> bytes:
    return f"<131>1 2024-05-01T12:00:00.003Z {host} ncs 123 - - \ufeff{line}".encode()


def rfc3164(line: str, host: str = "10.0.0.11") -> bytes:
    return f"<131>May  1 12:00:00 {host} ncs[123]: {line}".encode()


def event(name: str, form: Any = rfc5424, host: str = "10.0.0.11") -> list[bytes]:
    return [form(line.format(name=name), host) for line in LINES]


@pytest.mark.parametrize("form", [rfc5424, rfc3164])
async def test_an_event_over_udp_is_told_as_the_hosts(heard: KeptDelivery, form: Any) -> None:
    """A line a datagram; the header's host is the inventory's node, whoever passed it on."""
    async with listening(heard, "udp"):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            for message in event("prime-sec", form):
                sender.sendto(message, ("127.0.0.1", port_of(heard)))
        await heard.until(lambda: heard.names == ["prime-sec"], "the event")
    seen = heard.seen[0]
    assert (seen.site, seen.holder, seen.role, seen.source) == ("campus", "primary", "peer", "syslog 10.0.0.11")
    assert seen.at.year == 2024 or form is rfc3164


async def test_the_largest_datagram_is_heard(heard: KeptDelivery) -> None:
    """65,507 bytes, the most that UDP carries, with the failure at their end."""
    with_all = b"<131>1 2024-05-01T12:00:00.003Z 10.0.0.11 ncs 123 - - "
    said = " ".join(line.format(name="prime-sec") for line in LINES).encode()
    message = with_all + b"x" * (65_507 - len(with_all) - len(said) - 1) + b" " + said
    async with listening(heard, "udp"):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            assert sender.sendto(message, ("127.0.0.1", port_of(heard))) == 65_507
        await heard.until(lambda: heard.names == ["prime-sec"], "the event")


async def test_hosts_that_speak_at_once_are_told_apart(heard: KeptDelivery) -> None:
    """Lines of two hosts through one relay come in turns, and make two events."""
    async with listening(heard, "udp"):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as relay:
            one, two = event("prime-sec", host="10.0.0.11"), event("prime-pri", host="10.0.0.12")
            for pair in zip(one, two, strict=True):
                for message in pair:
                    relay.sendto(message, ("127.0.0.1", port_of(heard)))
        await heard.until(lambda: len(heard.seen) == 2, "both events")
    assert {(s.holder, s.dn) for s in heard.seen} == {
        ("primary", "CN=prime-sec, C=US"),
        ("secondary", "CN=prime-pri, C=US"),
    }


async def test_lines_without_a_header_go_on_with_the_message_before(heard: KeptDelivery) -> None:
    """A whole event in one message that its sender did not count: its lines are one host's, and one event."""
    async with listening(heard, "tcp"):
        _, writer = await asyncio.open_connection("127.0.0.1", port_of(heard))
        writer.write(rfc3164("\n".join(LINES).format(name="prime-sec")) + b"\n<13>May  1 12:00:01 10.0.0.12 ncs: x\n")
        await writer.drain()
        await heard.until(lambda: heard.names == ["prime-sec"], "the event")
        writer.close()
        await writer.wait_closed()
    assert (heard.seen[0].holder, heard.seen[0].role) == ("primary", "peer")


@pytest.mark.parametrize(
    "form", ["<13>{line}", "<189>17: {host}: *Mar 14 09:26:53.589 NewYork: {line}", "<13>{host} ncs: {line}"]
)
async def test_a_message_without_a_readable_time_is_of_when_it_came(heard: KeptDelivery, form: str) -> None:
    """A live source vouches for it: it was said just before it was heard."""
    async with listening(heard, "udp"):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            for message in event("prime-sec", lambda line, host: form.format(line=line, host=host).encode()):
                sender.sendto(message, ("127.0.0.1", port_of(heard)))
        await heard.until(lambda: heard.names == ["prime-sec"], "the event")
    assert heard.seen[0].at == heard.seen[0].received_at


@pytest.mark.parametrize("framing", ["counted", "lines", "zeros"])
async def test_events_over_tcp_are_told_however_they_are_framed(heard: KeptDelivery, framing: str) -> None:
    """Octet-counted, ended by newlines or zeros, with a line of a megabyte and bytes that are no text between them."""
    noise = [b"<13>" + b"x" * 1_000_000, b"<13>\xff\xfe\xc3\x28"]
    said = [*event("first"), *noise, *event("second")]
    end = b"\0" if framing == "zeros" else b"\n"
    data = b"".join(b"%d %s" % (len(m), m) if framing == "counted" else m + end for m in said)
    async with listening(heard, "tcp"):
        _, writer = await asyncio.open_connection("127.0.0.1", port_of(heard))
        writer.write(data)
        await writer.drain()
        await heard.until(lambda: len(heard.names) == 2, "both events")
        writer.close()
        await writer.wait_closed()
    assert heard.names == ["first", "second"]


async def test_tls_asks_for_a_certificate_where_the_settings_do(heard: KeptDelivery, tmp_path: Path) -> None:
    """A sender whose certificate the CA vouches for is heard; one without is not."""
    server, client = self_signed("127.0.0.1"), self_signed("rsyslog")
    for name, one in (("server", server), ("client", client)):
        (tmp_path / f"{name}.pem").write_bytes(one.pem)
        (tmp_path / f"{name}.key").write_bytes(
            one.key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )
    files = {"certificate": tmp_path / "server.pem", "key": tmp_path / "server.key", "ca": tmp_path / "client.pem"}
    trusting = ssl.create_default_context(cafile=str(tmp_path / "server.pem"))
    trusting.check_hostname = False
    trusting.verify_flags &= ~getattr(ssl, "VERIFY_X509_STRICT", 0)
    async with listening(heard, "tls", listener=files):
        await _say(port_of(heard), trusting, event("nobody"))
        trusting.load_cert_chain(tmp_path / "client.pem", tmp_path / "client.key")
        await _say(port_of(heard), trusting, event("prime-sec"))
        await heard.until(lambda: heard.names, "the event")
    assert heard.names == ["prime-sec"]


async def _say(port: int, context: ssl.SSLContext, messages: list[bytes]) -> None:
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context)
        writer.write(b"".join(m + b"\n" for m in messages))
        await writer.drain()
        writer.close()
        await writer.wait_closed()
    except (ssl.SSLError, ConnectionError):
        pass


async def test_the_settings_say_whose_a_host_is(heard: KeptDelivery) -> None:
    """A host that the inventory does not name by that name."""
    async with listening(heard, "udp", senders={"prime-sec": "campus/secondary"}):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            for message in event("prime-pri", host="prime-sec"):
                sender.sendto(message, ("127.0.0.1", port_of(heard)))
        await heard.until(lambda: heard.seen, "the event")
    assert (heard.seen[0].site, heard.seen[0].holder) == ("campus", "secondary")


async def test_a_sender_that_the_inventory_does_not_know_is_a_mistake(heard: KeptDelivery) -> None:
    """Settings that name a site which is none end the source with an error that says so."""
    async with listening(heard, "udp", senders={"x": "elsewhere"}) as task:
        with pytest.raises(PermanentError, match="elsewhere"):
            await task


async def test_what_cannot_be_kept_is_told_later_and_counted_exactly(heard: KeptDelivery) -> None:
    """While the ledger is away everything is heard and counted; nothing of it is lost or told twice."""
    heard.refuses = 2
    async with listening(heard, "udp"):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            for _ in range(50):
                for message in event("prime-sec"):
                    sender.sendto(message, ("127.0.0.1", port_of(heard)))
        await heard.until(lambda: sum(s.count for s in heard.seen) >= 50, "all of them")
    assert (sum(s.count for s in heard.seen), heard.refuses) == (50, 0)


async def test_last_words_are_told_when_the_source_is_stopped(heard: KeptDelivery) -> None:
    """An event that came a moment before the end is not lost."""
    async with listening(heard, "udp"):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            for message in event("prime-sec"):
                sender.sendto(message, ("127.0.0.1", port_of(heard)))
    assert heard.names == ["prime-sec"]


async def test_what_the_kernel_drops_is_counted() -> None:
    """Datagrams that came while nobody read are either heard or counted as dropped."""
    came: list[bytes] = []
    listener = UdpListener("127.0.0.1", 0, lambda datagrams: came.extend(data for data, _ in datagrams))
    try:
        port = int(listener.address.rpartition(":")[2])
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            for _ in range(2000):  # without a turn of the loop between them
                sender.sendto(b"x" * 60_000, ("127.0.0.1", port))
        sent, dropped = 2000, listener.newly_dropped()
    finally:
        listener.close()
    assert dropped > 0
    assert len(came) + dropped == sent


@asynccontextmanager
async def rsyslog(recipe: str, folder: Path, log: Path, port: int) -> AsyncIterator[None]:
    """A real rsyslog that runs the guide's lines, with this log and port, and nothing else."""
    daemon = shutil.which("rsyslogd", path=f"{os.environ['PATH']}:/usr/sbin")
    if daemon is None:
        pytest.skip("no rsyslogd is installed")
    lines = recipe.replace("/var/log/prime/primary/hm-*.log", str(log)).replace('port="6514"', f'port="{port}"')
    (folder / "rsyslog.conf").write_text(f'global(workDirectory="{folder}")\n{lines}')
    process = await asyncio.create_subprocess_exec(
        daemon,
        "-n",
        "-f",
        str(folder / "rsyslog.conf"),
        "-i",
        str(folder / "pid"),
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        yield
    finally:
        process.terminate()
        await process.wait()


async def test_rsyslog_sends_what_a_log_says(
    heard: KeptDelivery, tmp_path: Path, guide: Callable[[str], list[str]]
) -> None:
    """By the guide's configuration, each failure of a followed log is an event of the host that the settings name."""
    [recipe] = guide("rsyslog")
    log = tmp_path / "hm-0-0.log"
    with log.open("a") as lines:
        async with (
            listening(heard, "tcp", senders={socket.gethostname(): "campus/primary"}),
            rsyslog(recipe, tmp_path, log, port_of(heard)),
        ):
            for name in ("prime-sec", "prime-pri"):
                lines.write("".join(f"{line.format(name=name)}\n" for line in LINES))
                lines.flush()
                await heard.until(lambda name=name: name in heard.names, f"the event of {name}")  # type: ignore[misc]
    assert {(s.site, s.holder) for s in heard.seen} == {("campus", "primary")}
