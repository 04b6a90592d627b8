"""``cases``, ``show``, ``approve``, ``reject`` and ``cancel``: people and the cases they decide."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

import typer

from retrust.cli import output
from retrust.cli.options import InventoryOption, JsonOption
from retrust.deciding import MayNotDecide, current_matter, decide, gate_states
from retrust.engine import Engine, actor
from retrust.errors import UsageError
from retrust.policy import Matter
from retrust.story import plan_and_gates, story_object, told

if TYPE_CHECKING:
    from retrust.ledger import Case, Entry, Ledger
    from retrust.models import GateState, Plan

CaseArgument = Annotated[str, typer.Argument(metavar="CASE", help="The case, as `retrust cases` lists it.")]
ReasonOption = Annotated[str, typer.Option("--reason", help="Why; it is kept with the decision.")]
GateOption = Annotated[str | None, typer.Option(help="The gate; default: every one that you may open.")]
DigestOption = Annotated[str | None, typer.Option(help="The digest you read; refused if the plan is another by now.")]


async def cases(
    site: Annotated[str | None, typer.Option(help="Of one site.")] = None,
    all_: Annotated[bool, typer.Option("--all", help="Ended ones too.")] = False,
    json: JsonOption = False,
    inventory: InventoryOption = None,
) -> None:
    """List cases, the newest first."""
    from retrust.states import OPEN_STATES

    engine = Engine.start(inventory)
    async with await engine.open_ledger() as ledger:
        found = await ledger.cases(site=site, states=None if all_ else OPEN_STATES)
    if json:
        output.print_json([case.model_dump(mode="json") for case in found])
        return
    if not found:
        output.say("no open case" if not all_ else "no case yet")
    output.show(f"{c.id:<8} {c.site:<16} {c.state.value:<10} {c.opened_at:%Y-%m-%d %H:%M}  {c.cause}" for c in found)


async def show(case: CaseArgument, json: JsonOption = False, inventory: InventoryOption = None) -> None:
    """The whole story of a case on one screen."""
    engine = Engine.start(inventory)
    async with await engine.open_ledger() as ledger:
        if json:
            output.print_json(await story_object(engine, ledger, case))
        else:
            output.show(await _story_lines(engine, ledger, case))


async def _story_lines(engine: Engine, ledger: Ledger, case_id: str) -> list[str]:
    case = await ledger.case(case_id)
    plan, gates = await plan_and_gates(engine, ledger, case)
    return list(_lines(case, plan, gates, await ledger.entries(case=case.id)))


def _lines(case: Case, plan: Plan | None, gates: tuple[GateState, ...], entries: list[Entry]) -> Iterator[str]:
    yield output.paint(f"case {case.id}", "bold") + f"  {case.site}  {case.state.value}"
    yield f"  cause: {case.cause}; asked for by {case.requested_by}"
    if case.note:
        yield f"  note: {case.note}"
    if plan is not None:
        yield from output.plan_lines(plan, gates)
    yield ""
    for entry in entries:
        yield f"  {entry.at:%Y-%m-%d %H:%M:%S}  {entry.actor:<16} {told(entry)}"


async def approve(case: CaseArgument, reason: ReasonOption, gate: GateOption = None, digest: DigestOption = None,
                  inventory: InventoryOption = None) -> None:
    """Say yes to a case's plan, as the person at this terminal."""
    await _decide(case, reason, gate, digest, inventory, yes=True)


async def reject(case: CaseArgument, reason: ReasonOption, gate: GateOption = None, digest: DigestOption = None,
                 inventory: InventoryOption = None) -> None:
    """Say no to a case's plan: its gate closes, and the case ends without a change."""
    await _decide(case, reason, gate, digest, inventory, yes=False)


async def _decide(case: str, reason: str, gate: str | None, digest: str | None, inventory: object, *,
                  yes: bool) -> None:
    engine = Engine.start(inventory)  # type: ignore[arg-type]
    async with await engine.open_ledger() as ledger:
        matter = await current_matter(engine, ledger, case)
        if digest is not None and digest != matter.plan.digest:
            raise MayNotDecide(f"the plan's digest is {matter.plan.digest} now, not {digest}", where=f"case {case}",
                               hint=f"read it again: retrust show {case}")
        who = actor()
        for label in _labels(matter, gate):
            matter = await decide(ledger, matter, label=label, actor=who, yes=yes, reason=reason,
                                  roles=roles_of(engine, who))
            output.say(f"{'yes' if yes else 'no'} by {who} at the gate {label}")
        if not yes:
            await ledger.move(case, "cancel", actor=who, note=f"rejected: {reason}")
            output.say(f"case {case} is cancelled: nothing was changed")
            return
        output.show(output.gate_lines(await gate_states(engine, matter)))


def _labels(matter: Matter, gate: str | None) -> list[str]:
    """The gates this decision is for; by default each that a person opens."""
    labels = [r.label for r in matter.requirements if (g := matter.gate(r)) is not None and g.by_person]
    if gate is None:
        return labels[:1]
    if gate not in labels:
        raise UsageError(f"no person opens a gate {gate!r} here", hint=f"gates: {', '.join(labels) or 'none'}")
    return [gate]


def roles_of(engine: Engine, who: str) -> tuple[str, ...]:
    """The roles that the inventory gives this person; none where it does not name them."""
    person = engine.inventory.people.get(who.removeprefix("person:"))
    return tuple(person.roles) if person else ()


async def cancel(case: CaseArgument, reason: ReasonOption, inventory: InventoryOption = None) -> None:
    """End a case without acting."""
    engine = Engine.start(inventory)
    async with await engine.open_ledger() as ledger:
        await ledger.move(case, "cancel", actor=actor(), note=reason)
    output.say(f"case {case} is cancelled")
