"""``cases``, ``show``, ``approve``, ``reject`` and ``cancel``: people and the cases they decide.

With ``--server`` they ask a console's API (``retrust.cli.remote``) in place of the ledger; what is printed is
made of the same objects either way.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer

from retrust.cli import output
from retrust.cli.options import InventoryOption, JsonOption
from retrust.cli.remote import connect
from retrust.deciding import Speaker, current_matter, gate_states
from retrust.engine import Engine, actor
from retrust.errors import UsageError
from retrust.people import roles_of
from retrust.story import story_object

CaseArgument = Annotated[str, typer.Argument(metavar="CASE", help="The case, as `retrust cases` lists it.")]
ReasonOption = Annotated[str, typer.Option("--reason", help="Why; it is kept with the decision.")]
GateOption = Annotated[str | None, typer.Option(help="The gate; default: the first that you may decide.")]
DigestOption = Annotated[str | None, typer.Option(help="The digest you read; refused if the plan is another by now.")]
ServerOption = Annotated[str | None, typer.Option(
    "--server", metavar="URL", help="Ask a console there, with the token in RETRUST_TOKEN.")]
SignOption = Annotated[bool, typer.Option("--sign", help="Sign the digest with your SSH key or agent.")]
KeyOption = Annotated[Path | None, typer.Option(
    "--key", help="The key to sign with: its file, or its .pub for one that the agent holds.")]


async def cases(
    site: Annotated[str | None, typer.Option(help="Of one site.")] = None,
    all_: Annotated[bool, typer.Option("--all", help="Ended ones too.")] = False,
    json: JsonOption = False,
    server: ServerOption = None,
    inventory: InventoryOption = None,
) -> None:
    """List cases, the newest first."""
    found = await _cases(site, all_, server, inventory)
    if json:
        output.print_json(found)
        return
    if not found:
        output.say("no open case" if not all_ else "no case yet")
    output.show(f"{c['id']:<8} {c['site']:<16} {c['state']:<10} {c['opened_at'][:16].replace('T', ' ')}  {c['cause']}"
                for c in found)


async def _cases(site: str | None, all_: bool, server: str | None, inventory: Path | None) -> list[dict[str, Any]]:
    from retrust.states import OPEN_STATES

    if server is not None:
        async with connect(server) as there:
            return await there.cases(site=site, all_=all_)
    async with await Engine.start(inventory).open_ledger() as ledger:
        found = await ledger.cases(site=site, states=None if all_ else OPEN_STATES)
    return [case.model_dump(mode="json") for case in found]


async def show(case: CaseArgument, json: JsonOption = False, server: ServerOption = None,
               inventory: InventoryOption = None) -> None:
    """The whole story of a case on one screen."""
    story = await _story(case, server, inventory)
    if json:
        output.print_json(story)
    else:
        output.show(_lines(story))


async def _story(case: str, server: str | None, inventory: Path | None) -> dict[str, Any]:
    if server is not None:
        async with connect(server) as there:
            return await there.story(case)
    engine = Engine.start(inventory)
    async with await engine.open_ledger() as ledger:
        return await story_object(engine, ledger, case)


def _lines(story: dict[str, Any]) -> Iterator[str]:
    case = story["case"]
    yield output.paint(f"case {case['id']}", "bold") + f"  {case['site']}  {case['state']}"
    yield f"  cause: {case['cause']}; asked for by {case['requested_by']}"
    if case["note"]:
        yield f"  note: {case['note']}"
    if story["plan"] is not None:
        yield from output.planned_lines(story["plan"], {p["edge"]: p for p in story["planned"]})
    yield ""
    for entry in story["entries"]:
        yield f"  {entry['at'][:19].replace('T', ' ')}  {entry['actor']:<16} {entry['what']}"


async def approve(case: CaseArgument, reason: ReasonOption, gate: GateOption = None, digest: DigestOption = None,
                  sign: SignOption = False, key: KeyOption = None, server: ServerOption = None,
                  inventory: InventoryOption = None) -> None:
    """Say yes to a case's plan, as the person at this terminal, or as the token's with --server."""
    if key is not None and not sign:
        raise UsageError("--key is of no use without --sign")
    if server is not None:
        await _approve_there(server, case, reason, gate, digest, sign, key)
        return
    from retrust.deciding import approve as say_yes

    engine = Engine.start(inventory)
    async with await engine.open_ledger() as ledger:
        signature = None
        if sign:
            digest = digest or (await current_matter(engine, ledger, case)).plan.digest
            signature = await _signature(digest, key)
        who = _here(engine)
        label, matter = await say_yes(engine, ledger, case, who, reason=reason, gate=gate, digest=digest,
                                      signature=signature)
        output.say(f"{'signed ' if sign else ''}yes by {who.actor} at the gate {label}")
        output.show(output.gate_lines(await gate_states(engine, matter)))


async def _approve_there(server: str, case: str, reason: str, gate: str | None, digest: str | None, sign: bool,
                         key: Path | None) -> None:
    async with connect(server) as there:
        digest = digest or await _digest_there(there, case)
        signature = await _signature(digest, key) if sign else None
        said = await there.decide(case, "approve", {"reason": reason, "gate": gate, "digest": digest,
                                                    "signature": signature})
    output.say(f"{'signed ' if sign else ''}yes by {said['actor']} at the gate {said['gate']}")
    output.show(output.gate_object_lines(said["gates"]))


async def _digest_there(there: Any, case: str) -> str:
    plan = (await there.story(case))["plan"]
    if plan is None or plan["digest"] is None:
        raise UsageError("the case has no plan to decide on", where=f"case {case}")
    return str(plan["digest"])


async def _signature(digest: str, key: Path | None) -> str:
    from getpass import getpass

    from retrust.signing import sign

    return await sign(digest, key, getpass if sys.stdin.isatty() else None)


async def reject(case: CaseArgument, reason: ReasonOption, gate: GateOption = None, digest: DigestOption = None,
                 server: ServerOption = None, inventory: InventoryOption = None) -> None:
    """Say no to a case's plan: its gate closes, and the case ends without a change."""
    if server is not None:
        async with connect(server) as there:
            said = await there.decide(case, "reject", {"reason": reason, "gate": gate,
                                                       "digest": digest or await _digest_there(there, case)})
        actor_, label = said["actor"], said["gate"]
    else:
        from retrust.deciding import reject as say_no

        engine = Engine.start(inventory)
        async with await engine.open_ledger() as ledger:
            actor_ = actor()
            label = await say_no(engine, ledger, case, _here(engine), reason=reason, gate=gate, digest=digest)
    output.say(f"no by {actor_} at the gate {label}")
    output.say(f"case {case} is cancelled: nothing was changed")


def _here(engine: Engine) -> Speaker:
    return Speaker(actor(), roles_of(engine.inventory, actor()), at_terminal=True)


async def cancel(case: CaseArgument, reason: ReasonOption, server: ServerOption = None,
                 inventory: InventoryOption = None) -> None:
    """End a case without acting."""
    if server is not None:
        async with connect(server) as there:
            await there.decide(case, "cancel", {"reason": reason})
    else:
        from retrust.deciding import cancel as end

        async with await Engine.start(inventory).open_ledger() as ledger:
            await end(ledger, case, Speaker(actor(), at_terminal=True), reason=reason)
    output.say(f"case {case} is cancelled")
