"""A conversation with an interactive shell: type at the prompt, wait for the very same prompt again.

Who may send what is enforced here, before anything is typed. How the characters become lines is
``terminal``'s part, how the command line talks the ``dialect``'s.
"""

from __future__ import annotations

import asyncio
import codecs
import re
from collections.abc import Awaitable, Callable

import asyncssh

from retrust.errors import PermanentError
from retrust.ssh.dialect import Dialect
from retrust.ssh.errors import CommandNotAllowed, SessionLost, SlowAnswer, UnexpectedQuestion
from retrust.ssh.reading import Seen, Turn
from retrust.ssh.terminal import Screen
from retrust.ssh.transcript import Transcript

_LEFT_AT_MOST = 4  # inner modes that are left, one in another
BeforeSend = Callable[[], Awaitable[None]]


class Terminal(asyncssh.SSHClientSession[bytes]):
    """The channel's end: what comes is put on the screen, and whoever waits is told."""

    def __init__(self) -> None:
        self.screen = Screen()
        self.closed: str | None = None  # why, once it is
        self._decode = codecs.getincrementaldecoder("utf-8")(errors="replace").decode
        self._news = asyncio.Event()
        self._channel: asyncssh.SSHClientChannel[bytes] | None = None

    def connection_made(self, chan: asyncssh.SSHClientChannel[bytes]) -> None:
        self._channel = chan

    def data_received(self, data: bytes, datatype: asyncssh.DataType) -> None:
        self.screen.feed(self._decode(data))
        self._news.set()

    def eof_received(self) -> bool:
        self._end("the node ended the session")
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        self._end(f"the connection was lost: {exc}" if exc else "the session ended")

    def _end(self, why: str) -> None:
        self.closed = self.closed or why
        self._news.set()

    def type(self, text: str) -> None:
        if self._channel is not None and self.closed is None:
            self._channel.write(text.encode())

    def close(self, why: str) -> None:
        self._end(why)
        if self._channel is not None:
            self._channel.close()

    async def quiet(self, seconds: float) -> bool:
        """Wait for news, at most ``seconds``; whether there were none."""
        received = self.screen.received
        self._news.clear()
        if self.closed is None:
            try:
                async with asyncio.timeout(seconds):
                    await self._news.wait()
            except TimeoutError:
                await asyncio.sleep(0)  # after a stall of this process, what came meanwhile is still to be read
        return self.screen.received == received


