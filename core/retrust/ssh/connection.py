"""One verified SSH connection to a node: shells for commands, channels for evidence."""

from __future__ import annotations

import asyncio
import re
import socket
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress

import asyncssh
from asyncssh import SSHReader, SSHWriter

from retrust.errors import TemporaryError
from retrust.ssh.access import SshAccess
from retrust.ssh.dialect import Dialect
from retrust.ssh.errors import ChannelsForbidden, SessionLost
from retrust.ssh.login import log_in
from retrust.ssh.shell import Shell, Terminal
from retrust.ssh.transcript import Transcript

_FORBIDDEN = {asyncssh.OPEN_ADMINISTRATIVELY_PROHIBITED, asyncssh.OPEN_UNKNOWN_CHANNEL_TYPE}
_ONE_AT_A_TIME = (0.2, 0.5, 1.0)  # seconds
_CLOSING = 2.0  # seconds that a server is given to say goodbye


@asynccontextmanager
async def connect(
    access: SshAccess, *, timeout: float = 30.0, command_timeout: float = 60.0, transcript: Transcript | None = None
) -> AsyncIterator[Connection]:
    """Log in, or raise ``ChangedIdentity``, ``PasswordRefused`` or ``TemporaryError``."""
    transcript = transcript if transcript is not None else Transcript()
    ssh = await log_in(access, transcript, timeout)
    try:
        yield Connection(access, ssh, transcript, timeout, command_timeout)
    finally:
        await _close(ssh)


async def _close(ssh: asyncssh.SSHClientConnection) -> None:
    ssh.close()
    try:
        async with asyncio.timeout(_CLOSING):
            await ssh.wait_closed()
    except TimeoutError:
        ssh.abort()


def _acknowledge_at_once(ssh: asyncssh.SSHClientConnection) -> None:
    """Spare a first shell 40 ms: OpenSSH's answer waits for the acknowledgement of what it sent at login.

    The kernel forgets the setting with the next packet sent, so it is made after the request has gone out.
    """
    if hasattr(socket, "TCP_QUICKACK") and not ssh.is_closed():
        with suppress(OSError):
            ssh.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)


class _ShellRefused(TemporaryError):
    """The node opened no channel for a shell."""


class Connection:
    """Made by ``connect``. Shells and channels may be open side by side; a lost shell can be opened again."""

    def __init__(
        self,
        access: SshAccess,
        ssh: asyncssh.SSHClientConnection,
        transcript: Transcript,
        timeout: float,
        command_timeout: float,
    ) -> None:
        self.access = access
        self.transcript = transcript
        self._ssh = ssh
        self._timeout = timeout
        self._command_timeout = command_timeout

    @property
    def is_open(self) -> bool:
        return not self._ssh.is_closed()

    @asynccontextmanager
    async def shell(
        self, dialect: Dialect, *, read_only: bool = True, allowed: Sequence[str | re.Pattern[str]] = ()
    ) -> AsyncIterator[Shell]:
        """An interactive shell, at its first prompt.

        A read-only one can send ``allowed`` commands only (exact texts, or patterns for the whole command);
        so can a writing one, unless the list is empty.
        """
        terminal = await self._terminal(dialect)
        shell = Shell(
            self.access.node,
            dialect,
            terminal,
            self.transcript,
            read_only=read_only,
            allowed=tuple(allowed),
            timeout=self._command_timeout,
        )
        try:
            await shell.log_in()
            yield shell
        finally:
            shell.close()

    async def _terminal(self, dialect: Dialect) -> Terminal:
        """A shell's channel; asked for again where a node that allows one may still be closing the last."""
        for pause in _ONE_AT_A_TIME:
            try:
                return await self._open_terminal(dialect)
            except _ShellRefused:
                await asyncio.sleep(pause)
        return await self._open_terminal(dialect)

    async def _open_terminal(self, dialect: Dialect) -> Terminal:
        node, terminal = self.access.node, Terminal()
        try:
            async with asyncio.timeout(self._timeout):
                asyncio.get_running_loop().call_soon(_acknowledge_at_once, self._ssh)
                await self._ssh.create_session(
                    lambda: terminal,
                    request_pty="force",
                    term_type=dialect.terminal,
                    term_size=(dialect.columns, dialect.rows),
                    encoding=None,
                )
        except asyncssh.ChannelOpenError as exc:
            if not self.is_open:
                raise SessionLost(f"the SSH connection was lost: {exc.reason}", node=node) from exc
            raise _ShellRefused(
                f"no interactive shell: {exc.reason}",
                where=node,
                hint="the node may have reached its limit of sessions",
            ) from exc
        except (asyncssh.Error, OSError) as exc:
            raise SessionLost(f"the SSH connection was lost: {exc}", node=node) from exc
        except TimeoutError as exc:
            raise TemporaryError(f"no interactive shell within {self._timeout:g} s", where=node) from exc
        return terminal

    async def open_tunnel(self, host: str, port: int) -> tuple[SSHReader[bytes], SSHWriter[bytes]]:
        """A ``direct-tcpip`` channel from the node to ``host`` and ``port``, in bytes.

        Raises ``ChannelsForbidden`` where the node opens none, ``TemporaryError`` where nothing answers.
        """
        node, place = self.access.node, f"{host} port {port}"
        try:
            async with asyncio.timeout(self._timeout):
                return await self._ssh.open_connection(host, port, encoding=None)
        except asyncssh.ChannelOpenError as exc:
            if not self.is_open:
                raise SessionLost(f"the SSH connection was lost: {exc.reason}", node=node) from exc
            if exc.code in _FORBIDDEN:
                raise ChannelsForbidden(f"the node opens no channel to {place}: {exc.reason}", where=node) from exc
            raise TemporaryError(f"no channel to {place}: {exc.reason}", where=node) from exc
        except (asyncssh.Error, OSError) as exc:
            raise SessionLost(f"the SSH connection was lost: {exc}", node=node) from exc
        except TimeoutError as exc:
            raise TemporaryError(f"no channel to {place} within {self._timeout:g} s", where=node) from exc
