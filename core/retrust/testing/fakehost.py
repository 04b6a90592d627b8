"""A fake appliance: a real SSH server on a free loopback port, with an interactive shell of scripted replies.

It exists to misbehave in every way that is known of appliances, and it counts what reached it. It shares
no code with the client in ``retrust.ssh``, so that a wrong assumption cannot cancel out.

    async with FakeHost(replies={"show version": "Version : 3.10"}) as host:
        ...connect to host.address, host.port; host.fingerprints; then look at host.commands...
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from types import TracebackType
from typing import Any, Literal

import asyncssh

KeyType = Literal["ssh-ed25519", "ecdsa-sha2-nistp256", "ssh-rsa"]
PAGER = " --More-- "


@cache
def host_key(kind: KeyType, name: str = "") -> asyncssh.SSHKey:
    """A key of this type, the same for the same ``name`` in one process: RSA keys are slow to make."""
    return asyncssh.generate_private_key(kind)


@dataclass(frozen=True)
class Reply:
    """What follows a command's echo. Line ends are written as CRLF.

    ``after`` holds the output back until it is set (or, as a number, for so many seconds); ``question`` is
    printed without a line end, and ``answers`` maps what is typed to what follows (None: any other).
    ``drop`` ends the session ``before`` the output, ``after`` it, or with it the whole ``connection``.
    ``pieces`` are sent one by one instead of ``text``, each once the event loop is idle or, where it is an
    ``asyncio.Event``, once that is set. ``chunk`` splits all output; ``prompt`` False never ends the answer.
    """

    text: str = ""
    after: asyncio.Event | float | None = None
    question: str | None = None
    answers: Mapping[str | None, str] = field(default_factory=dict)
    drop: Literal["before", "after", "connection"] | None = None
    pieces: Sequence[str | asyncio.Event | float] = ()
    chunk: int = 0
    prompt: bool = True


Script = str | Reply | Callable[[str], "str | Reply | Awaitable[str | Reply]"]


@dataclass
class FakeHost:
    """Settings first, counters last; counters only grow.

    ``replies`` maps whole commands to replies; ``None`` answers all others. ``login`` is written before the
    first prompt, ``login_questions`` are asked after it, each until it is answered with ``login_answer``.
    ``page`` is after how many lines of an answer the host waits for a blank; ``wipe`` follows the blank.
    ``echo`` False shows nothing of what is typed; ``width`` breaks the echo there, as a terminal that ignores
    the size asked for does. ``channels`` are the ``host:port`` places that it forwards to, None refuses all.
    ``resets`` connections are dropped before the server says anything. ``authentication`` are the methods
    offered; with ``authority`` the keys are shown with certificates for ``principals``.
    """

    prompt: str = "prime-pri/admin# "
    users: Mapping[str, str] = field(default_factory=lambda: {"admin": "Pa55-word!"})
    replies: Mapping[str | None, Script] = field(default_factory=dict)
    keys: Sequence[asyncssh.SSHKey] = ()
    authority: asyncssh.SSHKey | None = None
    principals: Sequence[str] = ("127.0.0.1",)
    authentication: Sequence[Literal["password", "keyboard-interactive"]] = ("password",)
    expired: bool = False
    banner: str = ""
    login: Reply | str = ""
    login_questions: Sequence[str] = ()
    login_answer: str = "yes"
    page: int = 0
    wipe: str = "\b" * len(PAGER) + " " * len(PAGER) + "\b" * len(PAGER)
    echo: bool = True
    width: int = 0
    channels: Sequence[str] | None = None
    resets: int = 0
    kex_algs: Sequence[str] | None = None

    address: str = "127.0.0.1"
    port: int = 0
    connections: int = 0
    auth_attempts: int = 0
    logins: int = 0
    failed_logins: int = 0
    logins_at_once: int = 0
    shells: int = 0
    execs: list[str] = field(default_factory=list)
    commands: list[str] = field(default_factory=list)
    answers: list[str] = field(default_factory=list)
    typed: str = ""
    terminals: list[tuple[str, int, int]] = field(default_factory=list)
    tunnels: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.keys = tuple(self.keys) or (host_key("ssh-ed25519"),)
        self._server: asyncssh.SSHAcceptor | None = None
        self._changed = asyncio.Event()
        self._open: set[asyncssh.SSHServerConnection] = set()
        self._logging_in: set[asyncssh.SSHServerConnection] = set()

    @property
    def fingerprints(self) -> tuple[str, ...]:
        return tuple(key.get_fingerprint() for key in self.keys)

    @property
    def open_connections(self) -> int:
        return len(self._open)

    def known_hosts(self, *, host: str | None = None) -> str:
        """Lines for a ``known_hosts`` file: the authority where there is one, else the keys."""
        place = f"[{host or self.address}]:{self.port}"
        keys, marker = ((self.authority,), "@cert-authority ") if self.authority else (self.keys, "")
        return "".join(f"{marker}{place} {key.export_public_key().decode()}" for key in keys)

    async def __aenter__(self) -> FakeHost:
        self._server = await asyncssh.create_server(
            lambda: _Server(self),
            self.address,
            self.port,
            server_host_keys=list(self._host_keys()),
            encoding=None,
            line_editor=False,
            login_timeout=0,
            kex_algs=self.kex_algs or (),
        )
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._server is not None
        self._server.close()
        for connection in list(self._open):
            connection.abort()
            await connection.wait_closed()
        await self._server.wait_closed()

    async def until(self, what: Callable[[FakeHost], bool], *, limit: float = 10.0) -> None:
        """Wait until something has reached the host; a test's alternative to sleeping."""
        async with asyncio.timeout(limit):
            while not what(self):
                self._changed.clear()
                await self._changed.wait()

    def tell(self) -> None:
        self._changed.set()

    def _host_keys(self) -> Sequence[Any]:
        if self.authority is None:
            return self.keys
        return [
            (key, self.authority.generate_host_certificate(key, "fake", principals=list(self.principals)))
            for key in self.keys
        ]


