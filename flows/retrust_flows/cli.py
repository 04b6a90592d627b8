"""``retrust run``: plan, gates, remediate, verify, in the foreground."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Annotated

import typer

from retrust.actors import UNKNOWN
from retrust.approval import DECIDABLE
from retrust.approval.decisions import Attendance, Speaker, current_matter, decide, reject, terminal_labels
from retrust.cli import output
from retrust.cli.asking import answer
from retrust.cli.moving import Bar
from retrust.cli.options import InventoryOption, JsonOption, SiteArgument
from retrust.cli.showing import HOW, SignOption, person, somebody
from retrust.cli.started import start
from retrust.engine.engine import Engine
from retrust.errors import UsageError
from retrust.inventory import Site
from retrust.ledger import Ledger
from retrust.models import GateState, Grade, Plan, Sighting, Snapshot
from retrust.present.json import run_object, unplanned_object
from retrust.runs.endings import Ended
from retrust_flows.running import Planned, Runner
from retrust_flows.server import starting_server

PASSES = 4
"""Passes of one command: a plan, an answer, a drift and its new plan; then a person runs it again."""


async def run(
    site: SiteArgument,
    yes: Annotated[bool, typer.Option("--yes", help="Open the gate confirm, and nothing else.")] = False,
    accept_unproven: Annotated[
        bool, typer.Option("--accept-unproven", help="Accept evidence below proven, where no people are named.")
    ] = False,
    include: Annotated[
        list[str] | None,
        typer.Option(metavar="HOLDER:KEY", help="Take this unproven pin for stale; recorded as your sighting."),
    ] = None,
    json: JsonOption = False,
    sign_with: SignOption = None,
    inventory: InventoryOption = None,
) -> int:
    """Plan, gates, remediate, verify, in the foreground with progress."""
    engine = start(inventory)
    chosen = engine.site(site)
    for warning in engine.warnings_of(chosen):
        output.say(f"warning: {warning}")
    async with await engine.open_ledger() as ledger:
        by = await (person if include else somebody)(engine, ledger, sign_with)
        if by == UNKNOWN:
            output.say(f"warning: nobody was shown to ask for this run, so two persons must say yes; {HOW}")
        await _include(ledger, engine, chosen, include or [], by)
        async with starting_server(engine.home) as server:
            runner = Runner(
                engine,
                ledger,
                by,
                progress=Bar(output.say, draws=output.somebody_looks()),
                tell=lambda text: output.say(f"  {text}"),
                planned=_shown_once(engine.target(chosen).label) if not json else lambda *_: None,
            )
            ended = await _passes(runner, server, chosen, Attendance(by, yes, accept_unproven), json)
    _report(chosen, ended, json)
    return ended.exit_code


async def _passes(runner: Runner, server: asyncio.Task[str], site: Site, attendance: Attendance, json: bool) -> Ended:
    """Pass after pass, while this terminal can open what the last one waited for.

    While Prefect's server is starting, the first one only looks and plans; what is sent is sent by a flow run.
    """
    asks = sys.stdin.isatty() and not json
    for _ in range(PASSES):
        one = runner.one_pass if server.done() else runner.first_look
        with output.working(f"looking at {site.name}, its web pages too"):
            ended = await one(site.name, attendance)
        if ended.outcome == "drifted":
            output.say(f"{ended.error}")
            continue
        if ended.outcome not in ("planned", "waiting"):
            break
        questions = await _questions(runner, ended) if asks else []
        if (questions and not await _ask(runner, ended, attendance, questions)) or (
            not questions and ended.outcome == "waiting"
        ):
            break
        await _there(server)
    return ended


async def _there(server: asyncio.Task[str]) -> None:
    """Prefect is imported meanwhile."""
    if not server.done():
        output.say("waiting for Prefect's server …")
        await asyncio.to_thread(__import__, "retrust_flows.remediate")
    await server


def _shown_once(label: Callable[[str], str]) -> Planned:
    """Shows what was seen and the plan, before anything of it is carried out; each plan once."""
    shown: set[str] = set()

    def show(seen: Snapshot, plan: Plan, gates: tuple[GateState, ...]) -> None:
        if plan.digest not in shown:
            shown.add(plan.digest)
            output.show(output.snapshot_lines(seen, label, "this plan"))
            output.show(output.plan_lines(plan, gates))

    return show


async def _questions(runner: Runner, ended: Ended) -> list[str]:
    """The gates that the person at the terminal can open now; none where another one would stay shut, too."""
    assert ended.case is not None
    matter = await current_matter(runner.engine, runner.ledger, ended.case.id)
    shut = {g.gate for g in ended.gates if g.state == "shut"}
    labels = [label for label in terminal_labels(matter) if label in shut]
    return labels if not shut - set(labels) and matter.case.state in DECIDABLE else []


async def _ask(runner: Runner, ended: Ended, attendance: Attendance, labels: list[str]) -> bool:
    """Ask the person at the terminal for every answer that they can give; whether the next pass may go on."""
    assert ended.case is not None
    assert ended.plan is not None
    matter = await current_matter(runner.engine, runner.ledger, ended.case.id)
    for label in labels:
        if label == "security":
            _show_fingerprints(ended.plan)
        question = _QUESTIONS.get(label, f"Open the gate {label}? [yes/no] ")
        said = (await answer(question)).casefold()
        if said != "yes":
            await reject(
                runner.engine,
                runner.ledger,
                ended.case.id,
                _at_the_terminal(attendance),
                gate=label,
                digest=ended.plan.digest,
                reason=f"answered {said!r} at the terminal",
            )
            output.say("nothing was changed")
            return False
        matter = await decide(
            runner.ledger, matter, label=label, actor=attendance.actor, yes=True, reason="answered yes at the terminal"
        )
    return True


def _at_the_terminal(attendance: Attendance) -> Speaker:
    return Speaker(attendance.actor, at_terminal=True)


_QUESTIONS = {
    "confirm": "Carry out this plan? [yes/no] ",
    "security": "The evidence is below proven. Is this fingerprint the peer's own? [yes/no] ",
    "recurrence": "An edge of this plan healed too often lately. Heal it again? [yes/no] ",
}


def _show_fingerprints(plan: Plan) -> None:
    for finding in plan.snapshot.findings:
        if finding.verdict == "stale" and finding.evidence.grade is not Grade.PROVEN and finding.presented:
            known = finding.baseline.fingerprint if finding.baseline else "none was verified before"
            output.show(
                [
                    f"{finding.pin.edge}",
                    f"  last verified: {known}",
                    f"  presented now: {finding.presented.fingerprint}",
                ]
            )


async def _include(ledger: Ledger, engine: Engine, site: Site, edges: list[str], by: str) -> None:
    """``--include`` is this person's sighting: recorded, and from then on like any other."""
    now = datetime.now(UTC)
    for edge in edges:
        holder, colon, key = edge.partition(":")
        if not colon or not key or holder not in engine.target(site).holders(site):
            holders = ", ".join(engine.target(site).holders(site))
            raise UsageError(f"--include {edge!r} is not HOLDER:KEY", hint=f"holders of {site.name}: {holders}")
        await ledger.sight(
            Sighting(
                id=f"include:{site.name}:{edge}:{now.timestamp()}",
                kind="person",
                site=site.name,
                holder=holder,
                key=key,
                at=now,
                received_at=now,
                source="--include",
                actor=by,
                level="authenticated",
            )
        )


def _report(site: Site, ended: Ended, json: bool) -> None:
    message = (
        str(ended.error)
        if ended.error
        else _MESSAGES.get(ended.outcome, ended.outcome).format(site=site.name, case=ended.case_id)
    )
    if json and ended.snapshot is not None:
        output.print_json(
            run_object(
                ended.snapshot,
                ended.plan,
                ended.gates,
                case=ended.case_id,
                outcome=ended.outcome,
                results=ended.results,
                message=message,
            )
        )
    elif json:
        output.print_json(
            unplanned_object(site.name, message) | {"case": ended.case_id, "outcome": ended.outcome, "message": message}
        )
    if ended.error is not None:
        output.say_error(ended.error)
    elif not json:
        output.show([message])
        if ended.outcome == "waiting":
            output.show(output.gate_lines(g for g in ended.gates if g.state != "open"))


_MESSAGES = {
    "healed": "{site} is healed: every step took effect and the relations are healthy ({case})",
    "healthy": "{site} is healthy: nothing to do, nothing was changed",
    "waiting": "{site} waits, nothing was changed: a gate of {case} is shut",
}
