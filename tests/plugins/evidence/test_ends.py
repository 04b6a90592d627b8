"""The two ends of the path, with every way in which an interceptor can stand between them."""

from __future__ import annotations

import pytest

from retrust.errors import ChangedIdentity, PermanentError, TemporaryError
from retrust.evidence import collect, grade
from retrust.models import Answers, Endpoint, Grade
from retrust_plugins.evidence.ends import HoldersEnd, PeersEnd
from retrust_plugins.evidence.vantage import Vantage

ENDPOINT = Endpoint(host="10.0.0.12", port=8082)
LOOPBACK = Endpoint(host="127.0.0.1", port=8082)
FORBIDDEN = PermanentError("channels are forbidden", where="node")


@pytest.mark.parametrize(
    ("us", "holder", "peer", "expected"),
    [
        ("real", "real", "real", Grade.PROVEN),
        ("real", "false", "real", Grade.CONTRADICTED),
        ("false", "real", "real", Grade.CONTRADICTED),
        ("false", "false", "real", Grade.CONTRADICTED),
        ("false", "other", "real", Grade.CONTRADICTED),
        ("real", "real", "false", Grade.CONTRADICTED),
        ("real", "forbidden", "real", Grade.SUPPORTED),
        ("real", "real", "forbidden", Grade.SUPPORTED),
        ("real", "forbidden", "forbidden", Grade.NONE),
        ("false", "forbidden", "real", Grade.CONTRADICTED),
        ("false", "real", "forbidden", Grade.CONTRADICTED),
        ("false", "false", "forbidden", Grade.SUPPORTED),
        ("false", "forbidden", "forbidden", Grade.NONE),
        ("real", "hangs-up", "real", Grade.SUPPORTED),
        ("false", "hangs-up", "hangs-up", Grade.NONE),
    ],
)
async def test_interception(world, certificate, edge, us, holder, peer, expected):
    """An interceptor that either end can see is refused; an unseen path is never proven."""
    ports = {name: await world.serve(certificate("prime-sec")) for name in ("real", "false", "other")}
    ports |= {"forbidden": FORBIDDEN, "hangs-up": await world.serve()}
    world.reaches = {
        ("us", ENDPOINT): ports[us],
        ("primary", ENDPOINT): ports[holder],
        ("secondary", LOOPBACK): ports[peer],
    }
    asked = edge(await world.from_here(ENDPOINT))
    evidence = await collect(asked, [Vantage(), PeersEnd(), HoldersEnd()], world)
    assert evidence.grade is expected


async def test_both_fingerprints_are_named(world, certificate, edge):
    """Where an end sees another certificate, the sentence holds both fingerprints and both places."""
    ours, theirs = certificate("prime-sec"), certificate("prime-sec")
    world.reaches = {("us", ENDPOINT): await world.serve(ours), ("primary", ENDPOINT): await world.serve(theirs)}
    said = await HoldersEnd().collect(edge(await world.from_here(ENDPOINT)), world)
    assert said.grade is Grade.CONTRADICTED
    for word in ("primary", theirs.fingerprint, ours.fingerprint, "10.0.0.12:8082"):
        assert word in said.detail


async def test_each_end_answers_its_question(world, certificate, edge):
    """The peer's end tells whose certificate it is, the holder's what the holder sees; neither tells both."""
    port = await world.serve(certificate("prime-sec"))
    world.reaches = {("us", ENDPOINT): port, ("primary", ENDPOINT): port, ("secondary", LOOPBACK): port}
    asked = edge(await world.from_here(ENDPOINT))
    peers, holders = await PeersEnd().collect(asked, world), await HoldersEnd().collect(asked, world)
    assert (peers.answers, peers.grade) == (Answers.PEERS_OWN, Grade.SUPPORTED)
    assert (holders.answers, holders.grade) == (Answers.HOLDER_SEES_IT, Grade.SUPPORTED)
    assert grade([peers]) is grade([holders]) is Grade.SUPPORTED
    assert grade([peers, holders]) is Grade.PROVEN


