"""``accept``: a person takes a node's changed host key or web certificate for its own."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from retrust.approval.acceptance import accept as accept_identity
from retrust.cli import output
from retrust.cli.options import InventoryOption, SiteArgument
from retrust.cli.showing import SignOption, person
from retrust.cli.started import start


class Kind(StrEnum):
    HOST_KEY = "host key"
    WEB_CERTIFICATE = "web certificate"


async def accept(
    site: SiteArgument,
    node: Annotated[str, typer.Argument(metavar="NODE", help="The node, as the inventory names it.")],
    kind: Annotated[Kind, typer.Option(help="What changed.")],
    fingerprint: Annotated[str, typer.Option(help="The new one, whole, as you compared it out of band.")],
    reason: Annotated[str, typer.Option(help="Why; it is kept with your name.")],
    sign_with: SignOption = None,
    inventory: InventoryOption = None,
) -> int:
    """Take a node's changed host key or web certificate for its own, compared out of band."""
    engine = start(inventory)
    async with await engine.open_ledger() as ledger:
        missing = await accept_identity(
            engine,
            ledger,
            engine.site(site),
            node=node,
            kind=kind.value,
            fingerprint=fingerprint,
            reason=reason,
            actor=await person(engine, ledger, sign_with),
        )
    if missing:
        output.say(f"kept; {missing} more must accept the {kind.value} of {node}")
        return 3
    output.say(f"the {kind.value} of {node} is {fingerprint} from now on; go on: retrust run {site}")
    return 0
