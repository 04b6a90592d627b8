"""The service's door: whoever sends half a request keeps no place at it."""

from __future__ import annotations

import asyncio
import socket

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from retrust_flows.service import web


@pytest.mark.parametrize(
    "half",
    [
        b"",
        b"GET / HT",
        b"GET / HTTP/1.1\r\nHost: x\r\nX: ",
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nhalf",
    ],
    ids=["nothing", "half a line", "half a header", "half a body"],
)
async def test_half_a_request_is_cut_off(monkeypatch: pytest.MonkeyPatch, half: bytes) -> None:
    """A connection without a whole request is closed in time, while others are answered as ever."""
    monkeypatch.setattr(web, "REQUEST_LIMIT", 0.4)
    begun, done = asyncio.Event(), asyncio.Event()

    async def slow(request: Request) -> Response:
        begun.set()
        await done.wait()
        return Response("done")

    app = Starlette(routes=[Route("/slow", slow), Route("/", lambda request: Response("here"), methods=["GET"])])
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = web.server(app)
        serving = asyncio.create_task(server.serve(sockets=[listener]))
        try:
            port = listener.getsockname()[1]
            async with asyncio.timeout(30), httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client:
                answer = asyncio.create_task(client.get("/slow", timeout=30))
                await begun.wait()
                reader, writer = await asyncio.open_connection("127.0.0.1", port)
                writer.write(half)
                await reader.read()  # ends when the server closes
                writer.close()
                done.set()
                assert (await answer).text == "done", "a whole request may take its time"
        finally:
            done.set()
            server.should_exit = True
            await serving
