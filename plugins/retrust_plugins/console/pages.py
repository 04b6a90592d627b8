"""The pages: overview, cases, one case, sites, the audit. Forms decide by the same functions as the API and the CLI."""

from __future__ import annotations

import asyncio
import csv
import io
import json
from collections.abc import AsyncIterator, Iterable
from dataclasses import asdict, dataclass
from typing import Annotated, Any, Literal
from urllib.parse import quote

from fastapi import APIRouter, Depends, Form, HTTPException, Query, Request
from fastapi import Path as InPath
from fastapi.responses import RedirectResponse, Response, StreamingResponse

from retrust.approval import Speaker, approve, dismiss, look_again, reject
from retrust.approval import cancel as end
from retrust.audit import attached_file
from retrust.errors import RetrustError
from retrust.ledger.entries import KINDS
from retrust.states import State
from retrust_plugins.console.access import Deciding, Posting, SignedIn, TheConsole
from retrust_plugins.console.api import After, CaseId, Site, StateFilter, Text, packed, verified
from retrust_plugins.console.board import LOOKS, TOLD
from retrust_plugins.console.context import Console, status_of
from retrust_plugins.console.folding import folded
from retrust_plugins.console.listing import FEW, SORTS, WORK, listed, overview
from retrust_plugins.console.reading import PNG, view_case
from retrust_plugins.console.rendering import page
from retrust_plugins.console.sessions import Visitor
from retrust_plugins.console.siting import SHOWS, listed_sites, site_row

router = APIRouter(include_in_schema=False)
ENTRIES = 100
HIDDEN = ("hash", "session")
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
    stream = console.streams.of(_start(request, after), kinds=("case-opened", *TOLD, *LOOKS, *WORK))
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
    if site not in console.host.inventory.sites:
        raise HTTPException(404, f"the inventory has no site {site}")
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

Seq = Annotated[int, Query(ge=0, le=10**15)]
Kind = Annotated[str, Query(pattern=rf"^({'|'.join(KINDS)})?$")]


@dataclass(frozen=True)
class Asked:
    """Which entries of the audit are shown."""

    person: Text = ""
    kind: Kind = ""
    case: Text = ""

    @property
    def filters(self) -> dict[str, Any]:
        """A person by their name, anything else as the ledger writes it."""
        return {
            "case": self.case or None,
            "actors": (self.person, f"person:{self.person}") if self.person else None,
            "kinds": (self.kind,) if self.kind else None,
        }


@router.get("/audit")
async def audit(
    request: Request, console: TheConsole, visitor: SignedIn, asked: Annotated[Asked, Depends()], before: Seq = 0
) -> Response:
    return await _audit(request, console, visitor, asked, before)


async def _audit(
    request: Request, console: Console, visitor: Visitor, asked: Asked, before: int = 0, report: object = None
) -> Response:
    head = await console.ledger.head()
    entries = await console.ledger.entries_before(before or None, limit=ENTRIES, **asked.filters)
    return page(
        request,
        "audit.html",
        title="Audit",
        visitor=visitor,
        head=head,
        before=before,
        older=entries[-1].seq if len(entries) == ENTRIES else None,
        asked=asdict(asked),
        report=report,
        runs=folded(entries),
        people=sorted(console.host.inventory.people),
        kinds=sorted(KINDS),
    )


@router.get("/audit.csv")
async def audit_csv(console: TheConsole, visitor: SignedIn, asked: Annotated[Asked, Depends()]) -> Response:
    """Every entry that fits, the newest first."""
    headers = {"Content-Disposition": 'attachment; filename="retrust-audit.csv"'}
    return StreamingResponse(_csv(console, asked), media_type="text/csv; charset=utf-8", headers=headers)


async def _csv(console: Console, asked: Asked) -> AsyncIterator[str]:
    yield _row(["entry", "at", "who", "kind", "case", "site", "what", "hash"])
    before = None
    while entries := await console.ledger.entries_before(before, **asked.filters):
        before = entries[-1].seq
        told = ([e.seq, e.at.isoformat(), e.actor, e.kind, e.case, e.site, e.line, e.hash] for e in entries)
        yield console.clean("".join(map(_row, told)))


def _row(cells: Iterable[object]) -> str:
    """No cell begins as a formula does: a spreadsheet would carry it out."""
    texts = ["" if cell is None else str(cell) for cell in cells]
    line = io.StringIO()
    csv.writer(line).writerow(
        [f"'{text}" if text.startswith(("=", "+", "-", "@", "\t", "\r")) else text for text in texts]
    )
    return line.getvalue()


@router.get("/audit/{seq}")
async def entry_page(
    request: Request, console: TheConsole, visitor: SignedIn, seq: Annotated[int, InPath(ge=1, le=10**15)]
) -> Response:
    """One entry, as it is written, without the hashes of tokens and sessions."""
    entry = await console.ledger.entry(seq)
    if entry is None:
        raise HTTPException(404, f"the ledger has no entry {seq}")
    fields = entry.stored
    said = json.dumps({k: v for k, v in fields.items() if k not in HIDDEN}, indent=2, ensure_ascii=False)
    return page(request, "entry.html", title=f"Entry {seq}", visitor=visitor, entry=entry, body=said)


@router.post("/audit/verify")
async def verify(request: Request, console: TheConsole, visitor: Posting) -> Response:
    return await _audit(request, console, visitor, Asked(), report=await verified(console))
