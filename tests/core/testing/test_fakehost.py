"""The fake host is a real server and counts rightly; looked at with plain asyncssh, not with our client."""

from __future__ import annotations

import asyncio
from typing import Any

import asyncssh
import pytest

from retrust.testing import FakeHost, Reply, host_key

PROMPT = "prime-pri/admin# "


def _connect(host: FakeHost, **changes: Any) -> Any:
    given = {
        "username": "admin",
        "password": host.users["admin"],
        "config": None,
        "client_keys": None,
        "agent_path": None,
        "gss_host": None,
        "known_hosts": ([key.convert_to_public() for key in host.keys], [], []),
    }
    return asyncssh.connect(host.address, host.port, **(given | changes))


async def _shell(connection: asyncssh.SSHClientConnection) -> asyncssh.SSHClientProcess[str]:
    return await connection.create_process(term_type="vt100", term_size=(80, 24))


async def _until(process: asyncssh.SSHClientProcess[str], end: str) -> str:
    return await process.stdout.readuntil(end)


async def test_it_echoes_and_answers_with_crlf() -> None:
    """Keys come back as they are typed; then the scripted reply; then the prompt."""
    async with FakeHost(replies={"show": "one\ntwo"}) as host, _connect(host) as connection:
        process = await _shell(connection)
        assert await _until(process, PROMPT) == PROMPT
        process.stdin.write("show\n")
        assert await _until(process, PROMPT) == f"show\r\none\r\ntwo\r\n{PROMPT}"
        assert (host.commands, host.typed, host.terminals) == (["show"], "show\n", [("vt100", 80, 24)])


async def test_it_wraps_its_echo() -> None:
    """A width breaks what is typed, prompt included."""
    async with FakeHost(width=20) as host, _connect(host) as connection:
        process = await _shell(connection)
        await _until(process, PROMPT)
        process.stdin.write("show version\n")
        assert await _until(process, PROMPT) == f"sho\r\nw version\r\n{PROMPT}"


async def test_it_waits_at_each_page_for_a_blank() -> None:
    """Nothing but a blank turns the page."""
    async with (
        FakeHost(replies={"show": "1\n2\n3\n"}, page=1, wipe="<wiped>") as host,
        _connect(host) as connection,
    ):
        process = await _shell(connection)
        await _until(process, PROMPT)
        process.stdin.write("show\n")
        assert await _until(process, "--More-- ") == "show\r\n1\r\n --More-- "
        process.stdin.write("x ")
        assert await _until(process, "--More-- ") == "<wiped>2\r\n --More-- "
        process.stdin.write(" ")
        assert await _until(process, PROMPT) == f"<wiped>3\r\n{PROMPT}"


async def test_it_asks_until_the_answer_is_right() -> None:
    """The login's question is repeated with the appliance's error line."""
    async with FakeHost(login_questions=["Go on? "]) as host, _connect(host) as connection:
        process = await _shell(connection)
        await _until(process, "Go on? ")
        process.stdin.write("no\nyes\n")
        assert "ERROR : Please enter Yes or No\r\nGo on? " in await _until(process, PROMPT)
        assert host.answers == ["no", "yes"]


async def test_a_question_has_scripted_answers() -> None:
    """What follows depends on what was typed; None stands for anything else."""
    reply = Reply(question="Sure? ", answers={"yes": "done\n", None: "aborted\n"})
    async with FakeHost(replies={"delete": reply}) as host, _connect(host) as connection:
        process = await _shell(connection)
        process.stdin.write("delete\nyes\ndelete\nwhat\n")
        assert "Sure? yes\r\ndone\r\n" in await _until(process, "done\r\n" + PROMPT)
        assert "Sure? what\r\naborted\r\n" in await _until(process, "aborted\r\n" + PROMPT)


async def test_a_reply_may_be_held_back_and_come_in_pieces() -> None:
    """An event holds it; each piece is a packet of its own."""
    go = asyncio.Event()
    reply = Reply("end", pieces=["a", "b"], after=go)
    async with FakeHost(replies={"show": reply}) as host, _connect(host) as connection:
        process = await _shell(connection)
        await _until(process, PROMPT)
        process.stdin.write("show\n")
        assert await _until(process, "show\r\n") == "show\r\n"
        await host.until(lambda host: host.commands == ["show"])
        go.set()
        assert await _until(process, PROMPT) == f"abend\r\n{PROMPT}"


