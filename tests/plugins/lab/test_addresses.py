"""Where labs live: blocks of their own, shared addresses, IPv6, and many at once."""

from __future__ import annotations

import asyncio
import socket
import sys
from contextlib import AsyncExitStack

import pytest

from retrust_plugins.lab import Lab, LabSettings
from retrust_plugins.lab.addresses import find_ground
from retrust_plugins.lab.settings import IseServersSettings


def _has_ipv6() -> bool:
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::1", 0))
    except OSError:
        return False
    return True


@pytest.mark.parametrize(
    "kind", ["shared", pytest.param("ipv6", marks=pytest.mark.skipif(not _has_ipv6(), reason="no IPv6 loopback here"))]
)
async def test_shared_address(start, kind, log_in, look):
    """On one address nodes differ by port; trust, channels and interceptors work as elsewhere."""
    lab = await start(addresses=kind)
    ports = [lab.primary.ssh.port, lab.secondary.ssh.port, lab.primary.health_port, lab.secondary.health_port]
    assert len(set(ports)) == 4
    assert lab.healthy
    stranger = lab.intercept(("primary", "secondary"))
    operator = await log_in(lab.primary)
    node = lab.secondary
    assert await operator.fingerprint_at(node.host, node.health_port) == stranger.fingerprint
    assert await look(node.host, node.health_port) == node.fingerprint
    await lab.until(lambda: lab.primary.ha.mode == "HA Not Configured", "the stranger is rejected")


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux answers on all of 127.0.0.0/8")
def test_blocks_are_never_shared():
    """Each claim is a block of its own until it is released."""
    grounds = [find_ground("distinct") for _ in range(50)]
    assert len({ground.prefix for ground in grounds}) == 50
    for ground in grounds:
        ground.release()


async def test_many_labs_in_one_process(look):
    """Ten labs without rounds start together, healthy, and each answers with its own certificates."""
    settings = LabSettings(web=False, health_interval=3600.0, ise_servers=IseServersSettings(interval=3600.0))
    async with AsyncExitStack() as stack:
        labs = await asyncio.gather(*(stack.enter_async_context(Lab(settings)) for _ in range(10)))
        assert all(lab.healthy for lab in labs)
        seen = [await look(lab.primary.host, lab.primary.health_port) for lab in labs]
        assert seen == [lab.primary.fingerprint for lab in labs]
        assert len(set(seen)) == 10