class Shell:
    """Made by ``Connection.shell``. One command at a time; an error in the middle of one closes it."""

    def __init__(
        self,
        node: str,
        dialect: Dialect,
        terminal: Terminal,
        transcript: Transcript,
        *,
        read_only: bool,
        allowed: tuple[str | re.Pattern[str], ...],
        timeout: float,
    ) -> None:
        self.node = node
        self.read_only = read_only
        self.prompt = ""
        self.answered: list[tuple[str, str]] = []  # questions that were answered, and how
        self._dialect = dialect
        self._terminal = terminal
        self._screen = terminal.screen
        self._transcript = transcript
        self._allowed = allowed
        self._timeout = timeout
        self._lock = asyncio.Lock()
        self._echo = dialect.echo

    @property
    def is_lost(self) -> bool:
        """Whether nothing can be sent any more; the connection may well open another shell."""
        return self._terminal.closed is not None

    def close(self) -> None:
        self._terminal.close("this side closed the shell")

    async def log_in(self) -> None:
        """Wait for the first prompt and learn it; what was answered before it is recorded. An inner mode is left."""
        dialect = self._dialect
        for _ in range(_LEFT_AT_MOST):
            await self._converse(Turn(dialect), self._timeout)
            self.prompt = self._screen.last_line
            self._screen.restart()
            if dialect.nested is None or not dialect.nested.fullmatch(self.prompt):
                return
            self._type(dialect.leave)
            self._screen.typed()
        self.close()
        raise PermanentError(
            f"the command line stays at {self.prompt.strip()!r} after {dialect.leave!r}",
            where=self.node,
            hint="leave that mode by hand, then run again",
        )

    async def settle(self, command: str) -> str:
        """Run a harmless ``command`` first: it shows that the prompt is one, and whether what is typed is echoed."""
        self._permit(command, None)
        async with self._lock:
            return await self._say(command, Turn(self._dialect, self.prompt, command, echo=self._echo, first=True))

    async def run(
        self,
        command: str,
        *,
        confirm: re.Pattern[str] | None = None,
        timeout: float | None = None,
        before_send: BeforeSend | None = None,
    ) -> str:
        """Send one command and return what stands between its echo and the next prompt.

        ``confirm`` is the question that may be answered ``yes``, once, for this command. ``before_send`` is
        awaited immediately before the command is typed, and before that answer; if it raises, nothing is.
        ``timeout`` (s) is for the whole answer.
        """
        self._permit(command, confirm)
        async with self._lock:
            turn = Turn(self._dialect, self.prompt, command, confirm, echo=self._echo)
            return await self._say(command, turn, timeout, before_send)

    async def _say(
        self, command: str, turn: Turn, timeout: float | None = None, before_send: BeforeSend | None = None
    ) -> str:
        await self._at_prompt(before_send)
        self._type(command)
        self._screen.typed()
        await self._converse(turn, self._timeout if timeout is None else timeout, before_send)
        answer = self._screen.answer()
        self._screen.restart()
        return answer

    async def _at_prompt(self, before_send: BeforeSend | None) -> None:
        """Never type before the prompt: a message may have come since, and a prompt after it."""
        turn = Turn(self._dialect, self.prompt)
        while True:
            if self._terminal.closed is not None:
                raise SessionLost(f"{self._terminal.closed}; nothing was sent", node=self.node)
            if not turn.is_prompt(self._screen.last_line):
                await self._converse(turn, self._timeout)
                self._screen.restart()
            if before_send is not None:
                await before_send()
            if turn.is_prompt(self._screen.last_line) and self._terminal.closed is None:
                return

    def _permit(self, command: str, confirm: re.Pattern[str] | None) -> None:
        """Raise before anything is sent; the last word on what a session can do."""
        if not command.strip() or not command.isprintable():
            raise self._not_allowed("a command is one line of printable characters", command)
        if bad := sorted(set(command) & set(self._dialect.forbidden)):
            raise self._not_allowed(f"this command line acts upon {' '.join(bad)} when it is typed", command)
        if self.read_only and confirm is not None:
            raise self._not_allowed("a read-only session confirms nothing", command)
        limited = self.read_only or self._allowed
        if limited and not any(_fits(command, rule) for rule in self._allowed):
            kind = "a read-only" if self.read_only else "this"
            raise self._not_allowed(f"{kind} session sends allow-listed commands only", command)

    def _not_allowed(self, why: str, command: str) -> CommandNotAllowed:
        command = self._transcript.redact(command)
        return CommandNotAllowed(f"{why}: {command!r}", node=self.node, command=command)

    def _type(self, text: str) -> None:
        self._transcript.add(self.node, "sent", text)
        self._terminal.type(text + self._dialect.enter)

    async def _converse(self, turn: Turn, limit: float, before_send: BeforeSend | None = None) -> None:
        """Read up to the prompt, and keep it in the transcript; an error on the way ends the session."""
        try:
            try:
                await self._read(turn, limit, before_send)
            finally:
                if text := self._screen.text:
                    self._transcript.add(self.node, "received", text)
        except BaseException as exc:
            self._terminal.close(f"the session was ended after {type(exc).__name__}")
            self._transcript.add(self.node, "note", f"the session was ended: {exc or type(exc).__name__}")
            raise

    async def _read(self, turn: Turn, limit: float, before_send: BeforeSend | None) -> None:
        now = asyncio.get_running_loop().time
        deadline = now() + limit
        while True:
            seen, watch = turn.look(self._screen)
            left = deadline - now()
            if not await self._terminal.quiet(min(watch, left)):
                continue
            if self._terminal.closed is not None:
                raise self._cut_off(turn.command)
            if seen is Seen.PROMPT:
                return
            if left <= watch:
                raise self._too_slow(turn.command, limit)
            await self._act(seen, turn, before_send)

    async def _act(self, seen: Seen, turn: Turn, before_send: BeforeSend | None) -> None:
        """Do what the line waits for, or end the session when that is not ours to do."""
        if seen is Seen.PAGE:
            self._screen.page()
            self._terminal.type(" ")
        elif seen is Seen.RETURNS:
            self._screen.use_returns()
        elif seen is Seen.OTHER:
            self.prompt = turn.prompt = self._screen.last_line
            self._transcript.add(self.node, "note", f"the prompt is {self.prompt.strip()!r}, what came before was none")
        elif seen is Seen.MAY_ANSWER:
            if before_send is not None:
                await before_send()
            turn.note_answer(self._screen)
            self._answer(turn.answered, turn.answer)
        elif seen is Seen.NO_ECHO and turn.first:
            self._echo = turn.echo = False
            self._transcript.add(self.node, "note", "what is typed is not echoed here")
        elif seen is Seen.NO_ECHO:
            raise self._no_echo(turn.command)
        elif seen is Seen.CUT:
            what = f"the answer to {turn.command!r} was cut off: the prompt stands in its last line{self._seen()}"
            raise self._lost(self._transcript.redact(what), turn.command)
        else:
            shown = self._screen.last_line.strip() or self._screen.last_full_line.strip()
            raise UnexpectedQuestion(
                self._transcript.redact(shown),
                node=self.node,
                command=self._named(turn.command),
                stalled=seen is Seen.STALLED,
            )

    def _answer(self, question: str, answer: str) -> None:
        question = self._transcript.redact(question)
        self.answered.append((question, answer))
        self._transcript.add(self.node, "note", f"answered {answer or 'Enter'} to {question!r}")
        self._type(answer)

    def _named(self, command: str | None) -> str | None:
        return None if command is None else self._transcript.redact(command)

    def _no_echo(self, command: str | None) -> SessionLost:
        what = self._transcript.redact(f"{command!r} was not echoed as it was typed{self._seen()}")
        return self._lost(what, command)

    def _cut_off(self, command: str | None) -> SessionLost:
        when = f" in the middle of {command!r}" if command else " before a prompt"
        return self._lost(self._transcript.redact(f"{self._terminal.closed}{when}{self._seen()}"), command)

    def _lost(self, what: str, command: str | None) -> SessionLost:
        return SessionLost(
            what, node=self.node, command=self._named(command), seen=self._transcript.redact(self._screen.text)
        )

    def _too_slow(self, command: str | None, limit: float) -> SlowAnswer:
        what = f"{command!r} brought no prompt" if command else "no prompt"
        return SlowAnswer(
            self._transcript.redact(f"{what} within {limit:g} s{self._seen()}"),
            node=self.node,
            command=self._named(command),
            seen=self._transcript.redact(self._screen.tail()),
        )

    def _seen(self) -> str:
        tail = self._screen.tail()
        return f"; last seen: {tail!r}" if tail.strip() else "; nothing was seen"


def _fits(command: str, rule: str | re.Pattern[str]) -> bool:
    return command == rule if isinstance(rule, str) else rule.fullmatch(command) is not None