async def test_no_session_to_the_peer(world, certificate, edge):
    """A peer that Retrust has no session to is not available, which is no evidence."""
    world.reaches = {("us", ENDPOINT): await world.serve(certificate("ise"))}
    said = await PeersEnd().collect(edge(await world.from_here(ENDPOINT), peer=None), world)
    assert said.grade is Grade.NONE
    assert said.detail.startswith("not available: ")


async def test_forbidden_channel(world, certificate, edge):
    """A forbidden channel is not available, in the words of the node that forbade it."""
    world.reaches = {("us", ENDPOINT): await world.serve(certificate("prime-sec")), ("primary", ENDPOINT): FORBIDDEN}
    evidence = await collect(edge(await world.from_here(ENDPOINT)), [HoldersEnd()], world)
    assert evidence.grade is Grade.NONE
    assert evidence.collected[0].detail == "not available: node: channels are forbidden"


@pytest.mark.parametrize(
    "fault",
    ["hangs up", TemporaryError("no answer within 10 s"), TimeoutError()],
    ids=["hangs-up", "translated", "bare"],
)
async def test_silence_at_one_end_is_reported(world, certificate, edge, fault):
    """An end that gets no certificate where this machine gets one says so, with what this machine sees."""
    real = certificate("prime-sec")
    reached = await world.serve() if fault == "hangs up" else fault
    world.reaches = {("us", ENDPOINT): await world.serve(real), ("primary", ENDPOINT): reached}
    said = await HoldersEnd().collect(edge(await world.from_here(ENDPOINT)), world)
    assert said.grade is Grade.NONE
    assert "primary gets no certificate from 10.0.0.12:8082" in said.detail
    assert real.fingerprint in said.detail
    assert "()" not in said.detail


async def test_a_node_that_changed_its_identity(world, certificate, edge):
    """A session whose host key changed contradicts: nobody at that end can be believed."""
    changed = ChangedIdentity("host key", node="primary", expected=("SHA256:a",), presented="SHA256:b")
    world.reaches = {("us", ENDPOINT): await world.serve(certificate("prime-sec")), ("primary", ENDPOINT): changed}
    said = await HoldersEnd().collect(edge(await world.from_here(ENDPOINT)), world)
    assert said.grade is Grade.CONTRADICTED
    assert "the host key changed" in said.detail


AS_ITS_CLIENT, BY_NUMBER = "primary, with its own client's hello,", "primary, which asks for 10.0.0.5 by number,"


@pytest.mark.parametrize("other", [AS_ITS_CLIENT, BY_NUMBER])
@pytest.mark.parametrize(
    ("usual", "otherwise", "expected"),
    [
        ("real", "real", Grade.SUPPORTED),
        ("real", "false", Grade.CONTRADICTED),
        ("false", "real", Grade.CONTRADICTED),
        ("hangs-up", "false", Grade.CONTRADICTED),
        ("hangs-up", "real", Grade.NONE),
        ("real", "hangs-up", Grade.SUPPORTED),
    ],
)
async def test_who_picks_a_connection_out_is_seen(world, certificate, edge, other, usual, otherwise, expected):
    """One look of several through the holder that sees another certificate contradicts; it alone is no evidence."""
    real, false = certificate("prime-sec"), certificate("prime-sec")
    ports = {"real": await world.serve(real), "false": await world.serve(false), "hangs-up": await world.serve()}
    world.reaches = {
        ("us", ENDPOINT): ports["real"],
        ("primary", ENDPOINT): ports[usual],
        (other, ENDPOINT): ports[otherwise],
    }
    said = await HoldersEnd().collect(edge(await world.from_here(ENDPOINT)), world)
    assert said.grade is expected
    assert other in said.detail or usual == "false"
    assert (false.fingerprint in said.detail) is (expected is Grade.CONTRADICTED)
