"""Channels through a verified connection, its end, and what it costs to import."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from retrust.errors import TemporaryError
from retrust.ssh import ChannelsForbidden, Dialect, SessionLost, SshAccess, connect
from retrust.testing import FakeHost, Reply

Access = Callable[..., SshAccess]


@asynccontextmanager
async def _echo_server() -> AsyncIterator[int]:
    """Sends back each byte with its bits turned, to show that bytes pass as they are."""

    serving: list[asyncio.Task[None]] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        serving.append(task)
        while data := await reader.read(100):
            writer.write(bytes(255 - byte for byte in data))
        writer.close()
        await writer.wait_closed()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        yield server.sockets[0].getsockname()[1]
        await asyncio.gather(*serving)


async def test_a_channel_carries_bytes(access_to: Access, ade_os: Dialect) -> None:
    """Through the node to another address, beside a shell on the same connection."""
    async with _echo_server() as port, FakeHost(channels=[f"127.0.0.1:{port}"]) as host:
        async with connect(access_to(host)) as connection, connection.shell(ade_os, read_only=False) as shell:
            reader, writer = await connection.open_tunnel("127.0.0.1", port)
            writer.write(bytes(range(256)))
            assert await reader.readexactly(256) == bytes(reversed(range(256)))
            await shell.run("show")
            writer.close()
        assert (host.connections, host.tunnels) == (1, [f"127.0.0.1:{port}"])


async def test_a_refused_channel_is_told_apart(access_to: Access, ade_os: Dialect) -> None:
    """A node that forbids channels has no fault: its shells go on."""
    async with (
        FakeHost(channels=None, replies={"show": "ok"}) as host,
        connect(access_to(host)) as connection,
    ):
        with pytest.raises(ChannelsForbidden, match=r"primary: the node opens no channel to 10\.0\.0\.12 port 8082"):
            await connection.open_tunnel("10.0.0.12", 8082)
        async with connection.shell(ade_os, read_only=False) as shell:
            assert await shell.run("show") == "ok\n"


async def test_a_channel_to_where_nothing_answers_is_temporary(access_to: Access) -> None:
    """An open policy and a closed port are no ban on channels."""
    async with _echo_server() as port:
        pass
    async with FakeHost(channels=[f"127.0.0.1:{port}"]) as host, connect(access_to(host)) as connection:
        with pytest.raises(TemporaryError, match=f"no channel to 127.0.0.1 port {port}") as caught:
            await connection.open_tunnel("127.0.0.1", port)
        assert not isinstance(caught.value, ChannelsForbidden)


async def test_a_lost_connection_opens_nothing(access_to: Access, ade_os: Dialect) -> None:
    """After the node hung up, shells and channels say so."""
    async with (
        FakeHost(replies={"bye": Reply(drop="connection")}) as host,
        connect(access_to(host)) as connection,
    ):
        async with connection.shell(ade_os, read_only=False) as shell:
            with pytest.raises(SessionLost):
                await shell.run("bye")
        assert not connection.is_open
        with pytest.raises(SessionLost):
            await connection.open_tunnel("127.0.0.1", 1)
        with pytest.raises(SessionLost):
            async with connection.shell(ade_os):
                pass


async def test_leaving_the_block_ends_the_connection(access_to: Access, ade_os: Dialect) -> None:
    """Also when the block fails: nothing is held open."""
    async with FakeHost() as host:
        with pytest.raises(RuntimeError, match="ours"):
            async with connect(access_to(host)) as connection, connection.shell(ade_os):
                raise RuntimeError("ours")
        await host.until(lambda host: host.open_connections == 0)


def test_the_names_import_without_asyncssh() -> None:
    """A plugin may name dialects and errors without paying for the protocol."""
    code = (
        "import sys, retrust.ssh; assert 'asyncssh' not in sys.modules; "
        "from retrust.ssh import connect; assert 'asyncssh' in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
