"""The probe sees certificates without trusting them, and says plainly why it could not."""

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import asyncssh
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from retrust.errors import RetrustError, TemporaryError
from retrust.models import Endpoint, Presented
from retrust.testing.certificates import self_signed, tls_server
from retrust.x509.certificates import fingerprint
from retrust.x509.tls import Connect, probe, probe_many, probe_over

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def plain_server(serve: Serve) -> AsyncIterator[Endpoint]:
    """A TCP server that speaks no TLS."""

    async def closing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await serve(reader, writer)
        finally:
            writer.transport.abort()

    server = await asyncio.start_server(closing, "127.0.0.1", 0)
    try:
        yield Endpoint(host="127.0.0.1", port=server.sockets[0].getsockname()[1])
    finally:
        server.close()


@asynccontextmanager
async def ways_to(real: Endpoint) -> AsyncIterator[Connect]:
    """Connects to ``real`` whatever endpoint is asked for, and closes what it opened."""
    opened: list[asyncio.StreamWriter] = []

    async def elsewhere(_: Endpoint) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        reader, writer = await asyncio.open_connection(real.host, real.port)
        opened.append(writer)
        return reader, writer

    yield elsewhere
    for writer in opened:
        writer.close()
        await writer.wait_closed()


def unused_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "localhost"])
async def test_a_certificate_is_seen_and_not_trusted(host: str) -> None:
    """A self-signed certificate is told whole, over IPv4, IPv6 and a name."""
    made = self_signed("prime-sec")
    async with tls_server(made.context(), "127.0.0.1" if host == "localhost" else host) as endpoint:
        presented = await probe(Endpoint(host=host, port=endpoint.port))
    assert presented.fingerprint == fingerprint(made.der)
    assert presented.chain == (made.der,)


async def test_no_data_is_sent() -> None:
    """The far side sees a finished handshake and an orderly end, and not one byte in between."""
    received: asyncio.Queue[bytes] = asyncio.Queue()
    async with tls_server(self_signed("x").context(), received=received) as endpoint:
        await probe(endpoint)
        assert await asyncio.wait_for(received.get(), 5) == b""


@pytest.mark.parametrize(
    ("host", "server_name", "sent"),
    [
        ("prime-sec.example.com", None, "prime-sec.example.com"),
        ("prime-sec.example.com.", None, "prime-sec.example.com"),
        ("192.0.2.1", None, None),
        ("2001:db8::1", None, None),
        ("192.0.2.1", "prime-sec.example.com", "prime-sec.example.com"),
    ],
)
async def test_sni_carries_names_only(host: str, server_name: str | None, sent: str | None) -> None:
    """A name is sent, an address is not, and the caller may name another."""
    names: list[str | None] = []
    context = self_signed("x").context()
    context.sni_callback = lambda _socket, name, _context: names.append(name)
    async with tls_server(context) as real, ways_to(real) as elsewhere:
        await probe(Endpoint(host=host, port=443), server_name=server_name, connect=elsewhere)
    assert names == [sent]


async def test_old_appliances_are_seen() -> None:
    """TLS 1.2 with a 1024-bit RSA key is refused by defaults, and seen by the probe."""
    made = self_signed("old", key=rsa.generate_private_key(public_exponent=65537, key_size=1024))
    context = made.context()
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    async with tls_server(context) as endpoint:
        assert (await probe(endpoint)).fingerprint == fingerprint(made.der)


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion.TLSv1 is deprecated")
async def test_tls_1_0_is_seen_where_the_site_says_so() -> None:
    """An endpoint that speaks nothing newer is seen with ``old`` alone: no look offers what no holder would."""
    made = self_signed("older", key=rsa.generate_private_key(public_exponent=65537, key_size=2048))
    context = made.context()
    context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1
    async with tls_server(context) as endpoint:
        assert (await probe(endpoint, old=True)).fingerprint == fingerprint(made.der)
        with pytest.raises(TemporaryError, match="the TLS handshake"):
            await probe(endpoint)


async def test_the_chain_is_told_leaf_first() -> None:
    """What the endpoint sent beside its leaf is kept."""
    leaf, issuer = self_signed("leaf"), self_signed("issuer")
    async with tls_server(leaf.context(issuer)) as endpoint:
        chain = (await probe(endpoint)).chain
    assert chain == (leaf.der, issuer.der)


async def test_a_refused_connection() -> None:
    """Nothing listens: refused, with the place and what to check."""
    endpoint = Endpoint(host="127.0.0.1", port=unused_port())
    with pytest.raises(TemporaryError, match="refused the connection") as error:
        await probe(endpoint)
    assert error.value.where == str(endpoint)
    assert error.value.hint


@pytest.mark.parametrize("host", ["no-such-host.invalid", ".leading.dot", "a" * 80, "two words"])
async def test_a_name_that_does_not_resolve(host: str) -> None:
    """An unknown or impossible name is said to be one."""
    with pytest.raises(TemporaryError, match="name is not resolved"):
        await probe(Endpoint(host=host, port=443))


