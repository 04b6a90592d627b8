"""Trust on first use between real nodes: what breaks it, what restores it, and what does not."""

from __future__ import annotations

import asyncio
import ssl

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization

from retrust_plugins.lab import LabSettings
from retrust_plugins.lab.ha import PRIMARY_ACTIVE, PRIMARY_LOST_SECONDARY
from retrust_plugins.lab.health_monitor import Meeting

BROKEN = "HA Not Configured"


async def _broken(lab) -> None:
    await lab.until(lambda: lab.primary.ha.mode == BROKEN, "HA is lost")


async def test_healthy_lab_stays_healthy(lab):
    """Without a renewal nothing is rejected, round after round."""
    seen = lab.secondary.health.connections
    await lab.until(lambda: lab.secondary.health.connections > seen + 3, "three rounds")
    assert lab.healthy
    assert "TOFU failed" not in lab.primary.log_text("hm") + lab.primary.log_text("ncs")


async def test_renewed_secondary_is_rejected_by_the_primary_alone(lab):
    """The primary's pin is stale, the secondary's is not, and the subject is the same as before."""
    before = lab.primary.tofu.pins[lab.secondary.key]
    await lab.secondary.renew()
    await _broken(lab)
    assert lab.primary.health_monitor.last is Meeting.MISTRUSTED
    assert lab.primary.tofu.pins[lab.secondary.key] == before
    assert before.subject == lab.secondary.identity.subject
    assert "CN=prime-sec" in lab.primary.log_text()
    assert "CN=prime-pri" not in lab.secondary.log_text()


async def test_trust_is_restored_only_when_the_stale_pin_is_gone(lab):
    """Deleting another pin changes nothing; deleting the stale one lets the nodes meet again."""
    await lab.secondary.renew()
    await _broken(lab)
    await lab.primary.tofu.delete(f"{lab.ise[0].host}_{lab.ise[0].port}")
    seen = lab.secondary.health.connections
    await lab.until(lambda: lab.secondary.health.connections > seen + 2, "the primary tried again")
    monitor = lab.primary.health_monitor
    assert str(monitor.last) == Meeting.MISTRUSTED
    await lab.primary.tofu.delete(lab.secondary.key)
    await lab.until(lambda: monitor.last is Meeting.MET, "the nodes met")
    assert lab.primary.tofu.pins[lab.secondary.key].fingerprint == lab.secondary.fingerprint
    assert lab.primary.ha.mode == BROKEN


async def test_trust_is_needed_in_both_directions(lab):
    """A primary that was renewed is rejected by the secondary, and the primary's mode shows it."""
    await lab.primary.renew()
    await _broken(lab)
    assert "CN=prime-pri" in lab.secondary.log_text()
    assert lab.primary.health_monitor.last is Meeting.MET


async def test_mode_that_recovers_by_itself(start):
    """With `Primary Lost Secondary` as the loss mode, HA is active again once the nodes met."""
    settings = LabSettings(web=False)
    settings.ha.loss_mode = PRIMARY_LOST_SECONDARY
    lab = await start(settings)
    await lab.secondary.renew()
    await lab.until(lambda: "TOFU failed" in lab.primary.log_text(), "the mismatch is logged")
    assert lab.primary.ha.mode == PRIMARY_LOST_SECONDARY
    await lab.primary.tofu.delete(lab.secondary.key)
    await lab.until(lambda: lab.healthy, "healthy again")
    assert lab.primary.ha.registrations == 0


async def test_secondary_down_is_lost_and_taken_back(lab):
    """A node that is off is lost, not mistrusted, and taken back when it is on again."""
    await lab.secondary.power_off()
    await lab.until(lambda: lab.primary.ha.mode == PRIMARY_LOST_SECONDARY, "lost")
    await lab.secondary.power_on()
    await lab.until(lambda: lab.healthy, "taken back")
    assert lab.primary.ha.mode == PRIMARY_ACTIVE


async def test_silent_endpoint_is_unreachable(start):
    """An endpoint that accepts and never answers counts as unreachable after the time limit."""
    lab = await start(connect_timeout=0.1)
    lab.secondary.health.failure = "silent"
    await lab.until(lambda: lab.primary.health_monitor.last is Meeting.UNREACHABLE, "unreachable")
    lab.secondary.health.failure = None
    await lab.until(lambda: lab.healthy, "healthy again")


async def test_self_entries(start, lab):
    """Self entries go stale silently; with `checked` they are logged; with `off` there are none."""
    await lab.secondary.renew()
    await _broken(lab)
    assert "CN=prime-sec" not in lab.secondary.log_text()
    assert lab.secondary.tofu.pins[lab.secondary.key].fingerprint != lab.secondary.fingerprint
    checked = await start(LabSettings(web=False).with_nodes(self_entries="checked"))
    await checked.secondary.renew()
    await checked.until(lambda: "CN=prime-sec" in checked.secondary.log_text(), "its own mismatch")
    without = await start(LabSettings(web=False).with_nodes(self_entries="off"))
    assert list(without.secondary.tofu.pins) == [without.primary.key]


