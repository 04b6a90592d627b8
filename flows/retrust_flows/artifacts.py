"""What a run leaves for people in Prefect's own pages: verdicts, the plan, what it waits for.

Artifacts are shown, never read back: the ledger is the record. One that cannot be written is logged and
changes nothing.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

from prefect.artifacts import (
    acreate_markdown_artifact,
    acreate_progress_artifact,
    acreate_table_artifact,
    aupdate_progress_artifact,
)
from prefect.client.orchestration import get_client
from prefect.context import get_run_context

from retrust.engine.engine import Engine
from retrust.models import GateState, Plan, Progress, Snapshot
from retrust.runs.phases import Approved, Waiting
from retrust.target import Follow

log = logging.getLogger("retrust.flows")


async def snapshot(seen: Snapshot) -> None:
    rows = [
        {
            "holder": f.pin.holder,
            "pin": f.pin.key,
            "verdict": f.verdict.value,
            "evidence": f.evidence.grade.value,
            "reasons": "; ".join(f.reasons),
            "presents": f.presented.fingerprint if f.presented else "",
        }
        for f in seen.findings
    ]
    await _shown(acreate_table_artifact(table=rows, key=_key("pins", seen.site), description=f"Pins of {seen.site}"))


async def plan(made: Plan, gate_states: Iterable[GateState]) -> None:
    await _shown(
        acreate_markdown_artifact(
            markdown=plan_markdown(made, gate_states),
            key=_key("plan", made.site),
            description=f"The plan for {made.site}",
        )
    )


def plan_markdown(made: Plan, gate_states: Iterable[GateState]) -> str:
    """The plan as a person decides on it: what is sent, where, what cannot be undone, what is conditional."""
    lines = [f"# Plan for {made.site}", f"`{made.digest}`", f"Evidence: **{made.grade.value}**", ""]
    for step in made.steps:
        lines += [
            f"## {step.kind} `{step.argument}` on {step.holder}",
            *(f"- sends `{sent}`" for sent in step.sends),
            *([f"- only if {step.when}"] if step.when else []),
            f"- {'undo: ' + step.undo if step.undo else '**cannot be undone**'}",
            *(f"- expects `{fingerprint}` at {edge}" for edge, fingerprint in step.expected.items()),
            "",
        ]
    lines += [f"- **{sentence}**" for sentence in made.unseen]
    lines += [f"- gate **{g.gate}**: {g.state}" + (f", needs {g.needs}" if g.needs else "") for g in gate_states]
    return "\n".join(lines)


async def gates(engine: Engine, asked: Approved | Waiting) -> None:
    """What the run waits for and where to decide; nothing where every gate is open."""
    if isinstance(asked, Approved):
        return
    case, plan = asked.case.id, asked.plan
    waits = "\n".join(f"- **{g.gate}**: {g.needs}" for g in asked.gates if g.state != "open")
    page = f"{engine.inventory.console.address}/cases/{case}"
    decide = (
        f"Decide with `retrust approve {case}` or `retrust reject {case}`, or in the console: "
        f"<{page}>. Starting or retrying this run here opens no gate."
    )
    await _shown(
        acreate_markdown_artifact(
            markdown=f"# {plan.site} waits\n{waits}\n\n{decide}\n\n{plan_markdown(plan, asked.gates)}",
            key=_key("waiting", plan.site),
            description=f"What {plan.site} waits for",
        )
    )


async def tag_run(case: str) -> None:
    """All runs of a case share the tag ``case:<id>``."""
    run = get_run_context().task_run.flow_run_id  # type: ignore[union-attr]
    if run is None:
        return
    async with get_client() as client:
        await _shown(client.update_flow_run(run, tags=[f"case:{case}"]))


def progress_to(site: str, also: Callable[[Progress], None]) -> Follow:
    """Progress into the run's log, its milestones as bars on the run's page, and to the process that shows it."""
    bars: dict[str, Any] = {}

    async def told(progress: Progress) -> None:
        also(progress)
        log.info("%s", progress)
        if progress.percent is not None:
            await _shown(_bar(bars, site, progress.what, float(progress.percent)))

    return told


async def _bar(bars: dict[str, Any], site: str, what: str, percent: float) -> None:
    if what in bars:
        await aupdate_progress_artifact(bars[what], progress=percent)
    else:
        bars[what] = await acreate_progress_artifact(
            progress=percent, key=_key(f"progress-{what}", site), description=f"{what} of {site}"
        )


async def _shown(writing: Awaitable[Any]) -> None:
    try:
        await writing
    except Exception:
        log.warning("an artifact could not be written", exc_info=True)


def _key(what: str, site: str) -> str:
    """Artifact keys are lower-case letters, digits and dashes."""
    return re.sub(r"[^a-z0-9]+", "-", f"{what}-{site}".lower()).strip("-")
