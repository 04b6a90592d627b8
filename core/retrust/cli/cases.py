"""``cases``, ``show``, ``approve``, ``reject``, ``cancel`` and ``dismiss``: people and the cases they decide.

With ``--server`` they ask a console's API (``retrust.cli.remote``) in place of the ledger; what is printed is
made of the same objects either way.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer

from retrust.approval.decisions import Speaker, current_matter, gate_states
from retrust.approval.decisions import approve as say_yes
from retrust.approval.decisions import cancel as end
from retrust.approval.decisions import dismiss as say
from retrust.approval.decisions import reject as say_no
from retrust.approval.signing import statement
from retrust.approval.tokens import roles_of
from retrust.cli import output
from retrust.cli.options import InventoryOption, JsonOption, ServerOption, WatchOption
from retrust.cli.remote import chosen_server, connect
from retrust.cli.showing import SignOption, person, signed, signing_person
from retrust.cli.started import start
from retrust.engine.engine import Engine
from retrust.errors import UsageError
from retrust.present.case import story_object
from retrust.states import FINAL, OPEN_STATES, State

WATCHED_EVERY = 2
"""Seconds."""

CaseArgument = Annotated[str, typer.Argument(metavar="CASE", help="The case, as `retrust cases` lists it.")]
ReasonOption = Annotated[str, typer.Option("--reason", help="Why; it is kept with the decision.")]
GateOption = Annotated[str | None, typer.Option(help="The gate; default: the first that you may decide.")]
DigestOption = Annotated[str | None, typer.Option(help="The digest you read; rejected if the plan has changed.")]


async def cases(
    site: Annotated[str | None, typer.Option(help="Of one site.")] = None,
    all_: Annotated[bool, typer.Option("--all", help="Ended ones too.")] = False,
    json: JsonOption = False,
    server: ServerOption = None,
    inventory: InventoryOption = None,
) -> None:
    """List cases, the newest first."""
    found = await _cases(site, all_, chosen_server(server, inventory), inventory)
    if json:
        output.print_json(found)
        return
    if not found:
        output.say("no open case" if not all_ else "no case yet")
        return
    output.show(
        output.table(
            ("CASE", "SITE", "STATE", "OPENED (UTC)", "CAUSE"),
            [(c["id"], c["site"], c["state"], c["opened_at"][:16].replace("T", " "), c["cause"]) for c in found],
        )
    )


async def _cases(site: str | None, all_: bool, server: str | None, inventory: Path | None) -> list[dict[str, Any]]:
    if server is not None:
        async with connect(server) as there:
            return await there.cases(site=site, all_=all_)
    async with await start(inventory).open_ledger() as ledger:
        found = await ledger.cases(site=site, states=None if all_ else OPEN_STATES)
    return [case.model_dump(mode="json") for case in found]


async def show(
    case: CaseArgument,
    json: JsonOption = False,
    watch: WatchOption = False,
    server: ServerOption = None,
    inventory: InventoryOption = None,
) -> None:
    """The whole story of a case on one screen."""
    told, server = None, chosen_server(server, inventory)
    while True:
        story = await _story(case, server, inventory)
        if story != told and told is not None:
            output.clear()
        if story != told:
            told = story
            output.print_json(story) if json else output.show(_lines(story))
        if not watch or story["case"]["state"] in FINAL:
            return
        await asyncio.sleep(WATCHED_EVERY)


async def _story(case: str, server: str | None, inventory: Path | None) -> dict[str, Any]:
    if server is not None:
        async with connect(server) as there:
            return await there.story(case)
    engine = start(inventory)
    async with await engine.open_ledger() as ledger:
        return await story_object(engine, ledger, case)


def _lines(story: dict[str, Any]) -> Iterator[str]:
    case = story["case"]
    yield output.paint(_answer(story), "bold")
    yield f"  cause: {case['cause']}; asked for by {case['requested_by']}"
    if case["note"]:
        yield f"  note: {case['note']}"
    if story["plan"] is not None:
        yield from output.planned_lines(story["plan"], {p["edge"]: p for p in story["planned"]})
    if story["sightings"]:
        yield "  sightings:"
        yield from (f"    {_sighting_line(seen)}" for seen in story["sightings"])
    yield ""
    for entry in story["entries"]:
        yield f"  {entry['at'][:19].replace('T', ' ')}  {entry['actor']:<16} {entry['what']}"


def _answer(story: dict[str, Any]) -> str:
    """The case, how it stands, what it waits for, and the next command."""
    case, gates = story["case"], story["plan"]["gates"] if story["plan"] else []
    shut = [gate for gate in gates if gate["state"] == "shut"]
    said = f"{case['id']}: {case['state']}"
    if case["state"] == State.WAITING and shut:
        needs = f", needs {shut[0]['needs']}" if shut[0]["needs"] else ""
        return f"{said} for the gate {shut[0]['gate']}{needs} → retrust approve {case['id']}"
    return said if case["state"] in FINAL else f"{said} → retrust run {case['site']}"


def _sighting_line(seen: dict[str, Any]) -> str:
    """``retrust dismiss`` takes the id that it begins with."""
    hint = ", a hint that anybody can send" if seen["level"] == "hint" else ""
    gone = f"; dismissed: {seen['dismissed']}" if seen["dismissed"] else ""
    return f"{seen['id'][:8]}  {seen['count']}× {seen['dn'] or seen['kind']} ({seen['source']}{hint}){gone}"


async def approve(
    case: CaseArgument,
    reason: ReasonOption,
    gate: GateOption = None,
    digest: DigestOption = None,
    sign_with: SignOption = None,
    server: ServerOption = None,
    inventory: InventoryOption = None,
) -> None:
    """Say yes to a case's plan, as whom your token or your signature shows."""
    server = chosen_server(server, inventory)
    if server is not None:
        await _approve_there(server, case, reason, gate, digest, sign_with)
        return
    engine = start(inventory)
    async with await engine.open_ledger() as ledger:
        if sign_with is None:
            who, signature = await person(engine, ledger), None
        else:
            digest = digest or (await current_matter(engine, ledger, case)).plan.digest
            who, signature = await signing_person(engine, ledger, sign_with, statement(case, digest))
        label, matter = await say_yes(
            engine, ledger, case, _here(engine, who), reason=reason, gate=gate, digest=digest, signature=signature
        )
        output.say(f"{'signed ' if signature else ''}yes by {who} at the gate {label}")
        output.show(output.gate_lines(await gate_states(engine, matter)))