# Renewals --------------------------------------------------------------------------------------------


async def test_renewal_with_the_same_key(lab, look):
    """The certificate is new and its key is not."""
    old = lab.secondary.identity
    new = await lab.secondary.renew(key="same")
    assert await look(lab.secondary.host, lab.secondary.health_port) == new.fingerprint != old.fingerprint
    assert new.key is old.key
    await _broken(lab)


async def test_renewal_with_another_subject(lab):
    """The log names the new subject, the list the old one."""
    await lab.secondary.renew(subject="CN=prime-sec-new,O=Elsewhere")
    await lab.until(lambda: "earlier - CN=prime-sec-new, O=Elsewhere" in lab.primary.log_text(), "logged")
    assert "prime-sec-new" not in lab.primary.tofu.pins[lab.secondary.key].subject.rfc4514_string()


async def test_web_certificate_is_separate_unless_shared(start):
    """A renewal changes the pages' certificate only where it is the same one."""
    for kind, changes in (("separate", False), ("shared", True)):
        lab = await start(LabSettings(web_certificate=kind))
        before = lab.primary.web_fingerprint
        await lab.primary.renew()
        assert (lab.primary.web_fingerprint != before) is changes


async def test_deployed_again(lab, connect):
    """A new installation has new host keys, a new certificate, and pins nobody but itself and who comes."""
    keys, certificate = lab.secondary.host_key_fingerprints, lab.secondary.fingerprint
    old_pin = lab.secondary.tofu.pins[lab.primary.key]
    await lab.primary.renew()
    await lab.secondary.redeploy()
    assert lab.secondary.fingerprint != certificate
    assert (await connect(lab.secondary)).get_server_host_key().get_fingerprint() not in keys
    await lab.until(lambda: lab.primary.key in lab.secondary.tofu.pins, "the primary is pinned anew")
    assert lab.secondary.tofu.pins[lab.primary.key].fingerprint == lab.primary.fingerprint != old_pin.fingerprint
    await _broken(lab)


async def test_genkey_takes_effect_at_the_restart(lab, log_in, look):
    """`ncs key genkey` asks for the name and writes a request; the key serves after stop and start."""
    node, before = lab.secondary, lab.secondary.fingerprint
    operator = await log_in(node)
    operator.type("ncs key genkey -newdn -csr new.csr repository disk\r")
    for answer in ("CA", "ST", "SJ", "Acme, Inc.", "Ops", "sec.example.com"):
        await operator.until(": ")
        operator.type(answer + "\r")
    said = await operator.until(operator.prompt)
    assert "Changes will take affect on the next server restart" in said
    assert await look(node.host, node.health_port) == before
    await operator.ask("ncs stop")
    with pytest.raises(ConnectionRefusedError):
        await look(node.host, node.health_port)
    await operator.ask("ncs start")
    assert await look(node.host, node.health_port) == node.fingerprint != before
    request = x509.load_pem_x509_csr((node.repository("disk") / "new.csr").read_bytes())
    assert request.subject == node.identity.subject
    assert "O=Acme\\, Inc." in request.subject.rfc4514_string()


async def test_signed_certificate_is_imported(start, log_in):
    """A certificate that the site CA signed for the request serves after the restart; a stranger's does not."""
    lab = await start(chain="site-ca")
    node = lab.secondary
    operator = await log_in(node)
    operator.type("ncs key genkey -newdn -csr new.csr repository disk\r")
    for _ in range(6):
        await operator.until(": ")
        operator.type("\r")
    await operator.until(operator.prompt)
    disk = node.repository("disk")
    signed = lab.ca.sign(x509.load_pem_x509_csr((disk / "new.csr").read_bytes()), node.hosts)
    disk.joinpath("other.pem").write_text(lab.primary.identity.pem)
    disk.joinpath("signed.pem").write_bytes(signed.public_bytes(serialization.Encoding.PEM))
    assert "does not belong" in await operator.ask("ncs key importsignedcert other.pem repository disk")
    await operator.ask("ncs key importsignedcert signed.pem repository disk")
    await operator.ask("ncs stop")
    await operator.ask("ncs start")
    assert node.identity.certificate == signed


async def test_site_ca_vouches_for_every_endpoint(start, tmp_path):
    """With a site CA each certificate validates by chain and name; self-signed ones do not."""
    lab = await start(LabSettings(chain="site-ca"))
    ca = ssl.create_default_context(cadata=lab.ca_pem)
    for host, port in (
        (lab.primary.host, 8082),
        (lab.ise[0].host, lab.ise[0].port),
        (lab.primary.host, lab.primary.web.port),
    ):
        _, writer = await asyncio.open_connection(host, port, ssl=ca)
        writer.close()
        await writer.wait_closed()
    other = await start()
    with pytest.raises(ssl.SSLCertVerificationError):
        await asyncio.open_connection(other.primary.host, 8082, ssl=ca)
