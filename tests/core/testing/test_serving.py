"""An application that a test serves is reached over real HTTP, for as long as the block runs."""

from __future__ import annotations

import asyncio
import signal

import httpx
import pytest
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse, StreamingResponse
from starlette.routing import Route

from retrust.testing.serving import serving


async def _endless(_: object) -> StreamingResponse:
    async def parts():
        yield b"begun"
        await asyncio.Event().wait()

    return StreamingResponse(parts())


APP = Starlette(routes=[Route("/", lambda _: PlainTextResponse("hello")), Route("/endless", _endless)])


async def test_it_answers_in_the_block_and_not_after_it() -> None:
    """The port is closed at the block's end."""
    async with httpx.AsyncClient() as client:
        async with serving(APP) as url:
            assert (await client.get(url)).text == "hello"
        with pytest.raises(httpx.TransportError):
            await client.get(url)


async def test_signals_stay_the_tests_own() -> None:
    """Ctrl-C ends the test run, and not only the server."""
    before = signal.getsignal(signal.SIGINT)
    async with serving(APP):
        assert signal.getsignal(signal.SIGINT) is before


async def test_an_open_stream_does_not_hold_the_block() -> None:
    """It is cut at the end."""
    async with httpx.AsyncClient(timeout=30) as client, asyncio.timeout(30):
        async with serving(APP) as url:
            request = client.build_request("GET", f"{url}/endless")
            stream = await client.send(request, stream=True)
            assert await anext(stream.aiter_raw()) == b"begun"
        await stream.aclose()