class _Server(asyncssh.SSHServer):
    def __init__(self, host: FakeHost) -> None:
        self._host = host
        self._connection: asyncssh.SSHServerConnection | None = None

    def connection_made(self, conn: asyncssh.SSHServerConnection) -> None:
        host, self._connection = self._host, conn
        host.connections += 1
        host._open.add(conn)
        host._logging_in.add(conn)
        host.logins_at_once = max(host.logins_at_once, len(host._logging_in))
        if host.connections <= host.resets:
            conn.abort()
        host.tell()

    def connection_lost(self, exc: Exception | None) -> None:
        assert self._connection is not None
        self._host._open.discard(self._connection)
        self._host._logging_in.discard(self._connection)
        self._host.tell()

    def begin_auth(self, username: str) -> bool:
        self._host.auth_attempts += 1
        if self._host.banner and self._connection is not None:
            self._connection.send_auth_banner(self._host.banner)
        return True

    def auth_completed(self) -> None:
        assert self._connection is not None
        self._host._logging_in.discard(self._connection)
        self._host.logins += 1
        self._host.tell()

    def password_auth_supported(self) -> bool:
        return "password" in self._host.authentication

    def kbdint_auth_supported(self) -> bool:
        return "keyboard-interactive" in self._host.authentication

    def validate_password(self, username: str, password: str) -> bool:
        right = self._host.users.get(username) == password
        self._host.failed_logins += not right
        self._host.tell()
        if right and self._host.expired:
            raise asyncssh.PasswordChangeRequired("Your password has expired")
        return right

    def get_kbdint_challenge(self, username: str, lang: str, submethods: str) -> Any:
        return "", "", "", [("Password: ", False)]

    def validate_kbdint_response(self, username: str, responses: Sequence[str]) -> bool:
        return self.validate_password(username, responses[0] if responses else "")

    def session_requested(self) -> asyncssh.SSHServerSession[bytes]:
        return _Session(self._host)

    def connection_requested(self, dest_host: str, dest_port: int, orig_host: str, orig_port: int) -> bool:
        place = f"{dest_host}:{dest_port}"
        self._host.tunnels.append(place)
        if self._host.channels is None or place not in self._host.channels:
            raise asyncssh.ChannelOpenError(asyncssh.OPEN_ADMINISTRATIVELY_PROHIBITED, "open failed")
        return True


class _Gone(Exception):
    """The client has left, or the script ends the session."""


