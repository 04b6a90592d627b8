"""The JSON API under ``/api/v1``: what the CLI's ``--server`` uses, with OpenAPI at ``/api/v1/openapi.json``.

Bearer tokens only. Answers are the objects that the CLI prints with ``--json``; each refusal is
``{"error", "where", "hint"}`` with the sentence that the CLI would say.
"""

from __future__ import annotations

import asyncio
import tempfile
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from fastapi import APIRouter, Query
from fastapi import Path as InPath
from fastapi.responses import Response, StreamingResponse
from pydantic import BaseModel, ConfigDict, Field

from retrust.approval import (
    approve,
    create_token,
    dismiss,
    gate_states,
    look_again,
    reject,
    right_to_make_tokens,
)
from retrust.approval import cancel as end
from retrust.audit import export_case, verify_chain
from retrust.ledger import CASE_ID
from retrust.models import GateState
from retrust.present import story_object
from retrust.states import OPEN_STATES, State
from retrust_plugins.console.access import Decides, Known, TheConsole
from retrust_plugins.console.context import API, Console
from retrust_plugins.console.reading import last_seen

if TYPE_CHECKING:
    from retrust.audit import ChainReport
    from retrust.ledger import Case

CaseId = Annotated[str, InPath(pattern=f"^{CASE_ID}$", description="The case, as `retrust cases` lists it.")]
SightingId = Annotated[str, InPath(pattern=r"^[0-9a-f]{8,32}$", description="Its id, or the beginning of it.")]
Site = Annotated[str, Query(max_length=200, pattern=r"^[^\x00-\x1f]*$", description="Only of this site.")]
Text = Annotated[str, Query(max_length=200, pattern=r"^[^\x00-\x1f]*$")]
StateFilter = Annotated[
    Literal[
        "open",
        "all",
        "planned",
        "waiting",
        "approved",
        "executing",
        "verifying",
        "healed",
        "failed",
        "refused",
        "expired",
        "cancelled",
    ],
    Query(description="`open` is every state that is not final."),
]
After = Annotated[int, Query(ge=0, le=10**15, description="Entries that follow this one.")]


class Said(BaseModel):
    """``digest`` is of the plan that was read: a decision on another one is refused."""

    model_config = ConfigDict(extra="forbid")


Reason = Annotated[str, Field(min_length=1, max_length=2000, description="Why; it is kept with the decision.")]
Digest = Annotated[str, Field(max_length=100, description="The plan's digest, as it was read.")]
Gate = Annotated[str | None, Field(max_length=100, description="Default: the first that you may decide.")]


class Yes(Said):
    reason: Reason
    digest: Digest
    gate: Gate = None
    signature: Annotated[
        str | None,
        Field(max_length=16_384, description="An SSHSIG signature of `yes CASE DIGEST`, namespace `retrust`."),
    ] = None


class No(Said):
    reason: Reason
    digest: Digest
    gate: Gate = None


class Ending(Said):
    reason: Reason


class NewToken(Said):
    person: Annotated[str, Field(min_length=1, max_length=200, description="A person of the inventory.")]
    days: Annotated[int, Field(ge=1, le=366)] = 90
    read_only: bool = False
    note: Annotated[str, Field(max_length=200)] = ""


class Problem(BaseModel):
    error: str
    where: str | None = None
    hint: str | None = None


_REFUSALS = {
    401: "no valid token",
    403: "a rule forbids it",
    404: "no such case",
    409: "not as things stand",
    422: "a wrong field",
    429: "too many failed attempts",
    503: "try again later",
}
router = APIRouter(
    prefix=API, responses={status: {"model": Problem, "description": said} for status, said in _REFUSALS.items()}
)


@router.get("/me")
async def me(visitor: Known) -> dict[str, Any]:
    """Whose token this is."""
    return {"person": visitor.name, "roles": list(visitor.speaker.roles), "read_only": visitor.read_only}


@router.get("/cases")
async def cases(
    visitor: Known,
    console: TheConsole,
    site: Site = "",
    state: StateFilter = "open",
    limit: Annotated[int, Query(ge=1, le=200)] = 100,
    before: Annotated[str, Query(pattern=f"^({CASE_ID})?$")] = "",
) -> dict[str, Any]:
    """Cases, the newest first; ``next`` is the ``before`` of the next page."""
    found = await console.ledger.cases(
        site=site or None, states=states_of(state), limit=limit + 1, before=before or None
    )
    shown = found[:limit]
    return {"cases": [_case(c) for c in shown], "next": shown[-1].id if len(found) > limit else None}


def _case(case: Case) -> dict[str, Any]:
    return case.model_dump(mode="json")


def states_of(state: str) -> tuple[State, ...] | None:
    if state == "all":
        return None
    return OPEN_STATES if state == "open" else (State(state),)


@router.get("/cases/{case}")
async def story(case: CaseId, visitor: Known, console: TheConsole) -> dict[str, Any]:
    """The whole story of a case: plan, gates, decisions, sightings and entries."""
    return await story_object(console.host, console.ledger, case)


@router.get(
    "/cases/{case}/events", response_class=StreamingResponse, responses={200: {"content": {"text/event-stream": {}}}}
)
async def events(case: CaseId, visitor: Known, console: TheConsole, after: After = 0) -> Response:
    """The case's ledger entries that follow ``after``, as they come: server-sent events named ``entry``."""
    await console.ledger.case(case)
    return StreamingResponse(console.streams.of(after, case), media_type="text/event-stream")


