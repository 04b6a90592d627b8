"""Looking at SSH servers without trusting them."""

from __future__ import annotations

import asyncio

import pytest

from retrust.errors import PermanentError, TemporaryError
from retrust.models import Endpoint, Presented
from retrust_plugins.openssh.hostkeys import HostKeys
from retrust_plugins.openssh.known_hosts import as_openssh_prints


def at(node):
    return Endpoint(host="127.0.0.1", port=node.port)


async def test_the_type_that_was_asked_for(start):
    """Of a server's keys the one of the pin's type is seen."""
    node = await start("ssh-ed25519", "ecdsa-sha2-nistp256", "ssh-rsa")
    for key in node.keys:
        seen = await HostKeys.liking(key.get_algorithm()).probe(at(node), timeout=10)
        assert as_openssh_prints(seen.fingerprint) == key.get_fingerprint()


@pytest.mark.parametrize("key_type", ["ecdsa-sha2-nistp256", "sk-ssh-ed25519@openssh.com", "ssh-dss", "ssh-crystal"])
async def test_a_type_that_the_server_lacks(start, key_type):
    """A server without such a key shows another, whether or not this machine can speak that type."""
    node = await start()
    seen = await HostKeys.liking(key_type).probe(at(node), timeout=10)
    assert as_openssh_prints(seen.fingerprint) == node.keys[0].get_fingerprint()


async def test_a_type_that_nobody_asks_for(start):
    """A server that shows no key of the types asked for is an error, not a difference."""
    with pytest.raises(PermanentError, match="shows no host key of a known type"):
        await HostKeys(("ssh-ed25519",)).probe(at(await start("ecdsa-sha2-nistp256")), timeout=10)


async def test_silence():
    """A server that takes the connection and says nothing is given up in time."""
    held = []
    server = await asyncio.start_server(lambda r, w: held.append(w), "127.0.0.1", 0)
    endpoint = Endpoint(host="127.0.0.1", port=server.sockets[0].getsockname()[1])
    with pytest.raises(TemporaryError, match="no host key within"):
        await HostKeys.liking("ssh-ed25519").probe(endpoint, timeout=0.2)
    for writer in held:
        writer.close()
    server.close()
    await server.wait_closed()


async def test_over_a_channel(start):
    """What is seen over an open channel is what the far end of it shows."""
    node = await start()
    reader, writer = await asyncio.open_connection("127.0.0.1", node.port)
    elsewhere = Endpoint(host="192.0.2.1", port=22)
    try:
        seen = await HostKeys.liking("ssh-ed25519").probe_over(reader, writer, endpoint=elsewhere, timeout=10)
    finally:
        writer.close()
    assert as_openssh_prints(seen.fingerprint) == node.keys[0].get_fingerprint()


async def test_many(start):
    """Each endpoint has its own answer, and one that fails leaves the others."""
    nodes = [await start() for _ in range(3)]
    closed = Endpoint(host="127.0.0.1", port=1)
    seen = await HostKeys.liking("ssh-ed25519").probe_many([*map(at, nodes), closed], limit=2, timeout=10)
    assert [as_openssh_prints(seen[at(n)].fingerprint) for n in nodes] == [n.keys[0].get_fingerprint() for n in nodes]
    assert isinstance(seen[closed], TemporaryError)
    assert not isinstance(seen[closed], Presented)
