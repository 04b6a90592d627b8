"""What the new certificate itself proves: its key, and who issued it."""

from __future__ import annotations

import ipaddress
from pathlib import Path

from cryptography import x509
from cryptography.x509.verification import (
    Criticality,
    ExtensionPolicy,
    Policy,
    PolicyBuilder,
    Store,
    VerificationError,
)

from retrust.errors import PermanentError
from retrust.evidence import Collector, Edge, Eyes
from retrust.models import Answers, Collected


class SameKey(Collector):
    """The public key is that of the certificate that was proven before; whoever has that key presents it."""

    name = "same key"
    answers = Answers.OLD_KEY

    async def collect(self, edge: Edge, eyes: Eyes) -> Collected:
        if edge.baseline is None:
            return self.nothing("no certificate was verified for this pin before")
        if not edge.baseline.is_proven:
            return self.nothing(f"the certificate recorded on {edge.baseline.verified_at:%Y-%m-%d} was not proven")
        before, now = edge.baseline.key_fingerprint, edge.presented.key_fingerprint
        day = f"{edge.baseline.verified_at:%Y-%m-%d}"
        if before == now:
            return self.supported(f"the public key {now} is that of the certificate last verified on {day}")
        return self.nothing(f"the public key is {now}, that of the certificate last verified on {day} was {before}")


class Issued(Collector):
    """Chain and name validate against the site's own CA bundle, today.

    Roots are the bundle's self-issued certificates, never the system's; the bundle's others and those that
    the server sent may stand in between. The name is the endpoint's host, as address or as DNS name, and
    must be among the subject's alternative names: a common name is free text that no name constraint of an
    issuer covers, so a certificate with nothing else is no evidence. Failing is no contradiction, as a
    self-signed certificate is what most of these servers have.
    """

    name = "issued"
    answers = Answers.PEERS_OWN

    async def collect(self, edge: Edge, eyes: Eyes) -> Collected:
        if edge.ca is None:
            return self.nothing("the site names no CA bundle")
        if not edge.presented.chain:
            return self.nothing("not available: what is presented there is no X.509 certificate")
        assert edge.place.endpoint is not None, "only pins that name an endpoint are asked about"
        host = edge.place.endpoint.host
        leaf, *sent = (x509.load_der_x509_certificate(der) for der in edge.presented.chain)
        roots, others = _bundle(edge.ca)
        try:
            chain = _verify(leaf, [*sent, *others], roots, host)
        except VerificationError as exc:
            return self.nothing(
                f"{edge.presented.fingerprint} does not validate for {host} against {edge.ca.name}: {_reason(exc)}"
            )
        return self.supported(
            f"{edge.presented.fingerprint} is issued for {host} under "
            f"{chain[-1].subject.rfc4514_string()} of {edge.ca.name}"
        )


def _bundle(path: Path) -> tuple[list[x509.Certificate], list[x509.Certificate]]:
    """The bundle's roots, and its other certificates."""
    try:
        certificates = x509.load_pem_x509_certificates(path.read_bytes())
    except (OSError, ValueError) as exc:
        raise PermanentError(f"the CA bundle cannot be read: {exc}", where=str(path)) from exc
    roots = [c for c in certificates if c.subject == c.issuer]
    if not roots:
        raise PermanentError("the CA bundle holds no self-issued certificate", where=str(path))
    return roots, [c for c in certificates if c.subject != c.issuer]


def _verify(
    leaf: x509.Certificate, between: list[x509.Certificate], roots: list[x509.Certificate], host: str
) -> list[x509.Certificate]:
    builder = PolicyBuilder().store(Store(roots)).extension_policies(ca_policy=_CA, ee_policy=_SERVER)
    return builder.build_server_verifier(_name(host)).verify(leaf, between)


def _name(host: str) -> x509.DNSName | x509.IPAddress:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _signs_certificates(policy: Policy, certificate: x509.Certificate, usage: x509.KeyUsage | None) -> None:
    if usage is not None and not usage.key_cert_sign:
        raise ValueError("an issuer's key usage does not allow signing certificates")


# The public web's profile, but for what the everyday tools of a private CA leave out: `openssl req -x509`
# makes roots without a key usage, and `openssl x509 -req` servers without an authority key identifier.
_CA = (
    ExtensionPolicy.webpki_defaults_ca()
    .may_be_present(x509.KeyUsage, Criticality.AGNOSTIC, _signs_certificates)
    .may_be_present(x509.SubjectKeyIdentifier, Criticality.AGNOSTIC, None)
)
_SERVER = ExtensionPolicy.webpki_defaults_ee().may_be_present(x509.AuthorityKeyIdentifier, Criticality.AGNOSTIC, None)


def _reason(exc: VerificationError) -> str:
    """The library's words without the candidate certificate that it quotes."""
    return str(exc).split(" (encountered processing", 1)[0].removeprefix("validation failed: ")