@router.post("/cases/{case}/approve")
async def say_yes(case: CaseId, said: Yes, visitor: Decides, console: TheConsole) -> dict[str, Any]:
    """Say yes to the plan with this digest, at one gate."""
    label, matter = await approve(
        console.host,
        console.ledger,
        case,
        visitor.speaker,
        reason=said.reason,
        gate=said.gate,
        digest=said.digest,
        signature=said.signature,
    )
    return {
        "case": case,
        "actor": visitor.speaker.actor,
        "gate": label,
        "gates": [_gate(g) for g in await gate_states(console.host, matter)],
    }


def _gate(state: GateState) -> dict[str, Any]:
    return state.model_dump(mode="json")


@router.post("/cases/{case}/reject")
async def say_no(case: CaseId, said: No, visitor: Decides, console: TheConsole) -> dict[str, Any]:
    """Say no to the plan with this digest: its gate closes, and the case ends as cancelled."""
    label = await reject(
        console.host, console.ledger, case, visitor.speaker, reason=said.reason, gate=said.gate, digest=said.digest
    )
    return {"case": case, "actor": visitor.speaker.actor, "gate": label, "state": State.CANCELLED}


@router.post("/cases/{case}/cancel")
async def cancel(case: CaseId, said: Ending, visitor: Decides, console: TheConsole) -> dict[str, Any]:
    """End a case without acting."""
    ended = await end(console.ledger, case, visitor.speaker, reason=said.reason)
    return {"case": case, "actor": visitor.speaker.actor, "state": ended.state}


@router.post("/cases/{case}/again")
async def again(case: CaseId, visitor: Decides, console: TheConsole) -> dict[str, Any]:
    """Ask for a pass over the case's site now: a failed case is tried again. No gate opens by it."""
    site = (await console.ledger.case(case)).site
    await look_again(console.host, console.ledger, site, visitor.speaker, source="API")
    return {"case": case, "site": site, "actor": visitor.speaker.actor}


@router.post("/tokens")
async def make_token(said: NewToken, visitor: Decides, console: TheConsole) -> dict[str, Any]:
    """Make a person's token, with the role `admin`; its text is in this answer and kept nowhere."""
    actor, inventory = visitor.speaker.actor, console.host.inventory
    made = right_to_make_tokens(inventory, actor)
    token, text = await create_token(
        console.ledger,
        inventory,
        said.person,
        lasts=timedelta(days=said.days),
        actor=actor,
        read_only=said.read_only,
        note=said.note,
        made=made,
    )
    return {"id": token.id, "person": token.person, "expires_at": token.expires_at.isoformat(), "token": text}


@router.post("/sightings/{sighting}/dismiss")
async def dismissed(sighting: SightingId, said: Ending, visitor: Decides, console: TheConsole) -> dict[str, Any]:
    """Say that a sighting was wrong; `case` is the one that rested on nothing else, and is cancelled."""
    case = await dismiss(console.ledger, sighting, visitor.speaker, reason=said.reason)
    return {"sighting": sighting, "actor": visitor.speaker.actor, "case": case.id if case else None}


@router.get(
    "/cases/{case}/export",
    response_class=Response,
    responses={200: {"content": {"application/zip": {}}, "description": "The signed evidence pack."}},
)
async def export(case: CaseId, visitor: Known, console: TheConsole) -> Response:
    """The case's signed evidence pack: `retrust audit verify` checks it anywhere."""
    return await packed(console, case)


async def packed(console: Console, case: str) -> Response:
    async with console.heavy:
        with tempfile.TemporaryDirectory(prefix="retrust-pack-") as folder:
            path = await export_case(console.ledger, case, Path(folder) / f"{case}.zip")
            data = await asyncio.to_thread(path.read_bytes)
    return Response(
        data,
        media_type="application/zip",
        headers={"Content-Disposition": f'attachment; filename="retrust-{case}.zip"'},
    )


@router.get("/sites")
async def sites(
    visitor: Known,
    console: TheConsole,
    start: Annotated[int, Query(ge=0, le=1_000_000)] = 0,
    limit: Annotated[int, Query(ge=1, le=100)] = 20,
) -> dict[str, Any]:
    """Each site as the ledger last knew it: how many pins have each verdict, when that was so, its newest case."""
    names = sorted(console.host.inventory.sites)[start : start + limit]
    return {"sites": [await _site(console, name) for name in names], "total": len(console.host.inventory.sites)}


async def _site(console: Console, name: str) -> dict[str, Any]:
    picture = await last_seen(console.host, console.ledger, name, (await console.board.looks()).get(name))
    case = next(iter(await console.ledger.cases(site=name, limit=1)), None)
    return {
        "site": name,
        "case": _case(case) if case else None,
        "seen_at": picture.seen_at.isoformat() if picture else None,
        "verdicts": picture.counts if picture else {},
    }


@router.get("/audit/entries")
async def entries(
    visitor: Known, console: TheConsole, after: After = 0, limit: Annotated[int, Query(ge=1, le=200)] = 100
) -> dict[str, Any]:
    """The ledger's entries in order, told in a line each."""
    found = await console.ledger.entries(after=after, limit=limit)
    return {
        "entries": [{**e.model_dump(mode="json", exclude={"text"}), "what": e.line} for e in found],
        "head": (await console.ledger.head()).model_dump(),
    }


@router.get("/audit/verify")
async def verify(visitor: Known, console: TheConsole) -> dict[str, Any]:
    """The ledger's chain, checked from end to end."""
    report = await verified(console)
    return {
        "ok": report.ok,
        "entries": report.entries,
        "head": report.head.hash,
        "signed_by": report.signed_by,
        "problem": report.problem,
        "seq": report.seq,
    }


async def verified(console: Console) -> ChainReport:
    async with console.heavy:
        return await verify_chain(console.ledger)
