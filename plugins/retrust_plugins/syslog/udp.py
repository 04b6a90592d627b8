"""Receiving datagrams as fast as the kernel hands them over, and knowing what it threw away.

A large buffer, and up to 32 datagrams a wake-up: asyncio's own protocol takes one, and loses four in ten at 50,000 a
second; with many more, everybody else in this process would wait for them at each of their steps. What overflows the
buffer the kernel counts, for each socket.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
from collections.abc import Callable
from pathlib import Path

BUFFER = 16 * 1024 * 1024
AT_ONCE = 32
LARGEST = 65535
_SO_RCVBUFFORCE = 33

Datagrams = list[tuple[bytes, str]]


class UdpListener:
    """``heard`` is called with what came, as (bytes, sender's address)."""

    def __init__(self, host: str, port: int, heard: Callable[[Datagrams], None]) -> None:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._socket = socket.socket(family, socket.SOCK_DGRAM)
        try:
            self._socket.setblocking(False)
            _enlarge(self._socket)
            self._socket.bind((host, port))
        except BaseException:
            self._socket.close()
            raise
        self._heard = heard
        self._inode = os.fstat(self._socket.fileno()).st_ino
        self._dropped = 0
        asyncio.get_running_loop().add_reader(self._socket.fileno(), self._drain)

    @property
    def address(self) -> str:
        host, port = self._socket.getsockname()[:2]
        return f"udp {host}:{port}"

    def _drain(self) -> bool:
        """Take what is there, up to a limit; whether there was anything."""
        came: Datagrams = []
        with contextlib.suppress(BlockingIOError, ConnectionError):
            for _ in range(AT_ONCE):
                data, sender = self._socket.recvfrom(LARGEST)
                came.append((data, sender[0]))
        if came:
            self._heard(came)
        return bool(came)

    def newly_dropped(self) -> int:
        """What the kernel dropped since this was last asked."""
        total = dropped_of(self._inode)
        if total is None:
            return 0
        new, self._dropped = total - self._dropped, total
        return new

    def close(self) -> None:
        asyncio.get_running_loop().remove_reader(self._socket.fileno())
        while self._drain():
            pass
        self._socket.close()


def _enlarge(sock: socket.socket) -> None:
    """Beyond the system's limit where we may, up to it where not."""
    try:
        sock.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, BUFFER)
    except OSError:
        with contextlib.suppress(OSError):
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER)


def dropped_of(inode: int) -> int | None:
    """The kernel's count of one socket's drops; None where the kernel does not tell."""
    for table in ("/proc/net/udp", "/proc/net/udp6"):
        try:
            lines = Path(table).read_text(encoding="ascii").splitlines()[1:]
        except OSError:
            continue
        for line in lines:
            fields = line.split()
            if fields[9] == str(inode):
                return int(fields[12])
    return None
