"""Getting at one known_hosts file: here, or on a holder through the files of its verified SSH session.

A line is changed where it stands: the file is never replaced, so that its owner, mode, ACL, attributes and links stay,
a file that is mounted or linked under several names can be changed, too, and what others append meanwhile is kept.
No byte of another line is written. Where somebody else (``ssh-keygen -R``, an editor, another run) puts a new file in
its place meanwhile, the change is made in that one.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import fcntl
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Literal, Protocol

import asyncssh

from retrust.errors import PermanentError, TemporaryError
from retrust_plugins.openssh.known_hosts import change

LARGEST = 16 * 1024 * 1024
ATTEMPTS = 20
BeforeSend = Callable[[], Awaitable[None]]


class File(Protocol):
    """An open file that may be written; whatever is written is written once, as one piece."""

    async def read(self) -> bytes: ...

    async def write(self, offset: int, data: bytes) -> None: ...

    async def append(self, data: bytes) -> None: ...

    async def sync(self) -> None: ...


class Store(Protocol):
    """``path`` is for people. Errors of the file are ``OSError`` or ``asyncssh.SFTPError``."""

    node: str
    path: str

    async def read(self) -> bytes | None:
        """The file's content; None where there is no such file, which to ssh is one without a line."""
        ...

    def open(self) -> AbstractAsyncContextManager[File]:
        """The file for writing, or an error where it may not be written."""
        ...


async def holds(store: Store, old: str, new: str) -> bool:
    """Whether the file has the line that is to go."""
    return bool(change(await store.read() or b"", old, new))


async def replace_line(store: Store, old: str, new: str, before_send: BeforeSend) -> None:
    """Put the line ``new`` in the place of ``old``, and see that it stands there."""
    for _ in range(ATTEMPTS):
        async with store.open() as file:
            await before_send()
            # What others wrote in the meantime may have moved the line.
            wanted = change(_bounded(await file.read()), old, new)
            if wanted.append:
                await file.append(wanted.append)
            for offset, stands, comes in wanted.over:
                if (await file.read())[offset : offset + len(stands)] == stands:
                    await file.write(offset, comes)
            await file.sync()
        if not await holds(store, old, new):
            return
    raise PermanentError(
        f"{store.path} changes faster than it can be written",
        where=store.node,
        hint="find out which program writes it all the time, and run again",
    )


class LocalStore:
    """A file of this machine."""

    def __init__(self, node: str, path: str) -> None:
        self.node = node
        self.path = path
        self._path = Path.home() / Path(path).expanduser()

    async def read(self) -> bytes | None:
        with _told(self, "read"), contextlib.suppress(FileNotFoundError):
            return _bounded(await asyncio.to_thread(self._path.read_bytes))
        return None

    @asynccontextmanager
    async def open(self) -> AsyncIterator[File]:
        with _told(self, "written"):
            descriptor = await asyncio.to_thread(os.open, self._path, os.O_RDWR | os.O_CLOEXEC)
            try:
                yield _LocalFile(descriptor)
            finally:
                os.close(descriptor)


class _LocalFile:
    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    async def read(self) -> bytes:
        return await asyncio.to_thread(os.pread, self._descriptor, LARGEST + 1, 0)

    async def write(self, offset: int, data: bytes) -> None:
        await asyncio.to_thread(os.pwrite, self._descriptor, data, offset)

    async def append(self, data: bytes) -> None:
        flags = fcntl.fcntl(self._descriptor, fcntl.F_GETFL)
        fcntl.fcntl(self._descriptor, fcntl.F_SETFL, flags | os.O_APPEND)
        try:
            if os.write(self._descriptor, data) != len(data):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        finally:
            fcntl.fcntl(self._descriptor, fcntl.F_SETFL, flags)

    async def sync(self) -> None:
        await asyncio.to_thread(os.fsync, self._descriptor)


class SftpStore:
    """A file of a holder, through its SFTP server. ``path`` is relative to the login's home folder."""

    def __init__(self, node: str, sftp: asyncssh.SFTPClient, path: str) -> None:
        self.node = node
        self.path = path.removeprefix("~/")
        self._sftp = sftp

    async def read(self) -> bytes | None:
        with _told(self, "read"), contextlib.suppress(asyncssh.SFTPNoSuchFile, asyncssh.SFTPNoSuchPath):
            async with self._sftp.open(self.path, "rb") as file:
                return _bounded(await _SftpFile(self._sftp, self.path, file).read())
        return None

    @asynccontextmanager
    async def open(self) -> AsyncIterator[File]:
        with _told(self, "written"):
            async with self._sftp.open(self.path, "r+b") as file:
                yield _SftpFile(self._sftp, self.path, file)


class _SftpFile:
    def __init__(self, sftp: asyncssh.SFTPClient, path: str, file: asyncssh.SFTPClientFile) -> None:
        self._sftp = sftp
        self._path = path
        self._file = file

    async def read(self) -> bytes:
        content = await self._file.read(LARGEST + 1, 0)
        assert isinstance(content, bytes)
        return content

    async def write(self, offset: int, data: bytes) -> None:
        await self._file.write(data, offset)

    async def append(self, data: bytes) -> None:
        async with self._sftp.open(self._path, "ab") as file:
            await file.write(data)

    async def sync(self) -> None:
        with contextlib.suppress(asyncssh.SFTPOpUnsupported):
            await self._file.fsync()


def _bounded(content: bytes) -> bytes:
    if len(content) > LARGEST:
        raise OSError(f"it is larger than {LARGEST >> 20} MiB")
    return content


@contextlib.contextmanager
def _told(store: Store, done: Literal["read", "written"]) -> Iterator[None]:
    """Errors of the file in words that name it."""
    try:
        yield
    except (asyncssh.SFTPConnectionLost, asyncssh.SFTPNoConnection, asyncssh.ConnectionLost) as exc:
        raise TemporaryError(
            f"the connection was lost while {store.path} was {done}: {exc}",
            where=store.node,
            hint="observe whether it took effect",
        ) from exc
    except (asyncssh.Error, OSError) as exc:
        hint = (
            "name the known_hosts file as the holder's path"
            if done == "read"
            else "no line of it was lost; let the login write this file as it stands, and run again"
        )
        raise PermanentError(f"{store.path} cannot be {done}: {exc}", where=store.node, hint=hint) from exc