async def test_a_server_that_accepts_and_is_silent() -> None:
    """The time-out covers the handshake, and the error says that the connection stood."""

    async def silent(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
        await reader.read()

    async with plain_server(silent) as endpoint:
        with pytest.raises(TemporaryError, match=r"did not finish the TLS handshake within 0\.05 s"):
            await probe(endpoint, timeout=0.05)


async def test_a_connection_that_never_opens() -> None:
    """The time-out covers the connection, and the error does not pretend that it stood."""

    async def never(_endpoint: Endpoint) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        raise await asyncio.get_running_loop().create_future()

    with pytest.raises(TemporaryError, match=r"did not answer within 0\.05 s"):
        await probe(Endpoint(host="127.0.0.1", port=443), timeout=0.05, connect=never)


@pytest.mark.parametrize(
    "greeting", [b"SSH-2.0-OpenSSH_9.2\r\n", b"HTTP/1.1 400 Bad Request\r\n\r\n", b"220 mail ESMTP\r\n", b"\x00" * 64]
)
async def test_a_server_that_speaks_no_tls(greeting: bytes) -> None:
    """Another protocol on the port is named as such."""

    async def greet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(greeting)
        await reader.read()

    async with plain_server(greet) as endpoint:
        with pytest.raises(TemporaryError, match="does not speak TLS"):
            await probe(endpoint)


async def test_a_server_that_hangs_up() -> None:
    """A connection closed during the handshake is named as such."""

    async def hang_up(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
        await reader.read(1)

    async with plain_server(hang_up) as endpoint:
        with pytest.raises(TemporaryError, match="closed the connection during the TLS handshake"):
            await probe(endpoint)


async def test_a_handshake_that_the_server_refuses() -> None:
    """A server that ends the handshake with an alert gives its reason."""

    async def alert(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write(bytes.fromhex("15 03 03 00 02 02 28"))
        await reader.read()

    async with plain_server(alert) as endpoint:
        with pytest.raises(TemporaryError, match=r"refused the TLS handshake: .*handshake failure"):
            await probe(endpoint)


async def test_many_endpoints_each_have_their_own_answer() -> None:
    """Certificates and errors side by side, duplicates once, in the order given."""
    first, second = self_signed("a"), self_signed("b")
    gone = Endpoint(host="127.0.0.1", port=unused_port())
    async with tls_server(first.context()) as a, tls_server(second.context()) as b:
        seen = await probe_many([a, gone, b, a], limit=2)
    assert list(seen) == [a, gone, b]
    found = [s.fingerprint if isinstance(s, Presented) else type(s) for s in seen.values()]
    assert found == [fingerprint(first.der), TemporaryError, fingerprint(second.der)]
    assert await probe_many([]) == {}


async def test_many_endpoints_are_probed_within_the_limit() -> None:
    """Never more than ``limit`` connections stand at once."""
    open_now = most = 0

    async def count(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
        nonlocal open_now, most
        open_now += 1
        most = max(most, open_now)
        await reader.read(1)
        open_now -= 1

    async with plain_server(count) as one:
        addresses = [Endpoint(host=f"127.0.0.{i}", port=one.port) for i in range(1, 40)]
        seen = await probe_many(addresses, limit=4)
    assert all(isinstance(answer, RetrustError) for answer in seen.values())
    assert 1 <= most <= 4


class Forwarding(asyncssh.SSHServer):
    """An SSH server that lets anyone in and forwards where it is asked to."""

    def begin_auth(self, username: str) -> bool:
        return False

    def connection_requested(self, dest_host: str, dest_port: int, orig_host: str, orig_port: int) -> bool:
        return True


async def test_a_handshake_through_an_ssh_channel() -> None:
    """The same certificate is seen through a direct-tcpip channel, and the channel stays the caller's."""
    made = self_signed("prime-sec")
    key = asyncssh.generate_private_key("ssh-ed25519")
    async with (
        tls_server(made.context()) as endpoint,
        asyncssh.listen("127.0.0.1", 0, server_factory=Forwarding, server_host_keys=[key]) as sshd,
        asyncssh.connect(
            "127.0.0.1", sshd.get_port(), config=None, known_hosts=([key.convert_to_public()], [], []), username="admin"
        ) as session,
    ):
        reader, writer = await session.open_connection(endpoint.host, endpoint.port)
        presented = await probe_over(reader, writer, endpoint=endpoint)
        writer.close()
        await writer.wait_closed()
        assert presented.fingerprint == fingerprint(made.der)


async def test_a_channel_that_ends_early() -> None:
    """A channel that closes before the handshake is done is an error of the endpoint."""

    async def hang_up(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
        await reader.read(1)

    async with plain_server(hang_up) as endpoint:
        reader, writer = await asyncio.open_connection(endpoint.host, endpoint.port)
        with pytest.raises(TemporaryError, match="closed the connection"):
            await probe_over(reader, writer, endpoint=endpoint)
        writer.close()
        await writer.wait_closed()


async def test_another_way_to_an_endpoint() -> None:
    """With ``connect`` the endpoint keeps its name, and the bytes go where the caller says."""
    made = self_signed("x")
    async with tls_server(made.context()) as real, ways_to(real) as elsewhere:
        presented = await probe(Endpoint(host="192.0.2.1", port=443), connect=elsewhere)
    assert presented.fingerprint == fingerprint(made.der)
