"""Where a lab lives: a block of loopback addresses of its own, or ports of its own on one address.

On Linux the whole of 127.0.0.0/8 answers without being set up, so that each node has its own address and
the ports look like the appliance's. Elsewhere, and with IPv6, nodes share one address and get free ports.
"""

from __future__ import annotations

import random
import socket
import sys
from dataclasses import dataclass, field
from typing import Literal

_CLAIM_PORT = 10999
_ATTEMPTS = 50


@dataclass
class Ground:
    """The address of the n-th node, and whether nodes have addresses of their own.

    A claim on a distinct block is a socket bound for the lab's life, so that two labs never share one.
    """

    prefix: str
    distinct: bool
    _claim: socket.socket | None = field(default=None, repr=False)

    def host(self, number: int) -> str:
        return f"{self.prefix}.{number}" if self.distinct else self.prefix

    def port(self, preferred: int) -> int:
        return preferred if self.distinct else 0

    def release(self) -> None:
        if self._claim is not None:
            self._claim.close()


def find_ground(kind: Literal["auto", "distinct", "shared", "ipv6"]) -> Ground:
    if kind == "ipv6":
        return Ground("::1", distinct=False)
    if kind == "distinct" or (kind == "auto" and sys.platform == "linux"):
        for _ in range(_ATTEMPTS):
            if ground := _claimed(f"127.{random.randint(1, 254)}.{random.randint(1, 254)}"):  # noqa: S311
                return ground
        if kind == "distinct":
            raise OSError("no block of loopback addresses can be bound here")
    return Ground("127.0.0.1", distinct=False)


def _claimed(prefix: str) -> Ground | None:
    claim = socket.socket()
    try:
        claim.bind((f"{prefix}.1", _CLAIM_PORT))
    except OSError:
        claim.close()
        return None
    return Ground(prefix, distinct=True, _claim=claim)


def new_socket(host: str) -> socket.socket:
    """A TCP socket for this address; asyncio turns Nagle's delays off only where the protocol is named."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    return socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
