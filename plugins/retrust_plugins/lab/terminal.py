"""The terminal end of a session: echo, line editing, CRLF, wrapping, and ``--More--``.

What is typed and answered is the ``shell``'s business; the SSH around it is ``ssh_server``'s.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

_MORE = " --More-- "
_ERASE = "\x7f\b"
_INTERRUPT = "\x03"


class SessionEnded(Exception):
    """The other side hung up, or said ``exit``."""


class Terminal:
    def __init__(self, send: Callable[[str], None]) -> None:
        self._send = send
        self._typed: asyncio.Queue[str] = asyncio.Queue()
        self._after_return = False
        self._column = 0
        self.width = 0        # 0: does not wrap
        self.page_length = 0  # 0: does not page

    def feed(self, text: str) -> None:
        for key in text:
            self._typed.put_nowait(key)

    def hang_up(self) -> None:
        self._typed.put_nowait("")

    def write(self, text: str) -> None:
        """Print; every line end becomes CRLF, and a line wider than the terminal is broken."""
        out: list[str] = []
        for character in text:
            if character == "\n":
                out.append("\r\n")
                self._column = 0
                continue
            if self.width and self._column == self.width:
                out.append("\r\n")
                self._column = 0
            out.append(character)
            self._column += 1
        self._send("".join(out))

    async def show(self, text: str) -> None:
        """Print an answer of whole lines, a page at a time where paging is on."""
        shown = 0
        for line in text.splitlines():
            if self.page_length and shown == self.page_length:
                key = await self._more()
                if key in "qQ" + _INTERRUPT:
                    return
                shown = shown - 1 if key in "\r\n" else 0
            self.write(line + "\n")
            shown += 1

    async def _more(self) -> str:
        self._send(_MORE)
        while True:
            key = await self.read_key()
            if key in " qQ\r\n" + _INTERRUPT:
                self._send("\r" + " " * len(_MORE) + "\r")
                return key

    async def read_key(self) -> str:
        key = await self._typed.get()
        if not key:
            raise SessionEnded
        return key

    async def read_line(self) -> str:
        """One line, echoed as it is taken; CR, LF and CR LF all end it once."""
        line = ""
        while True:
            key = await self.read_key()
            if key == "\n" and self._after_return:
                self._after_return = False
                continue
            self._after_return = key == "\r"
            if key in "\r\n":
                self.write("\n")
                return line
            if key == _INTERRUPT:
                self.write("^C\n")
                return ""
            if key in _ERASE:
                line = self._erased(line)
            elif key.isprintable():
                self.write(key)
                line += key

    def _erased(self, line: str) -> str:
        if line:
            self._send("\b \b")
            self._column = max(0, self._column - 1)
        return line[:-1]
