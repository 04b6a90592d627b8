"""``accept``: a person trusts a node's new host key or web certificate."""

from __future__ import annotations

from typing import Annotated

import typer

from retrust.approval.acceptance import accept as accept_identity
from retrust.cli import output
from retrust.cli.options import InventoryOption, SiteArgument
from retrust.cli.showing import SignOption, person
from retrust.cli.started import start
from retrust.errors import UsageError

KINDS = ("host key", "web certificate")


async def accept(
    site: SiteArgument,
    node: Annotated[str, typer.Argument(metavar="NODE", help="The node, as the inventory names it.")],
    kind: Annotated[str, typer.Option(metavar="KIND", help="What changed: 'host key' or 'web certificate'.")],
    fingerprint: Annotated[str, typer.Option(help="The new one, whole, as you compared it out of band.")],
    reason: Annotated[str, typer.Option(help="Why; it is kept with your name.")],
    sign_with: SignOption = None,
    inventory: InventoryOption = None,
) -> int:
    """Trust a node's new host key or web certificate, which you compared out of band."""
    if kind not in KINDS:
        raise UsageError(f"--kind must be 'host key' or 'web certificate', and is {kind!r}")
    engine = start(inventory)
    async with await engine.open_ledger() as ledger:
        missing = await accept_identity(
            engine,
            ledger,
            engine.site(site),
            node=node,
            kind=kind,
            fingerprint=fingerprint,
            reason=reason,
            actor=await person(engine, ledger, sign_with),
        )
    if missing:
        output.say(f"kept; {missing} more must accept the {kind} of {node}")
        return 3
    output.say(f"the {kind} of {node} is {fingerprint} from now on; go on: retrust run {site}")
    return 0
