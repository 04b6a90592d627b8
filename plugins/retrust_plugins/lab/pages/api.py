"""The documented API: the version, and the stream of alarms as server-sent events, over HTTP Basic."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import datetime

from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response, StreamingResponse
from starlette.routing import Route

from retrust_plugins.lab.ise import read_basic
from retrust_plugins.lab.pages.port import PagesNode

_STREAMS_OF_A_USER = 5


def api_routes(node: PagesNode) -> list[Route]:
    api = _Api(node)
    return [
        Route("/webacs/api/v4/op/info/version", api.version),
        Route("/webacs/api/v4/op/info/version.json", api.version),
        Route("/webacs/api/v4/sse/Alarms", api.alarms),
    ]


class _Api:
    def __init__(self, node: PagesNode) -> None:
        self._node = node
        self._answered = 0

    def _refusal(self, request: Request) -> Response | None:
        header = request.headers.get("authorization")
        if header is None:
            return RedirectResponse("/webacs/pages/common/login.jsp", 302)
        if read_basic(header) != (self._node.web_username, self._node.web_password):
            return Response("Unauthorized", 401)
        limit = self._node.settings.pages.api_limit
        if limit is not None and self._answered >= limit:
            return Response("Too many requests", 503)
        self._answered += 1
        return None

    async def version(self, request: Request) -> Response:
        if refusal := self._refusal(request):
            return refusal
        return JSONResponse(
            {
                "mgmtResponse": {
                    "@requestUrl": str(request.url),
                    "versionInfoDTO": {
                        "displayName": f"version [{self._node.settings.version}]",
                        "result": self._node.settings.version,
                    },
                }
            }
        )

    async def alarms(self, request: Request) -> Response:
        if refusal := self._refusal(request):
            return refusal
        if len(self._node.alarms) >= _STREAMS_OF_A_USER:
            return Response("Too many sessions", 401)
        return StreamingResponse(self._stream(), media_type="text/event-stream")

    async def _stream(self) -> AsyncIterator[str]:
        waiting: asyncio.Queue[str] = asyncio.Queue()
        self._node.alarms.add(waiting)
        try:
            yield _event("greeting", {"message": "Welcome to the Alarms stream"})
            while True:
                try:
                    async with asyncio.timeout(self._node.lab.settings.ping_interval):
                        sentence = await waiting.get()
                    yield _event("event", _alarm(sentence, self._node))
                except TimeoutError:
                    yield _event("ping", {"time": _now()})
        finally:
            self._node.alarms.discard(waiting)


def _event(kind: str, data: dict[str, object]) -> str:
    return f"event: {kind}\ndata: {json.dumps(data)}\n\n"


def _alarm(sentence: str, node: PagesNode) -> dict[str, object]:
    return {
        "alarmsDTO": {
            "severity": "CRITICAL",
            "category": {"value": "Prime Infrastructure"},
            "source": node.host,
            "message": sentence,
            "timeStamp": _now(),
        }
    }


def _now() -> str:
    return datetime.now().astimezone().isoformat(timespec="milliseconds")
