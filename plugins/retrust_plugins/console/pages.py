"""The pages: cases, one case, sites, the audit. Forms decide by the same functions as the API and the CLI."""

from __future__ import annotations

import asyncio
from typing import Annotated

from fastapi import APIRouter, Form, Query, Request
from fastapi.responses import RedirectResponse, Response, StreamingResponse

from retrust.approval import approve, dismiss, reject
from retrust.approval import cancel as end
from retrust.errors import RetrustError
from retrust.ledger import CASE_ID
from retrust.states import State
from retrust_plugins.console.access import Deciding, Posting, SignedIn, TheConsole
from retrust_plugins.console.api import After, CaseId, Site, StateFilter, packed, states_of, verified
from retrust_plugins.console.context import Console, status_of
from retrust_plugins.console.reading import last_seen, view_case
from retrust_plugins.console.rendering import page
from retrust_plugins.console.sessions import Visitor

router = APIRouter(include_in_schema=False)
CASES, SITES, ENTRIES = 50, 12, 100
SAID = {
    "yes": "Your yes is recorded.",
    "no": "Your no is recorded: the case is cancelled, nothing was changed.",
    "cancelled": "The case is cancelled.",
    "dismissed": "The sighting is dismissed.",
}


@router.get("/")
@router.get("/cases")
async def cases(
    request: Request,
    console: TheConsole,
    visitor: SignedIn,
    site: Site = "",
    state: StateFilter = "open",
    before: Annotated[str, Query(pattern=f"^({CASE_ID})?$")] = "",
) -> Response:
    found = await console.ledger.cases(
        site=site or None, states=states_of(state), limit=CASES + 1, before=before or None
    )
    part = request.headers.get("hx-request") == "true" and "hx-history-restore-request" not in request.headers
    return page(
        request,
        "_cases.html" if part else "cases.html",
        title="Cases",
        visitor=visitor,
        cases=found[:CASES],
        more=len(found) > CASES,
        site=site,
        state=state,
        before=before,
        sites=sorted(console.host.inventory.sites),
        states=[str(s) for s in State],
    )


@router.get("/cases/{case}")
async def case_page(request: Request, console: TheConsole, visitor: SignedIn, case: CaseId, said: str = "") -> Response:
    return await _case(request, console, visitor, case, said=SAID.get(said))


async def _case(
    request: Request,
    console: Console,
    visitor: Visitor,
    case: str,
    status: int = 200,
    said: str | None = None,
    problem: str | None = None,
    reason: str = "",
) -> Response:
    view = await view_case(console.host, console.ledger, case, visitor)
    return page(
        request,
        "case.html",
        status,
        title=f"{view.case.site}, case {case}",
        visitor=visitor,
        view=view,
        said=said,
        problem=problem,
        reason=reason,
    )


@router.get("/cases/{case}/now")
async def case_now(request: Request, console: TheConsole, visitor: SignedIn, case: CaseId) -> Response:
    """The part of a case's page that changes while somebody looks; the form, half filled in, is none of it."""
    view = await view_case(console.host, console.ledger, case, visitor)
    return page(request, "_now.html", title="", visitor=visitor, view=view)


@router.get("/cases/{case}/live")
async def case_live(
    request: Request, console: TheConsole, visitor: SignedIn, case: CaseId, after: After = 0
) -> Response:
    await console.ledger.case(case)
    last = request.headers.get("last-event-id", "")
    start = int(last) if last.isdigit() and len(last) < 18 else after
    return StreamingResponse(console.streams.of_case(case, start), media_type="text/event-stream")


@router.post("/cases/{case}/approve")
async def say_yes(
    request: Request,
    console: TheConsole,
    visitor: Deciding,
    case: CaseId,
    digest: Annotated[str, Form(max_length=100)],
    reason: Annotated[str, Form(max_length=2000)] = "",
    gate: Annotated[str, Form(max_length=100)] = "",
) -> Response:
    try:
        await approve(
            console.host, console.ledger, case, visitor.speaker, reason=reason, gate=gate or None, digest=digest
        )
    except RetrustError as error:
        return await _not_said(request, console, visitor, case, error, reason)
    return RedirectResponse(f"/cases/{case}?said=yes", 303)


