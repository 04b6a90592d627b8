"""Reading a screen: what a terminal would show of the characters that a node sent. Pure, no I/O.

Knows control characters and lines; what a prompt or a question is, the dialect says and ``shell`` decides.
"""

from __future__ import annotations

import re

_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")
_ESCAPE = re.compile(
    r"\x1b\[(?P<number>[0-9;?<=>!]*)[ -/]*(?P<final>[@-~])"  # CSI
    r"|\x1b[\]PX^_][^\x07\x1b]*(?:\x07|\x1b\\)"  # OSC, DCS and other strings
    r"|\x1b[ -/]*[0-~]"  # two characters
    r"|\x1b"  # the start of one that is not all here yet
)
_PAGE = "\x00"  # where a paging prompt stood; nodes' own NULs are dropped when they come in
_WIPED_PAGE = re.compile(r"\x00(?:\x08+ *\x08*|\r +\r(?!\n)|\r?\x1b\[[0-9;]*[KJ]|\r(?!\n))*")
_TOKENS = re.compile(_ESCAPE.pattern + r"|[\r\x08]|[^\r\x08\x1b]+")


def shown(text: str) -> str:
    """The text as a wide terminal shows it: line ends are LF, escapes gone, overwriting done."""
    text = re.sub(r"\r+\n", "\n", _WIPED_PAGE.sub("", text))
    if not _CONTROL.search(text):
        return text
    return "\n".join(_line(line) if _CONTROL.search(line) else line for line in text.split("\n"))


def _line(text: str, width: int = 0) -> str:
    """One line, with backspace, carriage return, cursor moves and erasure carried out.

    With a width, a carriage return goes back to where the terminal broke the line: line editors write the
    character after the last column, return, and write it again.
    """
    cells: list[str] = []
    column = 0
    for token in _TOKENS.finditer(text):
        piece = token.group()
        if piece == "\b":
            column = max(0, column - 1)
        elif piece == "\r":
            column = (column - 1) // width * width if width and column else 0
        elif piece.startswith("\x1b"):
            column = _escape(token.group("final"), token.group("number"), cells, column)
        else:
            piece = _CONTROL.sub("", piece)
            cells.extend(" " * (column - len(cells)))
            cells[column : column + len(piece)] = piece
            column += len(piece)
    return "".join(cells)


def _escape(final: str | None, number: str | None, cells: list[str], column: int) -> int:
    """Carry out what matters on one line; colours, modes and titles show nothing."""
    count = int(number) if number and number.isdigit() else 0
    if final == "K":
        if count == 0:
            del cells[column:]
        else:
            cells[:] = [] if count == 2 else [" "] * min(column, len(cells)) + cells[column:]
    elif final == "D":
        return max(0, column - max(1, count))
    elif final == "C":
        return column + min(max(1, count), 1000)
    elif final == "G":
        return min(max(1, count), 1000) - 1
    return column


def _squeezed(text: str) -> str:
    """What is left of a line when wrapping, blanks and control characters do not count."""
    return re.sub(r"\s+", "", _CONTROL.sub("", _ESCAPE.sub("", text)))


class Screen:
    """What came since the last command was typed: whole lines, and a last one that may still grow."""

    def __init__(self) -> None:
        self.received = 0
        self.last_pieces = 0  # in how many pieces the last line came
        self._lines: list[str] = []
        self._last = ""
        self._scanned = 0  # lines in which no echo was found
        self._wrapped = ""  # the part of an echo that the lines before hold
        self._answer: int | None = None
        self._returns = False  # whether carriage returns alone end lines

    def feed(self, text: str) -> None:
        self.received += len(text)
        text = text.replace("\x00", "")
        if self._returns:
            text = text.replace("\r\n", "\n").replace("\r", "\n")
        head, line_end, last = text.rpartition("\n")
        if line_end:
            self._lines.extend(line + "\n" for line in (self._last + head).split("\n"))
            self._last, self.last_pieces = last, int(bool(last))
        else:
            visible = len(self._last) > 500 or bool(shown(self._last))  # a mode switch is no piece of a line
            self.last_pieces = self.last_pieces * visible + int(bool(last))
            self._last += last

    @property
    def last_line(self) -> str:
        """The line that no line end has followed yet, as shown."""
        return shown(self._last) if len(self._last) < 10_000 else self._last[-1000:]

    @property
    def last_full_line(self) -> str:
        """The last line with something on it that a line end has followed."""
        return next((line for line in map(shown, reversed(self._lines)) if line.strip()), "").strip("\n")

    @property
    def full_lines(self) -> list[str]:
        """All lines that a line end has followed, as shown."""
        return [shown(line).strip("\n") for line in self._lines]

    @property
    def around_return(self) -> tuple[str, str]:
        """What stands before and after the last carriage return of the last line; nothing where there is none."""
        before, there, after = self._last[-10_000:].rpartition("\r")
        return (shown(before), shown(after)) if there else ("", "")

    def use_returns(self) -> None:
        """From now on, and in what is here, a carriage return alone ends a line."""
        self._returns = True
        text, self._last = self._last, ""
        self.feed(text)
        self.received -= len(text)

    @property
    def text(self) -> str:
        return shown("".join(self._lines) + self._last)

    def end_line(self) -> None:
        """What follows is a new line, whether the node ends this one or not."""
        self.feed("\n")
        self.received -= 1

    def page(self) -> None:
        """The last line is a paging prompt that is being answered; it is no part of the text."""
        self._last, self.last_pieces = _PAGE, 0

    def restart(self) -> None:
        """Forget all but the last line: a command is going to be typed there."""
        self._lines, self._scanned, self._wrapped, self._answer = [], 0, "", None

    def typed(self) -> None:
        """The prompt has done its part; what comes now is echo and answer."""
        self.restart()
        self._last, self.last_pieces = "", 0

    def echoed(self, command: str, prompt: str, widths: tuple[int, ...] = (511, 80)) -> bool:
        """Whether the command was seen as typed; wrapping and a prompt drawn anew do not matter."""
        wanted, prefix = _squeezed(command), _squeezed(prompt)
        while self._answer is None and self._scanned < len(self._lines):
            line = self._lines[self._scanned].rstrip("\r\n")
            self._scanned += 1
            plain = _squeezed(line)
            edited = (_squeezed(_line(prompt + line, width)) for width in (0, *widths))
            parts = (self._wrapped + plain, plain, _squeezed(_line(line)), *edited)
            seen = {part.removeprefix(prefix) for part in parts}
            if wanted in seen:
                self._answer = self._scanned
            else:
                self._wrapped = next(
                    (part for part in sorted(seen, key=len, reverse=True) if part and wanted.startswith(part)), ""
                )
        return self._answer is not None

    def answer(self) -> str:
        """What stands between the echo and the last line."""
        return shown("".join(self._lines[self._answer or 0 :]))

    def tail(self, lines: int = 5) -> str:
        """The last lines, for an error."""
        return "\n".join(self.text.splitlines()[-lines:])
