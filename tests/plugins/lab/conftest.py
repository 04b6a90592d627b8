"""A lab for a test, and a person at its terminals: a bare asyncssh client that knows nothing of Retrust."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Any

import asyncssh
import pytest

from retrust_plugins.lab import Lab, LabSettings, PrimeNode
from retrust_plugins.lab.certificates import fingerprint

LIMIT = 10.0


class Operator:
    """One interactive session; ``screen`` is everything that was printed."""

    def __init__(
        self, node: PrimeNode, connection: asyncssh.SSHClientConnection, process: asyncssh.SSHClientProcess[str]
    ) -> None:
        self.node, self.connection, self.process = node, connection, process
        self.prompt = f"{node.settings.hostname}/{node.username}# "
        self.screen = ""

    def type(self, text: str) -> None:
        self.process.stdin.write(text)

    async def until(self, text: str) -> str:
        """What is printed up to and with ``text``; EOFError when the session ends instead."""
        read = ""
        async with asyncio.timeout(LIMIT):
            while not read.endswith(text):
                character = await self.process.stdout.read(1)
                if not character:
                    raise EOFError(read)
                read += character
                self.screen += character
        return read

    async def ask(self, line: str) -> str:
        """A command's answer without its echo and the prompt, lines ended by a plain newline."""
        self.type(line + "\r")
        answer = (await self.until(self.prompt)).removesuffix(self.prompt)
        echo, _, rest = answer.partition("\r\n")
        assert echo == line
        assert rest.count("\n") == rest.count("\r\n")
        return rest.replace("\r\n", "\n")

    async def pins(self) -> list[str]:
        listing = await self.ask("ncs certvalidation tofu-certs listcerts")
        return [line for line in listing.splitlines() if line.startswith("host=")]

    async def delete(self, key: str) -> str:
        return await self.ask(f"ncs certvalidation tofu-certs deletecert host {key}")

    async def fingerprint_at(self, host: str, port: int) -> str:
        """The certificate seen through a channel of this session."""
        reader, writer = await self.connection.open_connection(host, port, encoding=None)
        context = _blind()
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        tls = context.wrap_bio(incoming, outgoing)
        async with asyncio.timeout(LIMIT):
            while True:
                try:
                    tls.do_handshake()
                    break
                except ssl.SSLWantReadError:
                    writer.write(outgoing.read())
                    received = await reader.read(65536)
                    assert received, "the channel closed in the handshake"
                    incoming.write(received)
        writer.close()
        certificate = tls.getpeercert(binary_form=True)
        assert certificate is not None
        return fingerprint(certificate)


def _blind() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


@pytest.fixture
async def start() -> AsyncIterator[Callable[..., Awaitable[Lab]]]:
    """Start a lab, one without pages by default, whose nodes meet often; with these changes of its settings."""
    async with AsyncExitStack() as stack:

        async def starter(settings: LabSettings | None = None, **changes: Any) -> Lab:
            settings = settings or LabSettings(web=False)
            settings.health_interval = settings.ise_servers.interval = 0.05
            for name, value in changes.items():
                assert hasattr(settings, name), name
                setattr(settings, name, value)
            return await stack.enter_async_context(Lab(settings))

        yield starter


@pytest.fixture
async def lab(start: Callable[..., Awaitable[Lab]]) -> Lab:
    return await start()


@pytest.fixture
async def connect() -> AsyncIterator[Callable[..., Awaitable[asyncssh.SSHClientConnection]]]:
    """An SSH connection to a node; its host key is compared with the lab's word for it."""
    async with AsyncExitStack() as stack:

        async def connector(node: PrimeNode, **options: Any) -> asyncssh.SSHClientConnection:
            given: dict[str, Any] = {
                "username": node.username,
                "password": node.password,
                "known_hosts": None,
                "client_keys": None,
                "config": None,
                "agent_path": None,
            }
            connection = await asyncssh.connect(node.host, node.ssh.port, **(given | options))
            stack.push_async_callback(_close, connection)
            key = connection.get_server_host_key()
            assert key is not None
            assert key.get_fingerprint() in node.host_key_fingerprints
            return connection

        yield connector


async def _close(connection: asyncssh.SSHClientConnection) -> None:
    connection.close()
    await connection.wait_closed()


@pytest.fixture
def open_shell(connect: Callable[..., Awaitable[asyncssh.SSHClientConnection]]) -> Callable[..., Awaitable[Operator]]:
    """A session that has printed nothing yet; ``width`` and ``height`` are the terminal's."""

    async def opener(node: PrimeNode, width: int = 250, height: int = 50) -> Operator:
        connection = await connect(node)
        process = await connection.create_process(term_type="vt100", term_size=(width, height))
        return Operator(node, connection, process)

    return opener


@pytest.fixture
def log_in(open_shell: Callable[..., Awaitable[Operator]]) -> Callable[..., Awaitable[Operator]]:
    """A session at its first prompt."""

    async def login(node: PrimeNode, **size: int) -> Operator:
        operator = await open_shell(node, **size)
        await operator.until(operator.prompt)
        return operator

    return login


@pytest.fixture
def look() -> Callable[[str, int], Awaitable[str]]:
    """The certificate that an address presents to everyone outside."""

    async def looker(host: str, port: int) -> str:
        _, writer = await asyncio.open_connection(host, port, ssl=_blind())
        certificate = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
        writer.close()
        await writer.wait_closed()
        return fingerprint(certificate)

    return looker
