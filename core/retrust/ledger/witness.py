"""A file in another place that keeps the head of the chain, each as a signed note (``notes``), one behind the other.

Whoever holds the ledger's machine can write its chain anew and sign it; what such a file holds already, on a machine
that they do not hold, shows it. ``retrust audit verify --checkpoint FILE`` compares the two.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
from collections.abc import Iterator
from pathlib import Path

APPEND = os.O_WRONLY | os.O_APPEND | os.O_CREAT


class FileWitness:
    """``await witness(note)`` returns when the note is on the disk; raises OSError where it cannot be kept."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._turn = asyncio.Lock()
        self._writing: asyncio.Future[None] | None = None

    async def __call__(self, note: str) -> None:
        async with self._turn:
            if self._writing is not None and not self._writing.done():  # given up, and its thread still hangs
                raise TimeoutError(f"{self.path} does not answer")
            self._writing = asyncio.ensure_future(asyncio.to_thread(self._append, f"\n{note}".encode()))
            self._writing.add_done_callback(_looked_at)
            await asyncio.shield(self._writing)

    def _append(self, data: bytes) -> None:
        """In one write. The line break comes first: behind a note that a loss of power cut off, it ends that one."""
        try:
            is_new = not self.path.exists()
            with _opened(self.path, APPEND) as descriptor:
                if os.write(descriptor, data) != len(data):
                    raise OSError(errno.ENOSPC, "written in part only")
                os.fsync(descriptor)
            if is_new:  # its name is on the disk only when its folder is
                with _opened(self.path.parent, os.O_RDONLY) as descriptor:
                    os.fsync(descriptor)
        except OSError as exc:
            raise OSError(f"{self.path}: {exc.strerror}") from exc


def _looked_at(writing: asyncio.Future[None]) -> None:
    """How a write ends that was given up is no news."""
    if not writing.cancelled():
        writing.exception()


@contextlib.contextmanager
def _opened(path: Path, flags: int) -> Iterator[int]:
    descriptor = os.open(path, flags, 0o600)
    try:
        yield descriptor
    finally:
        os.close(descriptor)
