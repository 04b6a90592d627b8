"""The certificate in a file that somebody hands in, a deploy hook above all: PEM, DER, PKCS#7, PKCS#12, in any order.

The one that a server presents is found among what is there. A file that holds none is said to be what it is.
"""

from __future__ import annotations

import base64
import binascii
import codecs
import re
from collections.abc import Iterator

from cryptography.hazmat.primitives.serialization import Encoding, pkcs7, pkcs12

from retrust.x509.der import elements, fields_of

_MARK = re.compile(rb"-----(BEGIN|END) ([A-Z0-9 ]+)-----")
_CERTIFICATES = (b"CERTIFICATE", b"X509 CERTIFICATE", b"TRUSTED CERTIFICATE")
_PKCS7 = (b"PKCS7", b"CMS")
_MARKS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_GIVE = "give the server's certificate, such as cert.pem or fullchain.pem"


def server_certificate(data: bytes, password: bytes | None = None) -> bytes:
    """The server's certificate in DER; ``ValueError`` says why there is none."""
    if not data.strip():
        raise ValueError("it is empty")
    found = _certificates(_plain(data), password)
    return found[0] if len(found) == 1 else _leaf(found)


def _plain(data: bytes) -> bytes:
    """Text as ASCII, whatever an editor made of it."""
    if data.startswith(_MARKS):
        return data.decode("utf-16", "replace").encode("ascii", "replace")
    if data[1::2][:200].count(0) > 50 or data[::2][:200].count(0) > 50:  # no mark, and every other byte is nothing
        text = data.decode("utf-16-le" if data[1:2] == b"\0" else "utf-16-be", "replace").encode("ascii", "replace")
        return text if b"-----BEGIN" in text else data
    return data


def _certificates(data: bytes, password: bytes | None) -> list[bytes]:
    blocks = [(kind, _decoded(text)) for kind, text in _blocks(data)]
    found = [der for kind, der in blocks if kind in _CERTIFICATES]
    found += [der for kind, text in blocks if kind in _PKCS7 for der in _of_pkcs7(text)]
    if found:
        return [next(elements(der)).whole for der in found]
    if blocks or b"-----BEGIN" in data:
        raise ValueError(f"it holds {_said(blocks[0][0]) if blocks else 'half a PEM block'}, no certificate; {_GIVE}")
    return _of_der(data, password)


def _blocks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Kind and text of each PEM block, in one way through the data."""
    begun: re.Match[bytes] | None = None
    for mark in _MARK.finditer(data):
        if mark[1] == b"BEGIN":
            begun = begun if begun and begun[2] == mark[2] else mark
        elif begun and begun[2] == mark[2]:
            yield mark[2], data[begun.end() : mark.start()]
            begun = None


def _decoded(text: bytes) -> bytes:
    try:
        return base64.b64decode(b"".join(text.split()), validate=True)
    except (binascii.Error, ValueError):
        raise ValueError("its PEM text is damaged") from None


def _said(kind: bytes) -> str:
    name = kind.decode().lower()
    for word, said in (
        ("private key", "a private key"),
        ("public key", "a public key"),
        ("request", "a request for a certificate"),
        ("parameters", "parameters"),
        ("crl", "a CRL"),
    ):
        if word in name:
            return said
    return name


def _of_der(data: bytes, password: bytes | None) -> list[bytes]:
    if data[:1] != b"\x30":
        raise ValueError(f"it holds no certificate; {_GIVE}")
    try:
        fields_of(data)
        return [next(elements(data)).whole]
    except (ValueError, StopIteration, IndexError):
        pass
    try:
        return _of_pkcs7(data)
    except ValueError:
        return _of_pkcs12(data, password)


def _of_pkcs7(data: bytes) -> list[bytes]:
    try:
        return [c.public_bytes(Encoding.DER) for c in pkcs7.load_der_pkcs7_certificates(data)]
    except Exception as exc:  # the library raises several kinds for what is none
        raise ValueError(f"it holds no certificate that can be read; {_GIVE}") from exc


def _of_pkcs12(data: bytes, password: bytes | None) -> list[bytes]:
    try:
        bundle = pkcs12.load_pkcs12(data, password)
    except ValueError as exc:
        if "password" in str(exc).lower():
            raise ValueError("it is a PKCS#12 file that needs its password: --password REF") from None
        raise ValueError(f"it holds no certificate that can be read; {_GIVE}") from exc
    except Exception as exc:
        raise ValueError(f"it holds no certificate that can be read; {_GIVE}") from exc
    if bundle.cert is None:
        raise ValueError("it is a PKCS#12 file without a certificate")
    return [bundle.cert.certificate.public_bytes(Encoding.DER)]


def _leaf(found: list[bytes]) -> bytes:
    """Of several, the one that issued none of the others."""
    try:
        read = {der: fields_of(der) for der in found}
    except (ValueError, StopIteration, IndexError):
        raise ValueError("it holds several certificates, and one that cannot be read; give the server's own") from None
    issuers = {f.issuer for der, f in read.items() if f.issuer != f.subject}
    leaves = [der for der, f in read.items() if f.subject not in issuers]
    own = [der for der in leaves if read[der].issuer != read[der].subject] or leaves
    if len(own) != 1:
        raise ValueError(f"it holds {len(own) or len(found)} certificates of servers; give one of them")
    return own[0]
