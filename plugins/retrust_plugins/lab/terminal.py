"""The terminal end of a session: echo, line editing, CRLF, wrapping, and ``--More--``.

What is typed and answered is the ``shell``'s business; the SSH around it is ``ssh_server``'s.
"""

from __future__ import annotations

import asyncio
import textwrap
from collections.abc import Callable

_MORE = " --More-- "
_ERASE = "\x7f\b"
_INTERRUPT = "\x03"


class SessionEnded(Exception):
    """The other side hung up, or said ``exit``."""


class Terminal:
    def __init__(
        self, send: Callable[[str], None], *, echo: bool = True, line_end: str = "\r\n", at_blanks: bool = False
    ) -> None:
        self._send, self._echo, self._line_end, self._at_blanks = send, echo, line_end, at_blanks
        self._typed: asyncio.Queue[str] = asyncio.Queue()
        self._after_return = False
        self._column = 0
        self.width = 0  # 0: does not wrap
        self.page_length = 0  # 0: does not page

    def feed(self, text: str) -> None:
        for key in text:
            self._typed.put_nowait(key)

    def hang_up(self) -> None:
        self._typed.put_nowait("")

    def write(self, text: str) -> None:
        """Print; every line end becomes the terminal's, and a line wider than it is broken."""
        out: list[str] = []
        for character in text:
            if character == "\n":
                out.append(self._line_end)
                self._column = 0
                continue
            if self.width and self._column == self.width:
                out.append(self._line_end)
                self._column = 0
            out.append(character)
            self._column += 1
        self._send("".join(out))

    async def show(self, text: str) -> None:
        """Print an answer of whole lines, a page at a time where paging is on."""
        shown = 0
        for line in self._lines(text):
            if self.page_length and shown == self.page_length:
                key = await self._more()
                if key in "qQ" + _INTERRUPT:
                    return
                shown = shown - 1 if key in "\r\n" else 0
            self.write(line + "\n")
            shown += 1

    def _lines(self, text: str) -> list[str]:
        lines = text.splitlines()
        if not self.width or not self._at_blanks:
            return lines
        return [piece for line in lines for piece in textwrap.wrap(line, self.width) or [""]]

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
                self._show_key("\n")
                return line
            if key == _INTERRUPT:
                self.write("^C\n")
                return ""
            if key in _ERASE:
                line = self._erased(line)
            elif key.isprintable():
                self._show_key(key)
                line += key

    def _show_key(self, key: str) -> None:
        if self._echo:
            self.write(key)

    def _erased(self, line: str) -> str:
        if line:
            self._send("\b \b")
            self._column = max(0, self._column - 1)
        return line[:-1]
