"""What this machine sees in several looks."""

from __future__ import annotations

from retrust.evidence import grade
from retrust.models import Endpoint, Grade
from retrust_plugins.evidence.vantage import LOOKS, Vantage

ENDPOINT = Endpoint(host="10.0.0.12", port=8082)


async def test_one_certificate(world, certificate, edge):
    """One fingerprint several times over is a precondition, which by itself proves nothing."""
    world.reaches = {("us", ENDPOINT): await world.serve(certificate("prime-sec"))}
    said = await Vantage().collect(edge(await world.from_here(ENDPOINT)), world)
    assert said.grade is Grade.SUPPORTED
    assert grade([said]) is Grade.NONE


async def test_flapping(world, certificate, edge):
    """An endpoint that presents two certificates in turn flaps; both are named, and it is contradicted."""
    one, two = certificate("prime-sec"), certificate("prime-sec")
    world.reaches = {("us", ENDPOINT): await world.serve(one, two)}
    said = await Vantage().collect(edge(await world.from_here(ENDPOINT)), world)
    assert said.grade is Grade.CONTRADICTED
    assert "flaps" in said.detail
    assert one.fingerprint in said.detail
    assert two.fingerprint in said.detail


async def test_another_than_the_snapshot_saw(world, certificate, edge, presented):
    """A certificate that all looks agree on is not enough where the snapshot saw another one."""
    world.reaches = {("us", ENDPOINT): await world.serve(certificate("prime-sec"))}
    said = await Vantage().collect(edge(presented(certificate("prime-sec"))), world)
    assert said.grade is Grade.CONTRADICTED


async def test_silence_hides_no_flapping(world, certificate, edge):
    """A look that fails does not hide that the others differed."""
    first, second = certificate("prime-sec"), certificate("prime-sec")
    ports = iter([await world.serve(first), ConnectionRefusedError("refused"), await world.serve(second)])
    world.reaches = {("us", ENDPOINT): await world.serve(first)}
    asked = edge(await world.from_here(ENDPOINT))

    class Unsteady:
        async def from_here(self, endpoint):
            world.reaches["us", endpoint] = next(ports)
            return await world.from_here(endpoint)

    said = await Vantage().collect(asked, Unsteady())
    assert said.grade is Grade.CONTRADICTED


async def test_silence(world, certificate, edge, presented):
    """An endpoint that stops answering is said to, and counts as nothing."""
    world.reaches = {("us", ENDPOINT): ConnectionRefusedError("refused")}
    said = await Vantage().collect(edge(presented(certificate("prime-sec"))), world)
    assert said.grade is Grade.NONE
    assert said.detail == f"10.0.0.12:8082 answered 1 of {LOOKS + 1} looks from this machine: refused"
