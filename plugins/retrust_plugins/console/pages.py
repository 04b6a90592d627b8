"""The pages: overview, cases, one case, sites, the audit. Forms decide by the same functions as the API and the CLI."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Annotated, Literal
from urllib.parse import quote

from fastapi import APIRouter, Depends, Form, HTTPException, Query, Request
from fastapi.responses import RedirectResponse, Response, StreamingResponse

from retrust.approval import Speaker, approve, dismiss, look_again, reject
from retrust.approval import cancel as end
from retrust.audit import attached_file
from retrust.errors import RetrustError
from retrust.states import State
from retrust_plugins.console.access import Deciding, Posting, SignedIn, TheConsole
from retrust_plugins.console.api import After, CaseId, Site, StateFilter, Text, packed, verified
from retrust_plugins.console.board import LOOKS, TOLD
from retrust_plugins.console.context import Console, status_of
from retrust_plugins.console.listing import FEW, SORTS, listed, overview
from retrust_plugins.console.reading import PNG, view_case
from retrust_plugins.console.rendering import page
from retrust_plugins.console.sessions import Visitor
from retrust_plugins.console.siting import SHOWS, listed_sites, site_row

router = APIRouter(include_in_schema=False)
ENTRIES = 100
SAID = {
    "yes": "Your yes is recorded.",
    "no": "Your no is recorded: the case is cancelled, nothing was changed.",
    "cancelled": "The case is cancelled.",
    "dismissed": "The sighting is dismissed.",
    "again": "Retrust looks at the site within seconds; this page follows it.",
}


@router.get("/")
async def first(request: Request, console: TheConsole, visitor: SignedIn) -> Response:
    seen = await overview(console, visitor)
    return page(request, "overview.html", title="Overview", visitor=visitor, seen=seen, few=FEW, seq=console.board.seen)


@router.get("/cases")
async def cases(
    request: Request,
    console: TheConsole,
    visitor: SignedIn,
    site: Site = "",
    state: StateFilter = "open",
    person: Text = "",
    q: Text = "",
    sort: Literal["newest", "oldest", "site", "state", "grade"] = "newest",
    number: Annotated[int, Query(alias="page", ge=1, le=100_000)] = 1,
) -> Response:
    who = visitor.name if person == "me" else person
    found = await listed(console, site=site, state=state, person=who, text=q, sort=sort, number=number)
    return page(
        request,
        "cases.html",
        title="Cases",
        visitor=visitor,
        found=found,
        seen=console.board.seen,
        asked={"q": q, "site": site, "state": state, "person": person, "sort": sort},
        sites=sorted(console.host.inventory.sites),
        people=[p for p in sorted(console.host.inventory.people) if p != visitor.name],
        states=[str(s) for s in State],
        sorts={name: said for name, (said, _) in SORTS.items()},
    )


@router.get("/live")
async def live(request: Request, console: TheConsole, visitor: SignedIn, after: After = 0) -> Response:
    """Rings when a list may have changed."""
    stream = console.streams.of(_start(request, after), kinds=("case-opened", *TOLD, *LOOKS))
    return StreamingResponse(stream, media_type="text/event-stream")


def _start(request: Request, after: int) -> int:
    """Where a stream that was cut goes on."""
    last = request.headers.get("last-event-id", "")
    return int(last) if last.isdigit() and len(last) < 18 else after


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
        title=f"Case {case}",
        visitor=visitor,
        view=view,
        said=said,
        problem=problem,
        reason=reason,
    )


@router.get("/cases/{case}/live")
async def case_live(
    request: Request, console: TheConsole, visitor: SignedIn, case: CaseId, after: After = 0
) -> Response:
    await console.ledger.case(case)
    return StreamingResponse(console.streams.of(_start(request, after), case), media_type="text/event-stream")


@dataclass(frozen=True)
class Word:
    """What a form of a case's page sends."""

    reason: Annotated[str, Form(max_length=2000)] = ""
    digest: Annotated[str, Form(max_length=100)] = ""
    gate: Annotated[str, Form(max_length=100)] = ""
    sighting: Annotated[str, Form(max_length=32)] = ""


