"""Asking the person at the terminal."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Iterator

import pytest

from retrust.cli.asking import answer


@pytest.fixture
def keyboard(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """Where a test types; the other end is the standard input."""
    read, write = os.pipe()
    with os.fdopen(read) as stdin:
        monkeypatch.setattr(sys, "stdin", stdin)
        yield write


async def test_an_answer_is_the_line_without_blanks(keyboard: int, capsys: pytest.CaptureFixture[str]) -> None:
    """The question is shown first, without control characters of anybody's."""
    os.write(keyboard, b"  yes \n")
    os.close(keyboard)
    assert await answer("delete \x1b[2J? ") == "yes"
    assert capsys.readouterr().out == "delete \\x1b[2J? "


async def test_the_end_of_the_input_is_no_answer(keyboard: int) -> None:
    """It is an empty text, and nobody waits for ever."""
    os.close(keyboard)
    assert await answer("? ") == ""


async def test_nobody_waits_for_a_question_that_was_given_up(keyboard: int) -> None:
    """A cancelled question ends at once, and the next one gets the line."""
    first = asyncio.create_task(answer("first? "))
    await asyncio.sleep(0)
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    os.write(keyboard, b"second\n")
    os.close(keyboard)
    assert await answer("second? ") == "second"
