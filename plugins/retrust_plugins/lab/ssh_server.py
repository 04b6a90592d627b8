"""A node's SSH server: host keys, logins, an interactive shell, and channels to TLS endpoints.

A shell needs a PTY; ``exec`` is refused unless the settings allow it. A ``direct-tcpip`` channel leaves from
the node itself, so that what is seen through it is what the node sees (``network``).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress

import asyncssh

from retrust_plugins.lab.network import Unreachable, hang_up
from retrust_plugins.lab.ports import CommandLineNode
from retrust_plugins.lab.shell import SessionDropped, Shell
from retrust_plugins.lab.terminal import SessionEnded, Terminal

# asyncssh tells of every login; a lab of two hundred nodes has no reader for that.
logging.getLogger("asyncssh").setLevel(logging.WARNING)


class SshServer:
    def __init__(
        self, node: CommandLineNode, host: str, port: int, answer: Callable[[Shell, str], Awaitable[str]]
    ) -> None:
        self._node, self._host, self.port, self.answer = node, host, port, answer
        self._acceptor: asyncssh.SSHAcceptor | None = None
        self.connections: set[asyncssh.SSHServerConnection] = set()
        self.shells: set[object] = set()
        self.keys: list[asyncssh.SSHKey] = []
        self.new_keys()

    def new_keys(self) -> None:
        self.keys = [asyncssh.generate_private_key(kind) for kind in self._node.settings.session.host_key_types]

    @property
    def is_open(self) -> bool:
        return self._acceptor is not None

    async def open(self) -> None:
        if self._acceptor is not None:
            return
        self._acceptor = await asyncssh.listen(
            self._host,
            self.port,
            server_factory=lambda: _Login(self._node, self),
            server_host_keys=self.keys,
            encoding="utf-8",
            errors="replace",
            line_editor=False,
            agent_forwarding=False,
            kbdint_auth=False,
            public_key_auth=False,
        )
        self.port = self._acceptor.get_port()

    async def close(self) -> None:
        if self._acceptor is None:
            return
        self._acceptor.close()
        await self.drop_connections()  # first: newer Pythons wait for them in wait_closed
        await self._acceptor.wait_closed()
        self._acceptor = None

    async def drop_connections(self) -> None:
        dropped = list(self.connections)
        for connection in dropped:
            connection.abort()
        for connection in dropped:
            await connection.wait_closed()


class _Login(asyncssh.SSHServer):
    def __init__(self, node: CommandLineNode, server: SshServer) -> None:
        self._node, self._server = node, server
        self._connection: asyncssh.SSHServerConnection | None = None

    def connection_made(self, conn: asyncssh.SSHServerConnection) -> None:
        self._connection = conn
        self._server.connections.add(conn)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._connection is not None:
            self._server.connections.discard(self._connection)

    def begin_auth(self, username: str) -> bool:
        if self._node.settings.session.auth_banner and self._connection is not None:
            self._connection.send_auth_banner(self._node.settings.session.auth_banner)
        return True

    def password_auth_supported(self) -> bool:
        return True

    def validate_password(self, username: str, password: str) -> bool:
        node = self._node
        known = (username, password) == (node.username, node.password)
        if known and not node.settings.session.refuse_password:
            node.logins += 1
            return True
        node.failed_logins += 1
        return False

    def session_requested(self) -> asyncssh.SSHServerSession[str]:
        assert self._connection is not None
        limit = self._node.settings.session.shells_at_once
        if limit is not None and len(self._server.shells) >= limit:
            raise asyncssh.ChannelOpenError(asyncssh.OPEN_RESOURCE_SHORTAGE, "open failed")
        return _Session(self._node, self._server, self._connection)

    def connection_requested(
        self, dest_host: str, dest_port: int, orig_host: str, orig_port: int
    ) -> Awaitable[asyncssh.SSHTCPSession[bytes]]:
        if not self._node.settings.session.channels:
            raise asyncssh.ChannelOpenError(
                asyncssh.OPEN_ADMINISTRATIVELY_PROHIBITED, "administratively prohibited: open failed"
            )
        return _Tunnel.open(self._node, dest_host, dest_port)


class _Session(asyncssh.SSHServerSession[str]):
    def __init__(self, node: CommandLineNode, server: SshServer, connection: asyncssh.SSHServerConnection) -> None:
        self._node, self._server, self._connection = node, server, connection
        self._channel: asyncssh.SSHServerChannel[str] | None = None
        self._task: asyncio.Task[None] | None = None
        self._command: str | None = None
        self._has_pty = False
        settings = node.settings
        self.terminal = Terminal(
            self._send,
            echo=settings.terminal.echo,
            line_end=settings.terminal.line_end,
            at_blanks=settings.terminal.break_at == "blank",
        )

    def connection_made(self, chan: asyncssh.SSHServerChannel[str]) -> None:
        self._channel = chan

    def pty_requested(self, term_type: str, term_size: tuple[int, int, int, int], term_modes: object) -> bool:
        self._has_pty = True
        self.terminal.page_length = self._node.settings.terminal.page_length
        self.terminal_size_changed(*term_size)
        return True

    def terminal_size_changed(self, width: int, height: int, pixwidth: int, pixheight: int) -> None:
        self.terminal.width = self._node.settings.terminal.width or (width if self._node.settings.terminal.wrap else 0)

    def shell_requested(self) -> bool:
        return self._has_pty

    def exec_requested(self, command: str) -> bool:
        self._command = command
        return self._node.settings.session.exec_allowed

    def session_started(self) -> None:
        self._server.shells.add(self)
        self._task = asyncio.create_task(self._run())

    def data_received(self, data: str, datatype: int | None) -> None:
        self.terminal.feed(data)

    def eof_received(self) -> bool:
        self.terminal.hang_up()
        return True

    def connection_lost(self, exc: Exception | None) -> None:
        self._server.shells.discard(self)
        if self._task is not None:
            self._task.cancel()

    def _send(self, text: str) -> None:
        assert self._channel is not None
        with suppress(OSError):
            self._channel.write(text)

    async def _run(self) -> None:
        assert self._channel is not None
        shell = Shell(self._node, self._node.username, self.terminal, self._server.answer)
        try:
            if self._command is not None:
                await shell.execute(self._command)
            else:
                await shell.run()
        except SessionDropped:
            self._connection.abort()
            return
        except SessionEnded:
            pass
        self._channel.exit(0)


class _Tunnel(asyncssh.SSHTCPSession[bytes]):
    """One ``direct-tcpip`` channel, joined to a connection that the node opened."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer
        self._channel: asyncssh.SSHTCPChannel[bytes] | None = None
        self._pump: asyncio.Task[None] | None = None

    @classmethod
    async def open(cls, node: CommandLineNode, host: str, port: int) -> _Tunnel:
        try:
            connection = await node.lab.network.connect(node.name, host, port, node.lab.settings.connect_timeout)
        except Unreachable as error:
            raise asyncssh.ChannelOpenError(asyncssh.OPEN_CONNECT_FAILED, str(error)) from error
        node.channels_opened.append((host, port))
        return cls(*await asyncio.open_connection(sock=connection))

    def connection_made(self, chan: asyncssh.SSHTCPChannel[bytes]) -> None:
        self._channel = chan

    def session_started(self) -> None:
        self._pump = asyncio.create_task(self._forward())

    def data_received(self, data: bytes, datatype: int | None) -> None:
        self._writer.write(data)

    def eof_received(self) -> bool:
        if self._writer.can_write_eof():
            self._writer.write_eof()
        return True

    def connection_lost(self, exc: Exception | None) -> None:
        if self._pump is not None:
            self._pump.cancel()

    async def _forward(self) -> None:
        assert self._channel is not None
        try:
            while data := await self._reader.read(65536):
                self._channel.write(data)
            self._channel.write_eof()
        except OSError:
            pass
        finally:
            await hang_up(self._writer)
            self._channel.close()