@router.post("/cases/{case}/{verb}")
async def say(
    request: Request,
    console: TheConsole,
    visitor: Deciding,
    case: CaseId,
    verb: Literal["approve", "reject", "cancel", "dismiss", "again"],
    word: Annotated[Word, Depends()],
) -> Response:
    """What a person decides; where a rule forbids it, the page again with that rule, and the reason as typed."""
    try:
        said = await _said(console, case, verb, visitor.speaker, word)
    except RetrustError as error:
        again = {"problem": error.what, "reason": word.reason}
        return await _case(request, console, visitor, case, status_of(error), **again)
    return RedirectResponse(f"/cases/{case}?said={said}", 303)


async def _said(console: Console, case: str, verb: str, speaker: Speaker, word: Word) -> str:
    """Which sentence says what was done. A decision without the digest that was read is none."""
    host, ledger, reason = console.host, console.ledger, word.reason
    match verb:
        case "approve":
            await approve(host, ledger, case, speaker, reason=reason, gate=word.gate or None, digest=word.digest)
            return "yes"
        case "reject":
            await reject(host, ledger, case, speaker, reason=reason, gate=word.gate or None, digest=word.digest)
            return "no"
        case "dismiss":
            return (
                "cancelled"
                if await dismiss(ledger, word.sighting or "without an id", speaker, reason=reason)
                else "dismissed"
            )
        case "again":
            site = (await ledger.case(case)).site
            await look_again(host, ledger, site, speaker, source="console")
            return "again"
        case _:
            await end(ledger, case, speaker, reason=reason)
            return "cancelled"


@router.get("/cases/{case}/files/{name:path}")
async def file(console: TheConsole, visitor: SignedIn, case: CaseId, name: str) -> Response:
    """A picture of a case, as it was registered; texts stand in the page itself."""
    found = next((f for f in await console.ledger.attachments(case) if f.name == name), None)
    try:
        data = await asyncio.to_thread(attached_file, found, console.ledger.home) if found else b""
    except ValueError:
        data = b""
    if not data.startswith(PNG):
        raise HTTPException(404, "this case has no such picture")
    return Response(data, media_type="image/png")


@router.get("/cases/{case}/export")
async def export(console: TheConsole, visitor: SignedIn, case: CaseId) -> Response:
    return await packed(console, case)


# -- sites -------------------------------------------------------------------------------------------


@router.get("/sites")
async def sites(
    request: Request,
    console: TheConsole,
    visitor: SignedIn,
    q: Text = "",
    show: Literal["all", "broken", "case", "maintenance", "unseen"] = "all",
    number: Annotated[int, Query(alias="page", ge=1, le=100_000)] = 1,
) -> Response:
    found = await listed_sites(console, text=q, show=show, number=number)
    return page(
        request,
        "sites.html",
        title="Sites",
        visitor=visitor,
        found=found,
        seen=console.board.seen,
        asked={"q": q, "show": show},
        shows=SHOWS,
    )


@router.get("/sites/{site}")
async def site_page(request: Request, console: TheConsole, visitor: SignedIn, site: str, said: str = "") -> Response:
    console.host.site(site)
    return page(
        request,
        "site.html",
        title=site,
        visitor=visitor,
        row=await site_row(console, site),
        said=SAID.get(said),
        cases=await console.board.of(await console.ledger.cases(site=site, limit=20)),
        seen=console.board.seen,
    )


@router.post("/sites/{site}/again")
async def look_at_site(console: TheConsole, visitor: Deciding, site: str) -> Response:
    await look_again(console.host, console.ledger, site, visitor.speaker, source="console")
    return RedirectResponse(f"/sites/{quote(site)}?said=again", 303)


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