@router.post("/cases/{case}/reject")
async def say_no(
    request: Request,
    console: TheConsole,
    visitor: Deciding,
    case: CaseId,
    digest: Annotated[str, Form(max_length=100)],
    reason: Annotated[str, Form(max_length=2000)] = "",
    gate: Annotated[str, Form(max_length=100)] = "",
) -> Response:
    try:
        await reject(
            console.host, console.ledger, case, visitor.speaker, reason=reason, gate=gate or None, digest=digest
        )
    except RetrustError as error:
        return await _not_said(request, console, visitor, case, error, reason)
    return RedirectResponse(f"/cases/{case}?said=no", 303)


@router.post("/cases/{case}/cancel")
async def cancel(
    request: Request,
    console: TheConsole,
    visitor: Deciding,
    case: CaseId,
    reason: Annotated[str, Form(max_length=2000)] = "",
) -> Response:
    try:
        await end(console.ledger, case, visitor.speaker, reason=reason)
    except RetrustError as error:
        return await _not_said(request, console, visitor, case, error, reason)
    return RedirectResponse(f"/cases/{case}?said=cancelled", 303)


@router.post("/cases/{case}/dismiss")
async def dismissed(
    request: Request,
    console: TheConsole,
    visitor: Deciding,
    case: CaseId,
    sighting: Annotated[str, Form(max_length=32)],
    reason: Annotated[str, Form(max_length=2000)] = "",
) -> Response:
    try:
        ended = await dismiss(console.ledger, sighting, visitor.speaker, reason=reason)
    except RetrustError as error:
        return await _not_said(request, console, visitor, case, error, reason)
    return RedirectResponse(f"/cases/{case}?said={'cancelled' if ended else 'dismissed'}", 303)


async def _not_said(
    request: Request, console: Console, visitor: Visitor, case: str, error: RetrustError, reason: str
) -> Response:
    """The case's page again, with what forbids it above, and the reason as it was typed."""
    return await _case(request, console, visitor, case, status_of(error), problem=error.what, reason=reason)


@router.get("/cases/{case}/export")
async def export(console: TheConsole, visitor: SignedIn, case: CaseId) -> Response:
    return await packed(console, case)


# -- sites -------------------------------------------------------------------------------------------


@router.get("/sites")
async def sites(
    request: Request, console: TheConsole, visitor: SignedIn, start: Annotated[int, Query(ge=0, le=1_000_000)] = 0
) -> Response:
    names = sorted(console.host.inventory.sites)
    shown = names[start : start + SITES]
    seen = await asyncio.gather(*(last_seen(console.host, console.ledger, name) for name in shown))
    return page(
        request,
        "sites.html",
        title="Sites",
        visitor=visitor,
        start=start,
        size=SITES,
        total=len(names),
        sites=[(name, *found) for name, found in zip(shown, seen, strict=True)],
    )


@router.get("/sites/{site}")
async def site_page(request: Request, console: TheConsole, visitor: SignedIn, site: str) -> Response:
    console.host.site(site)
    newest, picture = await last_seen(console.host, console.ledger, site)
    return page(
        request,
        "site.html",
        title=site,
        visitor=visitor,
        site=site,
        newest=newest,
        picture=picture,
        cases=await console.ledger.cases(site=site, limit=20),
    )


# -- audit -------------------------------------------------------------------------------------------


@router.get("/audit")
async def audit(request: Request, console: TheConsole, visitor: SignedIn, after: After | None = None) -> Response:
    return await _audit(request, console, visitor, after)


async def _audit(
    request: Request, console: Console, visitor: Visitor, after: int | None = None, report: object = None
) -> Response:
    head = await console.ledger.head()
    start = max(0, head.seq - ENTRIES) if after is None else after
    entries = await console.ledger.entries(after=start, limit=ENTRIES)
    return page(
        request,
        "audit.html",
        title="Audit",
        visitor=visitor,
        head=head,
        start=start,
        size=ENTRIES,
        report=report,
        entries=[(e, e.line) for e in reversed(entries)],
    )


@router.post("/audit/verify")
async def verify(request: Request, console: TheConsole, visitor: Posting) -> Response:
    return await _audit(request, console, visitor, report=await verified(console))
