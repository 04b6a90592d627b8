"""Asking the person at the terminal, without a thread that a Ctrl-C would have to wait for."""

from __future__ import annotations

import asyncio
import sys

from retrust.cli.output import shown


async def answer(question: str) -> str:
    """The line that they type, stripped; empty where the input has ended."""
    loop = asyncio.get_running_loop()
    typed = loop.create_future()

    def readable() -> None:
        loop.remove_reader(sys.stdin)
        if not typed.done():
            typed.set_result(sys.stdin.readline().strip())

    sys.stdout.write(shown(question))
    sys.stdout.flush()
    loop.add_reader(sys.stdin, readable)
    try:
        return str(await typed)
    finally:
        loop.remove_reader(sys.stdin)
