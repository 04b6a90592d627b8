"""The restricted command line of one session: prompt, questions, and which command is meant.

The commands themselves are in ``ncs``; reading keys and printing is ``terminal``'s.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import NoReturn, TypeVar

from retrust_plugins.lab.ports import CommandLineNode, Received
from retrust_plugins.lab.terminal import SessionEnded, Terminal

Setting = TypeVar("Setting")

_RESUME = (
    "Following disconnected ssh sessions are available to resume.\n[1] 1058597.admin-Tuesday_Mar_10_18:10:15\n\n"
    "Enter session number to resume or press <Enter> to start a new one:"
)
NOT_YES_OR_NO = "ERROR : Please enter Yes or No"


class SessionDropped(Exception):
    """The node ends the connection without a word."""


class Shell:
    """``answer`` gives what is printed for a command line."""

    def __init__(
        self, node: CommandLineNode, user: str, terminal: Terminal, answer: Callable[[Shell, str], Awaitable[str]]
    ) -> None:
        self.node, self.user, self.terminal = node, user, terminal
        self._answer = answer
        self.configuring = node.settings.session.config_mode

    @property
    def prompt(self) -> str:
        prompt = self.node.settings.session.prompt.format(hostname=self.node.settings.hostname, user=self.user)
        return prompt.replace("#", "(config)#") if self.configuring else prompt

    async def run(self) -> None:
        await self._greet()
        while True:
            self.terminal.write(self.prompt)
            line = await self.terminal.read_line()
            if line.strip():
                await self.execute(line)

    async def _greet(self) -> None:
        settings = self.node.settings
        if settings.session.banner:
            self.terminal.write(settings.session.banner + "\n")
        while settings.session.resumable and (await self.ask(_RESUME)).strip():
            self.terminal.write("% Error: Invalid session, enter the number of the session\n")
        if settings.session.unexpected_question:
            await self.ask(settings.session.unexpected_question)
        if settings.session.login_question and not await self.ask_yes_or_no(settings.session.login_question):
            raise SessionEnded

    async def execute(self, line: str) -> None:
        settings = self.node.settings
        self.node.commands.append(Received(datetime.now(UTC), self.user, line))
        await self.node.tell("command", line)
        await asyncio.sleep(_by_beginning(settings.terminal.delays, line, settings.terminal.delay))
        if line.strip().startswith(settings.terminal.drops or ("\0",)):
            raise SessionDropped
        if (reboot := _taken(settings.terminal.reboots, line)) == "before":
            raise self._rebooting()
        said = await self._answer(self, line)
        if reboot == "after":
            raise self._rebooting()
        await self.terminal.show(said)
        if question := _by_beginning(settings.terminal.questions_after, line, ""):
            await self.ask(question)

    def _rebooting(self) -> SessionDropped:
        self.node.reboot()
        return SessionDropped()

    async def ask(self, question: str) -> str:
        self.terminal.write(question)
        answer = await self.terminal.read_line()
        self.node.answers.append((question, answer))
        return answer

    async def ask_yes_or_no(self, question: str) -> bool:
        while True:
            answer = (await self.ask(question)).strip().lower()
            if answer in ("yes", "y", "no", "n"):
                return answer.startswith("y")
            self.terminal.write(NOT_YES_OR_NO + "\n")

    async def say_nothing(self) -> NoReturn:
        """Neither an answer nor a prompt, ever."""
        await asyncio.Event().wait()
        raise AssertionError


def _by_beginning(table: dict[str, Setting], line: str, default: Setting) -> Setting:
    return next((value for start, value in table.items() if line.strip().startswith(start)), default)


def _taken(table: dict[str, Setting], line: str) -> Setting | None:
    """The entry for this line, which is used once."""
    start = next((start for start in table if line.strip().startswith(start)), None)
    return None if start is None else table.pop(start)