class _Session(asyncssh.SSHServerSession[bytes]):
    """A shell that edits no line and knows no job: it echoes keys and plays replies."""

    def __init__(self, host: FakeHost) -> None:
        self._host = host
        self._keys: asyncio.Queue[str] = asyncio.Queue()
        self._channel: asyncssh.SSHServerChannel[bytes] | None = None
        self._column = 0
        self._task: asyncio.Task[None] | None = None

    def connection_made(self, chan: asyncssh.SSHServerChannel[bytes]) -> None:
        self._channel = chan

    def pty_requested(
        self, term_type: str, term_size: tuple[int, int, int, int], term_modes: Mapping[int, int]
    ) -> bool:
        self._host.terminals.append((term_type, term_size[0], term_size[1]))
        return True

    def shell_requested(self) -> bool:
        return True

    def exec_requested(self, command: str) -> bool:
        self._host.execs.append(command)
        return False

    def session_started(self) -> None:
        self._host.shells += 1
        self._host.tell()
        self._task = asyncio.get_running_loop().create_task(self._run())

    def data_received(self, data: bytes, datatype: asyncssh.DataType) -> None:
        for key in data.decode("utf-8", "replace"):
            self._host.typed += key
            self._keys.put_nowait(key)
        self._host.tell()

    def eof_received(self) -> bool:
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        if self._task is not None:
            self._task.cancel()

    async def _run(self) -> None:
        assert self._channel is not None
        try:
            await self._log_in()
            while True:
                self._write(self._host.prompt)
                command = await self._line()
                if command.strip():
                    await self._answer(command)
        except (_Gone, OSError):
            self._channel.close()

    async def _log_in(self) -> None:
        login = self._host.login
        await self._play(login if isinstance(login, Reply) else Reply(login))
        for question in self._host.login_questions:
            while True:
                self._write(question)
                answer = await self._line()
                self._host.answers.append(answer)
                self._host.tell()
                if answer == self._host.login_answer:
                    break
                self._write("ERROR : Please enter Yes or No\n")

    async def _line(self) -> str:
        """Keys up to Enter, echoed as they come and broken at the width."""
        line = ""
        while (key := await self._keys.get()) not in "\r\n":
            line += key
            self._echo(key)
        self._echo("\n")
        return line

    def _echo(self, key: str) -> None:
        if not self._host.echo:
            return
        if self._host.width and self._column == self._host.width and key != "\n":
            self._write("\n")
        self._write(key)

    async def _answer(self, command: str) -> None:
        self._host.commands.append(command)
        self._host.tell()
        script = self._host.replies.get(command, self._host.replies.get(None, ""))
        if callable(script):
            result = script(command)
            script = await result if inspect.isawaitable(result) else result
        reply = script if isinstance(script, Reply) else Reply(script)
        await self._play(reply)
        if not reply.prompt:
            await asyncio.Event().wait()

    async def _play(self, reply: Reply) -> None:
        if isinstance(reply.after, asyncio.Event):
            await reply.after.wait()
        elif reply.after is not None:
            await asyncio.sleep(reply.after)
        if reply.drop == "before":
            raise _Gone
        await self._output(reply)
        if reply.question is not None:
            self._write(reply.question)
            answer = await self._line()
            self._host.answers.append(answer)
            self._write(reply.answers.get(answer, reply.answers.get(None, "")))
        self._drop(reply)

    def _drop(self, reply: Reply) -> None:
        if reply.drop == "connection" and self._channel is not None:
            self._channel.get_connection().abort()
        if reply.drop is not None:
            raise _Gone

    async def _output(self, reply: Reply) -> None:
        for piece in reply.pieces:
            if isinstance(piece, asyncio.Event):
                await piece.wait()
            elif isinstance(piece, float):
                await asyncio.sleep(piece)
            else:
                self._write(piece)
                await asyncio.sleep(0)
        pages = self._pages(reply.text)
        for number, page in enumerate(pages, start=1):
            for start in range(0, len(page), size := reply.chunk or max(1, len(page))):
                self._write(page[start : start + size])
                await asyncio.sleep(0)
            if number < len(pages):
                await self._turn_page()

    def _pages(self, text: str) -> list[str]:
        if text and not text.endswith("\n"):
            text += "\n"
        if not self._host.page:
            return [text]
        lines = text.splitlines(keepends=True)
        return ["".join(lines[at : at + self._host.page]) for at in range(0, len(lines), self._host.page)]

    async def _turn_page(self) -> None:
        self._write(PAGER)
        while await self._keys.get() != " ":
            pass
        self._write(self._host.wipe)

    def _write(self, text: str) -> None:
        if self._channel is None or self._channel.is_closing():
            raise _Gone
        last = text.rsplit("\n", 1)
        self._column = len(last[-1]) + (self._column if len(last) == 1 else 0)
        self._channel.write(text.replace("\r\n", "\n").replace("\n", "\r\n").encode())
