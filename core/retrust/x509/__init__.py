"""Certificates: their names, fingerprints and dates, and looking at the one that an endpoint presents.

certificates   a certificate's fingerprint, names and dates    dn     distinguished names in every printed form
tls            the look: a handshake that trusts nobody        hello  a captured ClientHello, sent again
files          a certificate in a file that is handed in       der    what a strict library refuses to read
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from retrust import lazily

if TYPE_CHECKING:
    from retrust.x509.certificates import fingerprint, parse_fingerprint, read_presented
    from retrust.x509.dn import DistinguishedName
    from retrust.x509.files import server_certificate
    from retrust.x509.hello import Hello
    from retrust.x509.tls import probe, probe_many, probe_over, replay_over

__all__ = [
    "DistinguishedName",
    "Hello",
    "fingerprint",
    "parse_fingerprint",
    "probe",
    "probe_many",
    "probe_over",
    "read_presented",
    "replay_over",
    "server_certificate",
]

__getattr__ = lazily(
    __name__,
    tls="probe probe_many probe_over replay_over",
    certificates="fingerprint parse_fingerprint read_presented",
    dn="DistinguishedName",
    files="server_certificate",
    hello="Hello",
)
