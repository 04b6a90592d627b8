"""A TLS context that meets one web certificate and no other: the pinned one, or one that the CA vouches for."""

from __future__ import annotations

import ssl
from pathlib import Path

from retrust.errors import ChangedIdentity, PermanentError
from retrust.models import Endpoint
from retrust.x509 import probe


async def trusting(endpoint: Endpoint, *, node: str, fingerprint: str | None, ca: Path | None) -> ssl.SSLContext:
    """``ChangedIdentity`` where the pinned certificate is not the one presented now.

    The check is OpenSSL's own at every connection: the presented certificate, compared with the pin, becomes
    the one thing that the context trusts.
    """
    if fingerprint is None:
        return _vouched(ca)
    presented = await probe(endpoint)
    if presented.fingerprint != fingerprint:
        raise ChangedIdentity("web certificate", node=node, expected=(fingerprint,), presented=presented.fingerprint)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False  # it is this very certificate, whatever names stand in it
    context.load_verify_locations(cadata=ssl.DER_cert_to_PEM_cert(presented.chain[0]))
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    return context


def _vouched(ca: Path | None) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cafile=str(ca) if ca else None)
    except (OSError, ssl.SSLError) as exc:
        raise PermanentError(f"the CA file {ca} cannot be read: {exc}") from exc
    # Site CAs of appliances often lack the extensions that Python has begun to ask for.
    context.verify_flags &= ~getattr(ssl, "VERIFY_X509_STRICT", 0)
    return context