async def test_a_callable_reply_sees_the_command() -> None:
    """Sync or async, for one command or, under None, for all others."""

    async def late(command: str) -> str:
        return command.upper()

    async with FakeHost(replies={None: late}) as host, _connect(host) as connection:
        process = await _shell(connection)
        await _until(process, PROMPT)
        process.stdin.write("show\n")
        assert "SHOW\r\n" in await _until(process, PROMPT)


@pytest.mark.parametrize("drop", ["before", "after", "connection"])
async def test_it_drops_where_it_is_told(drop: Any) -> None:
    """The session ends without another prompt, with or without the output."""
    async with FakeHost(replies={"show": Reply("text", drop=drop)}) as host, _connect(host) as connection:
        process = await _shell(connection)
        await _until(process, PROMPT)
        process.stdin.write("show\n")
        try:
            rest = await process.stdout.read()
        except asyncssh.ConnectionLost:
            rest = "lost"
        assert PROMPT not in rest
        assert "text" not in rest or drop != "before"
        assert "text" in rest or drop != "after"
        assert host.commands == ["show"]


async def test_it_refuses_exec() -> None:
    """A plain command channel is not what an appliance serves."""
    async with FakeHost() as host, _connect(host) as connection:
        with pytest.raises(asyncssh.ChannelOpenError):
            await connection.run("show version")
        assert host.execs == ["show version"]


@pytest.mark.parametrize("methods", [["password"], ["keyboard-interactive"]])
async def test_it_counts_logins_and_failures(methods: Any) -> None:
    """Each password that reaches it is counted once."""
    async with FakeHost(authentication=methods) as host:
        with pytest.raises(asyncssh.PermissionDenied):
            await _connect(host, password="wrong")
        async with _connect(host):
            pass
        assert (host.connections, host.auth_attempts, host.failed_logins, host.logins) == (2, 2, 1, 1)


async def test_a_client_that_rejects_its_key_is_not_counted_as_a_login() -> None:
    """Connections and attempts to log in are told apart."""
    async with FakeHost() as host:
        with pytest.raises(asyncssh.HostKeyNotVerifiable):
            await _connect(host, known_hosts=([], [], []))
        assert (host.connections, host.auth_attempts) == (1, 0)


async def test_it_shows_the_key_that_is_asked_for() -> None:
    """Several keys are served side by side."""
    keys = host_key("ssh-ed25519"), host_key("ecdsa-sha2-nistp256")
    async with FakeHost(keys=keys) as host:
        for key in keys:
            async with _connect(host, server_host_key_algs=[key.get_algorithm()]) as connection:
                assert connection.get_server_host_key() == key.convert_to_public()
        assert host.fingerprints == tuple(key.get_fingerprint() for key in keys)


async def test_resets_are_connections_without_a_word() -> None:
    """The first ones are dropped, the next is served."""
    async with FakeHost(resets=1) as host:
        with pytest.raises((asyncssh.ConnectionLost, ConnectionResetError)):
            await _connect(host)
        async with _connect(host):
            assert (host.connections, host.logins) == (2, 1)


async def test_channels_are_opened_to_listed_places_only() -> None:
    """Any other place is refused as forbidden, and both are recorded."""
    async with await asyncio.start_server(lambda r, w: w.close(), "127.0.0.1", 0) as server:
        place = f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
        async with FakeHost(channels=[place]) as host, _connect(host) as connection:
            reader, _ = await connection.open_connection("127.0.0.1", int(place.rpartition(":")[2]))
            assert await reader.read() == b""
            with pytest.raises(asyncssh.ChannelOpenError) as caught:
                await connection.open_connection("127.0.0.1", 1)
            assert caught.value.code == asyncssh.OPEN_ADMINISTRATIVELY_PROHIBITED
            assert host.tunnels == [place, "127.0.0.1:1"]


async def test_waiting_in_vain_ends() -> None:
    """``until`` has a limit, so that a test that waits for nothing fails."""
    async with FakeHost() as host:
        with pytest.raises(TimeoutError):
            await host.until(lambda host: host.logins == 1, limit=0.01)
