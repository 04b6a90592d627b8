"""Where a look is taken from: this machine, a node's channel, each address of a name, the node's own client's hello."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Callable
from typing import Any

import pytest

from retrust.errors import TemporaryError
from retrust.models import Endpoint, Presented
from retrust.ssh import ChannelsForbidden
from retrust.target import Place
from retrust.testing.certificates import self_signed, tls_server
from retrust.trust.looks import ADDRESSES, Looks
from retrust.x509 import fingerprint
from retrust.x509.hello import Hello

NAME = "ise.example.com"


class Channels:
    """A connection whose node reaches these endpoints, each at a real server, and no other."""

    def __init__(self, ways: dict[Endpoint, Endpoint]) -> None:
        self.ways = ways
        self.opened: list[asyncio.StreamWriter] = []

    async def tunnel(self, node: str, endpoint: Endpoint) -> tuple[Any, Any]:
        if endpoint not in self.ways:
            raise ChannelsForbidden("no channel", where=node)
        real = self.ways[endpoint]
        reader, writer = await asyncio.open_connection(real.host, real.port)
        self.opened.append(writer)
        return reader, writer


def eyes(ways: dict[Endpoint, Endpoint], **at: Any) -> tuple[Looks, Channels]:
    channels: Any = Channels(ways)
    return Looks.at(Place("endpoint", **at), channels), channels


@pytest.fixture
def resolve(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Gives ``NAME`` addresses in this machine's resolver; none: it is not known there."""
    asked = socket.getaddrinfo

    def resolving(*addresses: str) -> None:
        def answer(host: Any, port: Any, *rest: Any, **more: Any) -> Any:
            if host != NAME:
                return asked(host, port, *rest, **more)
            if not addresses:
                raise socket.gaierror("Name or service not known")
            kinds = {True: socket.AF_INET6, False: socket.AF_INET}
            return [(kinds[":" in a], socket.SOCK_STREAM, 6, "", (a, port)) for a in addresses]

        monkeypatch.setattr(socket, "getaddrinfo", answer)

    return resolving


async def test_the_same_endpoint_is_seen_from_here_and_through_a_node() -> None:
    """Who answers us need not be who answers the node: each look says what is presented there."""
    ours, theirs = self_signed("prime"), self_signed("prime")
    async with tls_server(ours.context()) as here, tls_server(theirs.context()) as there:
        looks, channels = eyes({here: there})
        assert (await looks.from_here(here)).fingerprint == fingerprint(ours.der)
        assert (await looks.through("primary", here)).fingerprint == fingerprint(theirs.der)
        assert [writer.is_closing() for writer in channels.opened] == [True]


async def test_a_channel_is_closed_whatever_answers() -> None:
    """A far side that speaks no TLS leaves no channel open."""

    async def rude(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"SSH-2.0-x\r\n")
        writer.close()

    async with await asyncio.start_server(rude, "127.0.0.1", 0) as server:
        there = Endpoint(host="127.0.0.1", port=server.sockets[0].getsockname()[1])
        looks, channels = eyes({there: there})
        with pytest.raises(TemporaryError):
            await looks.through("primary", there)
        assert [writer.is_closing() for writer in channels.opened] == [True]


async def test_a_node_that_opens_no_channel_says_so() -> None:
    """It is raised by the look that asked; as one of several looks it is told as what was seen."""
    looks, _ = eyes({}, hello=a_hello())
    nowhere = Endpoint(host="192.0.2.1", port=443)
    with pytest.raises(ChannelsForbidden):
        await looks.through("primary", nowhere)
    ((words, seen),) = await looks.otherwise_through("primary", nowhere)
    assert words == "primary, with its own client's hello,"
    assert isinstance(seen, ChannelsForbidden)


async def test_a_place_is_looked_at_in_its_own_way() -> None:
    """Where the place names a prober, that one looks, from here and through a node; nothing speaks TLS then."""

    class Prober:
        async def probe(self, endpoint: Endpoint, *, timeout: float) -> Any:
            return "from here"

        async def probe_over(self, reader: Any, writer: Any, *, endpoint: Endpoint, timeout: float) -> Any:
            return "over a channel"

    async with tls_server(self_signed("x").context()) as there:
        looks, _ = eyes({there: there}, prober=Prober())
        assert await looks.from_here(there) == "from here"  # type: ignore[comparison-overlap]
        assert await looks.through("primary", there) == "over a channel"  # type: ignore[comparison-overlap]


async def test_a_name_is_asked_for_at_each_of_its_addresses(resolve: Callable[..., None]) -> None:
    """By number through the node, and with the name: servers that differ behind one name are told apart."""
    one, two, asked = self_signed("ise"), self_signed("ise"), []
    contexts = [made.context() for made in (one, two)]
    for context in contexts:
        context.sni_callback = lambda _socket, name, _context: asked.append(name)
    resolve("192.0.2.1", "2001:db8::2", "192.0.2.1")
    async with tls_server(contexts[0]) as first, tls_server(contexts[1]) as second:
        looks, _ = eyes({at("192.0.2.1"): first, at("2001:db8::2"): second})
        seen = dict(await looks.otherwise_through("primary", at(NAME)))
    assert {words: found.fingerprint for words, found in seen.items() if isinstance(found, Presented)} == {
        "primary, which asks for 192.0.2.1:443 by number,": fingerprint(one.der),
        "primary, which asks for [2001:db8::2]:443 by number,": fingerprint(two.der),
    }
    assert asked == [NAME, NAME]


async def test_addresses_beyond_the_limit_are_told(resolve: Callable[..., None]) -> None:
    """Not asked for, and said: nobody takes them for seen."""
    resolve(*(f"192.0.2.{n}" for n in range(1, ADDRESSES + 3)))
    looks, _ = eyes({})
    seen = await looks.otherwise_through("primary", at(NAME))
    assert len(seen) == ADDRESSES + 1
    assert "has 10 addresses here; 2 of them were not asked for" in str(seen[-1][1])


async def test_what_has_no_other_address_is_not_looked_at_otherwise(resolve: Callable[..., None]) -> None:
    """A number, and a name that this machine does not know, give no further look, and no error."""
    resolve()
    looks, _ = eyes({})
    assert await looks.otherwise_through("primary", at("192.0.2.1")) == []
    assert await looks.otherwise_through("primary", at(NAME)) == []


async def test_the_nodes_own_hello_sees_what_the_node_is_shown() -> None:
    """Sent as it was captured: who chooses by the hello shows a look with another one another certificate."""
    made = self_signed("prime")
    async with tls_server(made.context()) as there:
        looks, channels = eyes({there: there}, hello=a_hello())
        ((words, seen),) = await looks.otherwise_through("primary", there)
        assert words == "primary, with its own client's hello,"
        assert isinstance(seen, Presented)
        assert seen.fingerprint == fingerprint(made.der)
        assert [writer.is_closing() for writer in channels.opened] == [True]


def at(host: str) -> Endpoint:
    return Endpoint(host=host, port=443)


def a_hello() -> Hello:
    """The record that this machine's OpenSSL sends first."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    sent = ssl.MemoryBIO()
    with pytest.raises(ssl.SSLWantReadError):
        context.wrap_bio(ssl.MemoryBIO(), sent).do_handshake()
    return Hello(sent.read())