async def _approve_there(
    server: str, case: str, reason: str, gate: str | None, digest: str | None, sign_with: str | None
) -> None:
    async with connect(server) as there:
        digest = digest or await _digest_there(there, case)
        signature = await signed(statement(case, digest), sign_with) if sign_with else None
        said = await there.decide(
            case, "approve", {"reason": reason, "gate": gate, "digest": digest, "signature": signature}
        )
    output.say(f"{'signed ' if signature else ''}yes by {said['actor']} at the gate {said['gate']}")
    output.show(output.gate_object_lines(said["gates"]))


async def _digest_there(there: Any, case: str) -> str:
    plan = (await there.story(case))["plan"]
    if plan is None or plan["digest"] is None:
        raise UsageError("the case has no plan to decide on", where=f"case {case}")
    return str(plan["digest"])


async def reject(
    case: CaseArgument,
    reason: ReasonOption,
    gate: GateOption = None,
    digest: DigestOption = None,
    sign_with: SignOption = None,
    server: ServerOption = None,
    inventory: InventoryOption = None,
) -> None:
    """Say no to a case's plan: its gate closes, and the case ends without a change."""
    server = chosen_server(server, inventory)
    if server is not None:
        async with connect(server) as there:
            said = await there.decide(
                case, "reject", {"reason": reason, "gate": gate, "digest": digest or await _digest_there(there, case)}
            )
        who, label = said["actor"], said["gate"]
    else:
        engine = start(inventory)
        async with await engine.open_ledger() as ledger:
            who = await person(engine, ledger, sign_with)
            label = await say_no(engine, ledger, case, _here(engine, who), reason=reason, gate=gate, digest=digest)
    output.say(f"no by {who} at the gate {label}")
    output.say(f"case {case} is cancelled: nothing was changed")


def _here(engine: Engine, who: str) -> Speaker:
    return Speaker(who, roles_of(engine.inventory, who), at_terminal=True)


async def cancel(
    case: CaseArgument,
    reason: ReasonOption,
    sign_with: SignOption = None,
    server: ServerOption = None,
    inventory: InventoryOption = None,
) -> None:
    """End a case without acting."""
    server = chosen_server(server, inventory)
    if server is not None:
        async with connect(server) as there:
            await there.decide(case, "cancel", {"reason": reason})
    else:
        engine = start(inventory)
        async with await engine.open_ledger() as ledger:
            await end(ledger, case, _here(engine, await person(engine, ledger, sign_with)), reason=reason)
    output.say(f"case {case} is cancelled")


async def dismiss(
    sighting: Annotated[str, typer.Argument(metavar="SIGHTING", help="Its id, as `show` lists it.")],
    reason: ReasonOption,
    sign_with: SignOption = None,
    server: ServerOption = None,
    inventory: InventoryOption = None,
) -> None:
    """Say that a sighting was wrong: it counts no more, and a case that rests on nothing else ends."""
    server = chosen_server(server, inventory)
    if server is not None:
        async with connect(server) as there:
            ended = (await there.dismiss(sighting, reason))["case"]
    else:
        engine = start(inventory)
        async with await engine.open_ledger() as ledger:
            who = await person(engine, ledger, sign_with)
            case = await say(ledger, sighting, _here(engine, who), reason=reason)
            ended = case.id if case else None
    output.say(f"sighting {sighting} is dismissed" + (f"; case {ended} is cancelled" if ended else ""))
