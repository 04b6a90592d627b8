"""Which certificate the browser may meet: decided by a bare TLS handshake, before a browser exists.

Holding every later connection to that certificate is ``retrust.browser.relay``'s part.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import ssl

from retrust.errors import ChangedIdentity, PermanentError, TemporaryError
from retrust_plugins.cisco_prime.browser.asks import WebAccess

HANDSHAKE_SECONDS = 20.0


async def trusted_fingerprint(access: WebAccess) -> str:
    """The fingerprint to pin: the inventory's, or the one whose chain and name its CA vouches for."""
    if access.fingerprint:
        presented = await _presented(access, _looking())
        if presented != access.fingerprint:
            raise ChangedIdentity(
                "web certificate", node=access.node, expected=(access.fingerprint,), presented=presented
            )
        return presented
    if access.ca is None:
        raise PermanentError(
            "nothing says which web certificate to trust",
            where=access.node,
            hint="give web.fingerprint or web.ca in the inventory",
        )
    try:
        return await _presented(access, _vouched(access))
    except ssl.SSLCertVerificationError as exc:
        raise ChangedIdentity(
            "web certificate",
            node=access.node,
            expected=(f"one for {access.host} that {access.ca} vouches for",),
            presented=f"{await _presented(access, _looking())}: {exc.verify_message}",
        ) from exc


def _looking() -> ssl.SSLContext:
    """Only looks: what it sees is compared with the pinned fingerprint, byte for byte."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def _vouched(access: WebAccess) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cafile=str(access.ca))
    except (OSError, ssl.SSLError) as exc:
        raise PermanentError(f"the CA file {access.ca} cannot be read: {exc}", where=access.node) from exc
    # Python 3.13 began to refuse CAs without the extensions that RFC 5280 asks for; site CAs of
    # appliances often lack them, and the answer must not depend on the interpreter.
    context.verify_flags &= ~getattr(ssl, "VERIFY_X509_STRICT", 0)
    return context


async def _presented(access: WebAccess, context: ssl.SSLContext) -> str:
    at = access.reached_at
    try:
        async with asyncio.timeout(HANDSHAKE_SECONDS):
            _, writer = await asyncio.open_connection(at.host, at.port, ssl=context, server_hostname=access.host)
    except ssl.SSLCertVerificationError:
        raise
    except (OSError, TimeoutError) as exc:
        raise TemporaryError(
            f"the web pages at {at} cannot be reached: {exc or 'no answer'}",
            where=access.node,
            hint="is the server up, and the web port open?",
        ) from exc
    try:
        der = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
    finally:
        writer.transport.abort()
        with contextlib.suppress(OSError):
            await writer.wait_closed()
    return "SHA256:" + hashlib.sha256(der).hexdigest()
