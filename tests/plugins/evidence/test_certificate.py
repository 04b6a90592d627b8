"""What the certificate itself proves: the key it keeps, and who issued it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization

from retrust.evidence import collect
from retrust.models import Baseline, Endpoint, Grade
from retrust_plugins.evidence.certificate import Issued, SameKey

HOST = "10.0.0.12"


def baseline(presented, grade=Grade.PROVEN):
    return Baseline(
        site="campus",
        holder="primary",
        key="10.0.0.12_8082",
        fingerprint=presented.fingerprint,
        key_fingerprint=presented.key_fingerprint,
        subject=presented.subject,
        verified_at=datetime(2026, 1, 2, tzinfo=UTC),
        grade=grade,
    )


async def test_same_key(certificate, edge, presented):
    """A renewal that kept its key is presented by whoever has that key."""
    old = certificate("prime-sec")
    new = certificate("prime-sec", key=old.key)
    said = await SameKey().collect(edge(presented(new), baseline=baseline(presented(old))), None)
    assert said.grade is Grade.SUPPORTED
    assert "2026-01-02" in said.detail


@pytest.mark.parametrize("grade", [Grade.NONE, Grade.SUPPORTED])
async def test_the_same_key_as_one_that_was_not_proven(certificate, edge, presented, grade):
    """A certificate that was recorded without proof vouches for no other one."""
    old = certificate("prime-sec")
    before = baseline(presented(old), grade)
    said = await SameKey().collect(edge(presented(certificate("prime-sec", key=old.key)), baseline=before), None)
    assert said.grade is Grade.NONE
    assert "not proven" in said.detail


async def test_new_key(certificate, edge, presented):
    """A new key is no contradiction; both are named."""
    old, new = presented(certificate("prime-sec")), presented(certificate("prime-sec"))
    said = await SameKey().collect(edge(new, baseline=baseline(old)), None)
    assert said.grade is Grade.NONE
    assert old.key_fingerprint in said.detail
    assert new.key_fingerprint in said.detail


async def test_no_baseline(certificate, edge, presented):
    """Without a certificate verified before there is no key to compare with."""
    said = await SameKey().collect(edge(presented(certificate("prime-sec"))), None)
    assert said.grade is Grade.NONE


@pytest.fixture
def bundle(tmp_path):
    """Writes a CA bundle."""

    def write(*certified):
        path = tmp_path / "site-ca.pem"
        path.write_bytes(b"".join(c.certificate.public_bytes(serialization.Encoding.PEM) for c in certified))
        return path

    return write


@pytest.fixture
def ask(edge, presented):
    async def asking(leaf, ca, *, host=HOST):
        evidence = await collect(edge(presented(leaf), endpoint=Endpoint(host=host, port=443), ca=ca), [Issued()], None)
        return evidence.collected[0]

    return asking


@pytest.mark.parametrize(
    ("host", "sans", "expected"),
    [
        ("10.0.0.12", ("10.0.0.12",), Grade.SUPPORTED),
        ("10.0.0.12", ("10.0.0.13",), Grade.NONE),
        ("10.0.0.12", ("prime-sec.example.com",), Grade.NONE),
        ("2001:db8::12", ("2001:db8::12",), Grade.SUPPORTED),
        ("prime-sec.example.com", ("prime-sec.example.com", "10.0.0.12"), Grade.SUPPORTED),
        ("prime-sec.example.com", ("PRIME-SEC.example.com",), Grade.SUPPORTED),
        ("prime-sec.example.com", ("*.example.com",), Grade.SUPPORTED),
        ("prime-sec.example.com", ("*.com",), Grade.NONE),
        ("prime-sec", ("prime-sec.example.com",), Grade.NONE),
        ("10.0.0.12", (), Grade.NONE),
    ],
)
async def test_names(ask, certificate, bundle, host, sans, expected):
    """The endpoint's host must be among the alternative names; a common name counts for nothing."""
    root = certificate("Site CA", ca=True)
    said = await ask(certificate(host, sans=sans, issuer=root), bundle(root), host=host)
    assert said.grade is expected


async def test_sent_intermediate(world, certificate, bundle, edge):
    """A chain that the server sends leads to the bundle's root; without it nothing is proven."""
    root = certificate("Site CA", ca=True)
    issuing = certificate("Issuing CA", ca=True, issuer=root)
    leaf = certificate("prime-sec", sans=(HOST,), issuer=issuing)
    endpoint = Endpoint(host=HOST, port=443)
    grades = []
    for served in (replace(leaf, sent=(issuing.certificate,)), leaf):
        world.reaches = {("us", endpoint): await world.serve(served)}
        asked = edge(await world.from_here(endpoint), endpoint=endpoint, ca=bundle(root))
        grades.append((await Issued().collect(asked, world)).grade)
    assert grades == [Grade.SUPPORTED, Grade.NONE]


