"""Looking at a server that this machine reaches at another address than the one in TOFU keys."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from retrust.errors import RetrustError
from retrust.inventory import is_address
from retrust.models import Endpoint, Presented
from retrust.x509 import probe, probe_over


@dataclass(frozen=True)
class ReachedAt:
    """A prober that connects to ``address``; the server is asked for by its own name, as others ask it.

    Without an address it connects to the server's own; ``old`` offers old versions of TLS, too.
    """

    address: str | None
    old: bool = False

    async def probe(self, endpoint: Endpoint, *, timeout: float) -> Presented:
        there = Endpoint(host=self.address or endpoint.host, port=endpoint.port)
        return await probe(
            there, server_name=None if is_address(endpoint.host) else endpoint.host, timeout=timeout, old=self.old
        )

    async def probe_many(
        self, endpoints: Sequence[Endpoint], *, limit: int, timeout: float
    ) -> Mapping[Endpoint, Presented | RetrustError]:
        async def one(endpoint: Endpoint) -> Presented | RetrustError:
            try:
                return await self.probe(endpoint, timeout=timeout)
            except RetrustError as error:
                return error

        return dict(zip(endpoints, await asyncio.gather(*map(one, endpoints)), strict=True))

    async def probe_over(self, reader: Any, writer: Any, *, endpoint: Endpoint, timeout: float) -> Presented:
        return await probe_over(reader, writer, endpoint=endpoint, timeout=timeout, old=self.old)
