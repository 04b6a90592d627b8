"""What a terminal shows: lines that fit, something that moves, colours where they are wanted."""

from __future__ import annotations

import os
import pty
import re
import struct
import sys
from fcntl import ioctl
from termios import TIOCSWINSZ

import pytest

PRINT = "SHA256:" + "ab" * 32
SCRIPT = f"""
import time
from retrust.cli import output
from retrust.cli.moving import Bar
from retrust.models import Progress
with output.working("looking at campus"):
    time.sleep(0.3)
bar = Bar(output.say, draws=output.somebody_looks())
for percent in (10, 20, 60, 100):
    bar(Progress("Database Replication", percent))
bar(Progress("waiting for the mode"))
output.show([
    output.paint("campus: HA down, 1 stale pin, proven → retrust plan campus", "red"),
    "            presents {PRINT} and then some more words that have to go on to a line of their own",
])
"""


def shown(width: int | None, script: str = SCRIPT, **environment: str) -> str:
    """What the script shows on a terminal that is so many columns wide; or elsewhere."""
    code = [sys.executable, "-c", script]
    inherited = {k: v for k, v in os.environ.items() if k not in ("COLUMNS", "NO_COLOR", "FORCE_COLOR")}
    variables = {**inherited, "TERM": "xterm-256color", **environment}
    pid, terminal = pty.fork()
    if pid == 0:
        if width is not None:
            ioctl(1, TIOCSWINSZ, struct.pack("HHHH", 40, width, 0, 0))
            os.execve(code[0], code, variables)
        os.execvpe("sh", ["sh", "-c", '"$@" 2>&1 | cat', "sh", *code], variables)
    read = b""
    while True:
        try:
            part = os.read(terminal, 65536)
        except OSError:
            break
        if not part:
            break
        read += part
    os.waitpid(pid, 0)
    os.close(terminal)
    return read.decode().replace("\r\n", "\n")


def plain(text: str) -> list[str]:
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]|\r", "", text).splitlines()


@pytest.mark.parametrize("width", [60, 80, 120, 200])
def test_lines_fit_and_no_fingerprint_is_broken(width: int) -> None:
    """The answer is whole in the first line; what is longer goes on, set in; a fingerprint stays in one piece."""
    lines = plain(shown(width))
    assert "campus: HA down, 1 stale pin, proven → retrust plan campus" in lines
    start = next(n for n, line in enumerate(lines) if line.strip().startswith("presents"))
    assert any(PRINT in line for line in lines[start:])
    assert all(len(line) <= width for line in lines[start:] if PRINT not in line)


def test_something_moves_on_a_terminal() -> None:
    """A spinner while work goes on, and a bar with the percentage while a step does; both are gone before a line."""
    seen = shown(80)
    assert "looking at campus" in seen
    assert re.search(r"Database Replication.*60%", seen)
    assert "\x1b[2K" in seen


def test_elsewhere_few_plain_lines() -> None:
    """In a file or a pipe: one line for each quarter, no colours, nothing folded."""
    lines = shown(None).splitlines()
    assert lines == [
        "  Database Replication 10 %",
        "  Database Replication 60 %",
        "  Database Replication 100 %",
        "  waiting for the mode",
        "campus: HA down, 1 stale pin, proven → retrust plan campus",
        f"            presents {PRINT} and then some more words that have to go on to a line of their own",
    ]


@pytest.mark.parametrize(
    ("environment", "width", "coloured"),
    [({}, 80, True), ({"NO_COLOR": "1"}, 80, False), ({"TERM": "dumb"}, 80, False), ({"FORCE_COLOR": "1"}, None, True)],
)
def test_colours_follow_the_terminal_and_the_environment(
    environment: dict[str, str], width: int | None, coloured: bool
) -> None:
    """NO_COLOR forbids colours, FORCE_COLOR asks for them, a dumb terminal has none."""
    script = 'from retrust.cli import output; output.show([output.paint("x", "red")])'
    assert ("\x1b[31m" in shown(width, script, **environment)) is coloured