async def test_bundled_intermediate(ask, certificate, bundle):
    """The bundle's intermediates complete a chain, and are no roots themselves."""
    root = certificate("Site CA", ca=True)
    issuing = certificate("Issuing CA", ca=True, issuer=root)
    leaf = certificate("prime-sec", sans=(HOST,), issuer=issuing)
    stranger = certificate("Another CA", ca=True)
    assert (await ask(leaf, bundle(root, issuing))).grade is Grade.SUPPORTED
    assert (await ask(leaf, bundle(stranger, issuing))).grade is Grade.NONE


async def test_root_sent_along(ask, certificate, bundle):
    """A root that only the server vouches for is none."""
    root, false = certificate("Site CA", ca=True), certificate("Site CA", ca=True)
    leaf = replace(certificate("prime-sec", sans=(HOST,), issuer=false), sent=(false.certificate,))
    said = await ask(leaf, bundle(root))
    assert said.grade is Grade.NONE


async def test_plain_private_ca(ask, certificate, bundle):
    """A root without a key usage, as the everyday tools make it, is good enough."""
    root = certificate("Site CA", ca=True, usage=False)
    said = await ask(certificate("prime-sec", sans=(HOST,), issuer=root), bundle(root))
    assert said.grade is Grade.SUPPORTED
    assert "CN=Site CA of site-ca.pem" in said.detail


async def test_server_certificate_as_issuer(ask, certificate, bundle):
    """A server certificate issues nothing, even if it chains to the root."""
    root = certificate("Site CA", ca=True)
    other = certificate("web", sans=("10.0.0.99",), issuer=root)
    leaf = replace(certificate("prime-sec", sans=(HOST,), issuer=other), sent=(other.certificate,))
    assert (await ask(leaf, bundle(root))).grade is Grade.NONE


async def test_issuer_that_may_not_sign(ask, certificate, bundle):
    """An issuer whose key usage leaves signing out is refused."""
    only_seals = x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=False,
        crl_sign=True,
        encipher_only=False,
        decipher_only=False,
    )
    root = certificate("Site CA", ca=True)
    issuing = certificate("Issuing CA", ca=True, issuer=root, usage=False, extra=((only_seals, True),))
    leaf = replace(certificate("prime-sec", sans=(HOST,), issuer=issuing), sent=(issuing.certificate,))
    said = await ask(leaf, bundle(root))
    assert said.grade is Grade.NONE


async def test_name_constraints(ask, certificate, bundle):
    """An issuer that is held to other names proves nothing of this one."""
    held = x509.NameConstraints(permitted_subtrees=[x509.DNSName("lab.example.com")], excluded_subtrees=None)
    root = certificate("Site CA", ca=True)
    issuing = certificate("Lab CA", ca=True, issuer=root, extra=((held, True),))
    leaf = replace(
        certificate("prime-sec", sans=("prime-sec.example.com",), issuer=issuing), sent=(issuing.certificate,)
    )
    assert (await ask(leaf, bundle(root), host="prime-sec.example.com")).grade is Grade.NONE


@pytest.mark.parametrize("days", [(-30, -1), (1, 30)], ids=["expired", "not-yet-valid"])
async def test_dates(ask, certificate, bundle, days):
    """A certificate outside its dates is no evidence today."""
    root = certificate("Site CA", ca=True)
    said = await ask(certificate("prime-sec", sans=(HOST,), issuer=root, days=days), bundle(root))
    assert said.grade is Grade.NONE
    assert "not valid at validation time" in said.detail


async def test_self_signed(ask, certificate, bundle):
    """A self-signed certificate is no contradiction, and the sentence names it."""
    leaf = certificate("prime-sec", sans=(HOST,))
    said = await ask(leaf, bundle(certificate("Site CA", ca=True)))
    assert said.grade is Grade.NONE
    assert leaf.fingerprint in said.detail


async def test_no_bundle(ask, certificate):
    """A site without a CA bundle proves nothing by issuance; the system's roots are not asked."""
    said = await ask(certificate("prime-sec", sans=(HOST,)), None)
    assert (said.grade, said.detail) == (Grade.NONE, "the site names no CA bundle")


@pytest.mark.parametrize("text", [None, "no certificate in here"], ids=["missing", "empty"])
async def test_unreadable_bundle(ask, certificate, tmp_path, text):
    """A bundle that cannot be read is not available, and named."""
    path = tmp_path / "site-ca.pem"
    if text:
        path.write_text(text)
    said = await ask(certificate("prime-sec", sans=(HOST,)), path)
    assert said.grade is Grade.NONE
    assert said.detail.startswith(f"not available: {path}: the CA bundle cannot be read")
