"""A ServiceNow that speaks the table and attachment APIs over real HTTP on loopback, for tests and demos.

Written from the platform's documented behaviour and apart from the client: it shares no code with
``retrust_plugins.servicenow``, so that a wrong assumption there does not cancel out here. What it knows: basic
and bearer authentication, encoded queries, records with raw string values, work notes as a journal,
attachments, and the ways in which an instance fails.
"""

from __future__ import annotations

import base64
import contextlib
import json
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from typing import Any, Literal

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from retrust.testing.serving import serving

Trouble = Literal["401", "403", "429", "500", "503", "silent", "hibernating", "login page", "lost answer"]

COLUMNS = {
    "short_description",
    "description",
    "correlation_id",
    "correlation_display",
    "assignment_group",
    "category",
    "type",
    "state",
    "approval",
    "work_notes",
    "close_code",
    "close_notes",
    "requested_by",
}
"""Other columns are dropped in silence, as the platform does."""


@dataclass
class Attachment:
    table: str
    sys_id: str
    file_name: str
    content_type: str
    content: bytes


@dataclass
class FakeServiceNow:
    """One instance. ``troubles`` are taken in turn, one for each request; when they run out it works."""

    username: str = "retrust"
    password: str = "s3cret-of-the-instance"  # noqa: S105 (a fake's own)
    token: str = "t0ken-of-the-instance"  # noqa: S105
    retry_after: str | None = "120"
    records: dict[str, dict[str, str]] = field(default_factory=dict)
    journal: dict[str, list[str]] = field(default_factory=dict)
    attachments: list[Attachment] = field(default_factory=list)
    troubles: list[Trouble] = field(default_factory=list)
    always: Trouble | None = None
    requests: list[str] = field(default_factory=list)
    url: str = ""

    # -- what a person does in its pages -----------------------------------------------------------

    def approve(self) -> None:
        self.change(approval="approved", state="-2")

    def reject(self) -> None:
        self.change(approval="rejected", state="-5")

    def cancel(self) -> None:
        self.change(state="4")

    def close(self) -> None:
        self.change(state="3")

    def change(self, **fields: str) -> None:
        """Set fields of the one record that there is."""
        (record,) = self.records.values()
        record.update(fields)

    # -- HTTP --------------------------------------------------------------------------------------

    @contextlib.asynccontextmanager
    async def serving(self) -> AsyncIterator[FakeServiceNow]:
        """Listen on a free loopback port until the block ends; ``url`` is the instance's address."""
        async with serving(self._app()) as self.url:
            yield self

    def _app(self) -> Starlette:
        return Starlette(
            routes=[
                Route("/api/now/table/{table}", self._query, methods=["GET"]),
                Route("/api/now/table/{table}", self._insert, methods=["POST"]),
                Route("/api/now/table/{table}/{sys_id}", self._update, methods=["PATCH", "PUT"]),
                Route("/api/now/attachment", self._attached, methods=["GET"]),
                Route("/api/now/attachment/file", self._attach, methods=["POST"]),
            ]
        )

    async def _troubled(self, request: Request) -> Response | None:
        self.requests.append(f"{request.method} {request.url.path}")
        trouble = self._next_trouble(request)
        if trouble == "silent":
            while (await request.receive())["type"] != "http.disconnect":
                pass
        if trouble == "lost answer":
            self._new(request.path_params["table"], json.loads(await request.body()))
            return _error(502, "Bad Gateway")
        if trouble == "hibernating":
            return HTMLResponse("<html><body>Your instance is hibernating</body></html>")
        if trouble == "login page":
            return Response(status_code=302, headers={"location": "/login.do"})
        if trouble == "429":
            headers = {"Retry-After": self.retry_after} if self.retry_after else {}
            return JSONResponse({"error": {"message": "Rate limit exceeded"}}, 429, headers)
        if trouble is not None:
            return _error(int(trouble) if trouble.isdigit() else 500, "trouble")
        return None if self._known(request) else _error(401, "User Not Authenticated")

    def _next_trouble(self, request: Request) -> Trouble | None:
        """A lost answer waits for the request that makes a record; the others take what comes."""
        if not self.troubles:
            return self.always
        makes = request.method == "POST" and "/table/" in request.url.path
        return None if self.troubles[0] == "lost answer" and not makes else self.troubles.pop(0)

    def _known(self, request: Request) -> bool:
        basic = base64.b64encode(f"{self.username}:{self.password}".encode()).decode()
        return request.headers.get("authorization") in (f"Basic {basic}", f"Bearer {self.token}")

    async def _query(self, request: Request) -> Response:
        if (trouble := await self._troubled(request)) is not None:
            return trouble
        table, params = request.path_params["table"], request.query_params
        found = [r for r in self.records.values() if r["sys_class_name"] == table and _matches(r, params)]
        for column in reversed(list(_orders(params.get("sysparm_query", "")))):
            found.sort(key=lambda record, column=column: record.get(column, ""))  # type: ignore[misc]
        wanted = params.get("sysparm_fields", "")
        limit = int(params.get("sysparm_limit", "10000"))
        return JSONResponse({"result": [_shown(r, wanted) for r in found[:limit]]})

    async def _insert(self, request: Request) -> Response:
        if (trouble := await self._troubled(request)) is not None:
            return trouble
        record = self._new(request.path_params["table"], json.loads(await request.body()))
        return JSONResponse({"result": record}, 201)

    def _new(self, table: str, given: dict[str, str]) -> dict[str, str]:
        number = len(self.records) + 1
        record = {
            "sys_id": f"{number:032x}",
            "number": f"CHG{number:07d}",
            "sys_class_name": table,
            "state": "-5",
            "approval": "not requested",
            "sys_created_on": f"2026-01-01 00:00:{number:02d}",
        }
        record.update({k: str(v) for k, v in given.items() if k in COLUMNS and k != "work_notes"})
        self.records[record["sys_id"]] = record
        self.journal[record["sys_id"]] = []
        return record

    async def _update(self, request: Request) -> Response:
        if (trouble := await self._troubled(request)) is not None:
            return trouble
        record = self.records.get(request.path_params["sys_id"])
        if record is None:
            return _error(404, "No Record found")
        given = json.loads(await request.body())
        if note := given.pop("work_notes", None):
            self.journal[record["sys_id"]].append(str(note))
        record.update({k: str(v) for k, v in given.items() if k in COLUMNS})
        return JSONResponse({"result": record})

    async def _attach(self, request: Request) -> Response:
        if (trouble := await self._troubled(request)) is not None:
            return trouble
        params = request.query_params
        if params["table_sys_id"] not in self.records:
            return _error(404, "No Record found")
        self.attachments.append(
            Attachment(
                params["table_name"],
                params["table_sys_id"],
                params["file_name"],
                request.headers["content-type"],
                await request.body(),
            )
        )
        return JSONResponse({"result": {"file_name": params["file_name"]}}, 201)

    async def _attached(self, request: Request) -> Response:
        if (trouble := await self._troubled(request)) is not None:
            return trouble
        wanted = dict(_terms(request.query_params.get("sysparm_query", "")))
        found = [
            {"sys_id": str(i), "file_name": a.file_name, "table_sys_id": a.sys_id}
            for i, a in enumerate(self.attachments)
            if wanted.items() <= {"file_name": a.file_name, "table_sys_id": a.sys_id, "table_name": a.table}.items()
        ]
        return JSONResponse({"result": found})


def _error(status: int, message: str) -> JSONResponse:
    body: dict[str, Any] = {"error": {"message": message, "detail": ""}, "status": "failure"}
    return JSONResponse(body, status)


def _terms(query: str) -> Iterator[tuple[str, str]]:
    for term in query.split("^"):
        name, there, value = term.partition("=")
        if there and not name.startswith("ORDERBY"):
            yield name, value


def _orders(query: str) -> Iterator[str]:
    yield from (term.removeprefix("ORDERBY") for term in query.split("^") if term.startswith("ORDERBY"))


def _matches(record: dict[str, str], params: Any) -> bool:
    return all(record.get(name, "") == value for name, value in _terms(params.get("sysparm_query", "")))


def _shown(record: dict[str, str], wanted: str) -> dict[str, str]:
    return {k: v for k, v in record.items() if not wanted or k in wanted.split(",")}
