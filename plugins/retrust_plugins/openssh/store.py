"""Getting at one known_hosts file: here, or on a holder through the files of its verified SSH session.

A file is replaced whole: written beside its place with the same rights and owner, then renamed onto it, so
that no client ever reads half of it. What links point at is replaced, never the link.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import stat
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Protocol

import asyncssh

from retrust.errors import PermanentError, RetrustError, TemporaryError

LARGEST = 16 * 1024 * 1024
BeforeSend = Callable[[], Awaitable[None]]


class Store(Protocol):
    async def read(self) -> bytes:
        """The file's content."""
        ...

    async def replace(self, old: bytes, new: bytes, before_send: BeforeSend) -> None:
        """Put ``new`` in place of ``old``, or change nothing where the file is no longer ``old``."""
        ...


class LocalStore:
    """A file of this machine."""

    def __init__(self, node: str, path: str) -> None:
        self._node = node
        self._path = Path.home() / Path(path).expanduser()

    async def read(self) -> bytes:
        try:
            return await asyncio.to_thread(_read, self._path)
        except OSError as exc:
            raise _unreadable(self._node, str(self._path), exc) from exc

    async def replace(self, old: bytes, new: bytes, before_send: BeforeSend) -> None:
        try:
            target = await asyncio.to_thread(self._path.resolve, strict=True)
            beside = await asyncio.to_thread(_write_beside, target, new)
            try:
                await before_send()
                _expect_unchanged(self._node, await self.read(), old)
                await asyncio.to_thread(beside.replace, target)
            finally:
                await asyncio.to_thread(beside.unlink, missing_ok=True)
        except OSError as exc:
            raise _unwritable(self._node, str(self._path), exc) from exc


def _read(path: Path) -> bytes:
    with path.open("rb") as file:
        return _bounded(file.read(LARGEST + 1))


def _bounded(content: bytes) -> bytes:
    if len(content) > LARGEST:
        raise OSError(f"it is larger than {LARGEST >> 20} MiB")
    return content


def _write_beside(target: Path, content: bytes) -> Path:
    status = target.stat()
    beside = target.with_name(_beside(target.name))
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        if (status.st_uid, status.st_gid) != (os.getuid(), os.getgid()):
            os.chown(beside, status.st_uid, status.st_gid)
        beside.chmod(stat.S_IMODE(status.st_mode))
    except BaseException:
        beside.unlink(missing_ok=True)
        raise
    return beside


class SftpStore:
    """A file of a holder, through its SFTP server. ``path`` is relative to the login's home folder."""

    def __init__(self, node: str, sftp: asyncssh.SFTPClient, path: str) -> None:
        self._node = node
        self._sftp = sftp
        self._path = path.removeprefix("~/")

    async def read(self) -> bytes:
        try:
            async with self._sftp.open(self._path, "rb") as file:
                content = await file.read(LARGEST + 1)
            assert isinstance(content, bytes)
            return _bounded(content)
        except asyncssh.SFTPError as exc:
            raise _unreadable(self._node, self._path, exc) from exc
        except (asyncssh.Error, OSError) as exc:
            raise TemporaryError(f"{self._path} cannot be read: {exc}", where=self._node) from exc

    async def replace(self, old: bytes, new: bytes, before_send: BeforeSend) -> None:
        try:
            target = str(await self._sftp.realpath(self._path))
            beside = await self._write_beside(target, new)
            try:
                await before_send()
                _expect_unchanged(self._node, await self.read(), old)
                await self._sftp.posix_rename(beside, target)
            except BaseException:
                with contextlib.suppress(asyncssh.Error, OSError):
                    await self._sftp.remove(beside)
                raise
        except asyncssh.SFTPConnectionLost as exc:
            raise TemporaryError(f"the connection was lost while {self._path} was written: {exc}",
                                 where=self._node, hint="observe whether it took effect") from exc
        except asyncssh.SFTPError as exc:
            raise _unwritable(self._node, self._path, exc) from exc

    async def _write_beside(self, target: str, content: bytes) -> str:
        status = await self._sftp.stat(target)
        folder, _, name = target.rpartition("/")
        beside = f"{folder}/{_beside(name)}"
        try:
            async with self._sftp.open(beside, "xb", asyncssh.SFTPAttrs(permissions=0o600)) as file:
                await file.write(content)
                with contextlib.suppress(asyncssh.SFTPOpUnsupported):
                    await file.fsync()
            ours = await self._sftp.stat(beside)
            if status.uid is not None and status.gid is not None and (
                    (ours.uid, ours.gid) != (status.uid, status.gid)):
                await self._sftp.chown(beside, status.uid, status.gid)
            await self._sftp.chmod(beside, stat.S_IMODE(status.permissions or 0o600))
        except BaseException:
            with contextlib.suppress(asyncssh.Error, OSError):
                await self._sftp.remove(beside)
            raise
        return beside


def _beside(name: str) -> str:
    return f".{name}.{secrets.token_hex(8)}"


def _expect_unchanged(node: str, now: bytes, before: bytes) -> None:
    if now != before:
        raise PermanentError("the known_hosts file changed while it was being written", where=node,
                             hint="nothing was written; run again")


def _unreadable(node: str, path: str, exc: Exception) -> RetrustError:
    return PermanentError(f"{path} cannot be read: {exc}", where=node,
                          hint="name the known_hosts file as the holder's path")


def _unwritable(node: str, path: str, exc: Exception) -> RetrustError:
    return PermanentError(f"{path} cannot be written: {exc}", where=node, hint="the file is as it was")
