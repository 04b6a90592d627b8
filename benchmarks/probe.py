"""Probing a thousand endpoints, beside a bare asyncio loop with one shared context.

The endpoints are real TLS servers in a process of their own. Ours parses each certificate to names, dates
and both fingerprints; the peer takes the digest of its bytes and drops the connection.
"""

from __future__ import annotations

import asyncio
import hashlib
import multiprocessing
import resource
import ssl
import sys
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack, contextmanager
from functools import partial
from multiprocessing.connection import Connection

from benchmarks.report import Row, at_most, medians, table
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from retrust.models import Endpoint, Presented
from retrust.testing.certificates import PrivateKey, self_signed, tls_server
from retrust.x509.tls import probe_many

ENDPOINTS = 1_000
AT_ONCE = 50
ROUNDS = 5
KEYS: dict[str, Callable[[], PrivateKey]] = {
    "ECDSA P-256": lambda: ec.generate_private_key(ec.SECP256R1()),
    "RSA 2048": lambda: rsa.generate_private_key(public_exponent=65537, key_size=2048),
}


def serve(kind: str, to_parent: Connection) -> None:
    """The servers' process: tells its endpoints, and ends when the parent does or says so."""
    resource.setrlimit(resource.RLIMIT_NOFILE, (ENDPOINTS * 2, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))

    async def main() -> None:
        context = self_signed("endpoint", key=KEYS[kind]()).context()
        async with AsyncExitStack() as servers:
            to_parent.send([await servers.enter_async_context(tls_server(context)) for _ in range(ENDPOINTS)])
            await asyncio.to_thread(to_parent.poll, None)

    asyncio.run(main())


@contextmanager
def endpoints(kind: str) -> Iterator[list[Endpoint]]:
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(target=serve, args=(kind, theirs))
    process.start()
    theirs.close()
    try:
        yield ours.recv()
    finally:
        ours.close()
        process.join()


def probe_all(targets: list[Endpoint]) -> None:
    seen = asyncio.run(probe_many(targets, limit=AT_ONCE))
    if not all(isinstance(answer, Presented) for answer in seen.values()) or len(seen) != len(targets):
        raise SystemExit("some endpoints did not answer")


def bare_loop(targets: list[Endpoint]) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE

    async def look(endpoint: Endpoint, slots: asyncio.Semaphore) -> str:
        async with slots:
            _, writer = await asyncio.open_connection(endpoint.host, endpoint.port, ssl=context)
            der = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
            writer.transport.abort()
            return hashlib.sha256(der).hexdigest()

    async def main() -> None:
        slots = asyncio.Semaphore(AT_ONCE)
        await asyncio.gather(*(look(endpoint, slots) for endpoint in targets))

    asyncio.run(main())


def run() -> list[Row]:
    """By the clock the servers' work counts on both sides; the CPU is that of the probing process alone."""
    rows = []
    for kind in KEYS:
        with endpoints(kind) as targets:
            taken = medians({"ours": partial(probe_all, targets), "bare": partial(bare_loop, targets)}, ROUNDS)
        ours, bare = taken["ours"], taken["bare"]
        name, peer = f"probe of {ENDPOINTS:,} endpoints, {kind}", "bare asyncio loop"
        rows += [
            at_most(f"{name}, wall", ours.wall, bare.wall, 1.3, peer_name=peer),
            at_most(f"{name}, CPU", ours.cpu, bare.cpu, 1.3, peer_name=peer),
        ]
    return rows


if __name__ == "__main__":
    sys.stdout.write(table(run()))
