"""How ``retrust lab renew`` and ``lab log`` reach a lab that runs in another process.

A loopback port and a token, both named in ``control.json`` in the lab's folder, which only its owner can
read. One line of JSON asks, one line answers.
"""

from __future__ import annotations

import asyncio
import hmac
import json
import os
import secrets
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self

from retrust.errors import PermanentError, UsageError
from retrust_plugins.lab.lab import Lab
from retrust_plugins.lab.node import PrimeNode

FILE = "control.json"
_LIMIT = 1 << 26  # a log is one line of JSON


class ControlServer:
    def __init__(self, lab: Lab, folder: Path) -> None:
        self._lab, self._path = lab, folder / FILE
        self._token = secrets.token_urlsafe(24)
        self._server: asyncio.Server | None = None

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        port = self._server.sockets[0].getsockname()[1]
        self._path.unlink(missing_ok=True)
        handle = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "w") as file:
            json.dump({"port": port, "token": self._token}, file)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._path.unlink(missing_ok=True)
        if self._server is not None:
            self._server.close()
            await self._server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            answer = await self._answer(json.loads(await reader.readline()))
            writer.write(json.dumps(answer).encode() + b"\n")
            await writer.drain()
        except (OSError, ValueError):
            pass  # whoever asked went away, or was no client of ours
        finally:
            writer.close()

    async def _answer(self, asked: dict[str, Any]) -> dict[str, Any]:
        if not hmac.compare_digest(str(asked.get("token")), self._token):
            return {"error": "wrong token"}
        try:
            node = self._lab.node(str(asked.get("node")))
        except KeyError as unknown:
            return {"error": str(unknown.args[0])}
        if asked.get("verb") == "renew":
            return {"fingerprint": (await node.renew(asked.get("subject"))).fingerprint}
        if asked.get("verb") == "log":
            return _log(node, str(asked.get("log")))
        return {"error": "no such verb"}


def _log(node: object, name: str) -> dict[str, Any]:
    if not isinstance(node, PrimeNode):
        return {"error": "only Prime servers keep logs"}
    if name not in ("hm", "ncs"):
        return {"error": f"no log {name!r}, only hm and ncs"}
    return {"text": node.log.text(name)}


async def ask(folder: Path, verb: Literal["renew", "log"], node: str, **more: Any) -> dict[str, Any]:
    """Ask the lab that runs in ``folder``; its refusal becomes an error."""
    try:
        door = json.loads((folder / FILE).read_text())
        reader, writer = await asyncio.open_connection("127.0.0.1", door["port"], limit=_LIMIT)
    except (OSError, ValueError) as error:
        raise UsageError("no lab runs here", where=str(folder), hint="start one: retrust lab up") from error
    try:
        asked = {"token": door["token"], "verb": verb, "node": node, **more}
        writer.write(json.dumps(asked).encode() + b"\n")
        answer: dict[str, Any] = json.loads(await reader.readline())
    except (OSError, ValueError) as error:
        raise PermanentError("the lab ended before it answered", where=str(folder)) from error
    finally:
        writer.close()
    if "error" in answer:
        raise UsageError(answer["error"], where=str(folder))
    return answer


async def is_running(folder: Path) -> bool:
    try:
        await ask(folder, "log", "primary", log="hm")
    except (UsageError, PermanentError):
        return False
    return True
