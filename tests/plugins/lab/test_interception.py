"""Interceptors, and who sees which certificate from where."""

from __future__ import annotations

import asyncssh
import pytest

from retrust_plugins.lab.health_monitor import Meeting


async def test_tofu_rejects_an_interceptor(lab):
    """A stranger with the same subject is rejected where the peer is pinned, and logged like a renewal."""
    stranger = lab.intercept(("primary", "secondary"))
    assert stranger.identity.subject == lab.secondary.identity.subject
    await lab.until(lambda: lab.primary.ha.mode == "HA Not Configured", "HA is lost")
    assert lab.primary.tofu.pins[lab.secondary.key].fingerprint == lab.secondary.fingerprint
    assert "CN=prime-sec" in lab.primary.log_text()


async def test_interceptor_is_pinned_by_the_next_first_use(lab):
    """Once the pin is deleted the stranger is trusted blindly, which is what the guard is for."""
    stranger = lab.intercept(("primary", "secondary"))
    await lab.primary.tofu.delete(lab.secondary.key)
    await lab.until(lambda: lab.secondary.key in lab.primary.tofu.pins, "pinned again")
    assert lab.primary.tofu.pins[lab.secondary.key].fingerprint == stranger.fingerprint


async def test_path_is_one_holder_and_one_endpoint(lab, look):
    """Nobody but the holder meets the stranger, and the holder meets it at that endpoint only."""
    lab.intercept(("primary", "secondary"))
    assert await look(lab.secondary.host, lab.secondary.health_port) == lab.secondary.fingerprint
    await lab.until(lambda: lab.primary.health_monitor.last is Meeting.MISTRUSTED, "the primary meets it")
    assert lab.secondary.health_monitor.last is Meeting.MET
    assert "TOFU failed" not in lab.primary.log_text("ncs")


async def test_vantage_sees_it_too_when_told_so(lab, look):
    """With `vantage` everyone outside meets the stranger; cleared, everyone meets the peer."""
    stranger = lab.intercept(("primary", "secondary"), vantage=True)
    assert await look(lab.secondary.host, lab.secondary.health_port) == stranger.fingerprint
    lab.clear_intercept()
    assert await look(lab.secondary.host, lab.secondary.health_port) == lab.secondary.fingerprint
    await lab.until(lambda: lab.primary.health_monitor.last is Meeting.MET, "the nodes meet")


async def test_interceptor_before_ise(lab, look):
    """The path to ISE can be intercepted as well, and its login never reaches the stranger unseen."""
    stranger = lab.intercept(("primary", "ise"), vantage=True)
    ise = lab.ise[0]
    assert await look(ise.host, ise.port) == stranger.fingerprint
    await lab.until(lambda: lab.primary.ise_servers.entries[0].status == "Unreachable", "rejected")
    assert "CN=ISE-server" in lab.primary.log_text("ncs")


# Channels --------------------------------------------------------------------------------------------


async def test_channel_shows_what_the_node_sees(lab, log_in):
    """Through the holder's channel the stranger is seen; through the peer's own loopback the peer."""
    stranger = lab.intercept(("primary", "secondary"))
    holder, peer = await log_in(lab.primary), await log_in(lab.secondary)
    node = lab.secondary
    assert await holder.fingerprint_at(node.host, node.health_port) == stranger.fingerprint
    for own in ("127.0.0.1", "localhost", node.host):
        assert await peer.fingerprint_at(own, node.health_port) == node.fingerprint
    assert await holder.fingerprint_at(lab.ise[0].host, lab.ise[0].port) == lab.ise[0].fingerprint


async def test_channel_to_nowhere_fails(lab, log_in):
    """A channel to a closed port, or out of the lab, cannot be opened."""
    operator = await log_in(lab.primary)
    for host, port in ((lab.secondary.host, 1), ("192.0.2.1", 443)):
        with pytest.raises(asyncssh.ChannelOpenError):
            await operator.fingerprint_at(host, port)


async def test_channels_can_be_forbidden(lab, log_in):
    """With `channels=False` every channel is administratively prohibited, and the shell still works."""
    lab.primary.settings.session.channels = False
    operator = await log_in(lab.primary)
    with pytest.raises(asyncssh.ChannelOpenError) as refused:
        await operator.fingerprint_at("127.0.0.1", 8082)
    assert refused.value.code == asyncssh.OPEN_ADMINISTRATIVELY_PROHIBITED
    assert await operator.pins()
    assert lab.primary.channels_opened == []


# Scripts ---------------------------------------------------------------------------------------------


async def test_stranger_can_appear_between_delete_and_first_use(lab, log_in):
    """A callback on `delete` comes before the next connection can pin anything."""
    await lab.secondary.renew()
    strangers = []

    def appear(node, key):
        assert key not in node.tofu.pins
        strangers.append(lab.intercept(("primary", "secondary")))

    lab.on("delete", appear)
    operator = await log_in(lab.primary)
    await operator.delete(lab.secondary.key)
    await lab.until(lambda: lab.secondary.key in lab.primary.tofu.pins, "pinned again")
    assert lab.primary.tofu.pins[lab.secondary.key].fingerprint == strangers[0].fingerprint


async def test_callbacks_may_be_coroutines(lab):
    """A coroutine is awaited before the lab goes on; an unknown event is an error."""
    renewed = []

    async def note(node):
        renewed.append(node.name)

    lab.on("renew", note)
    await lab.ise[0].renew()
    assert renewed == ["ise"]
    with pytest.raises(ValueError, match="no event"):
        lab.on("nonsense", note)


async def test_flapping_peer(lab, look):
    """A peer that flaps presents two certificates of one subject in turn; the lab knows both ends of it."""
    lab.ise[0].flap(True)
    seen = [await look(lab.ise[0].host, lab.ise[0].port) for _ in range(12)]
    assert len(set(seen)) == 2
    assert lab.ise[0].fingerprint in seen
    lab.ise[0].flap(False)
    assert await look(lab.ise[0].host, lab.ise[0].port) == lab.ise[0].fingerprint
