"""``audit verify`` and ``audit export``: what an auditor types."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from retrust.cli import output
from retrust.cli.options import InventoryOption
from retrust.engine import Engine


async def verify(
    file: Annotated[Path | None, typer.Argument(metavar="[FILE]", help="A pack; default: the ledger.")] = None,
    public_key: Annotated[Path | None, typer.Option(help="The ledger's key, to be sure whose it is.")] = None,
    inventory: InventoryOption = None,
) -> int:
    """Check the ledger's chain, or an exported pack offline; names the first thing that was changed."""
    from retrust.audit import verify_chain, verify_pack

    if file is not None:
        report = verify_pack(file, public_key.read_bytes() if public_key else None)
        output.show([str(report)])
        return 0 if report.ok else 1
    engine = Engine.start(inventory)
    async with await engine.open_ledger() as ledger:
        chain = await verify_chain(ledger)
    output.show([str(chain)])
    return 0 if chain.ok else 1


async def export(
    case: Annotated[str, typer.Argument(metavar="CASE")],
    to: Annotated[Path | None, typer.Option(help="Where to write it; default: CASE.zip here.")] = None,
    inventory: InventoryOption = None,
) -> None:
    """Write a case's signed evidence pack, which anyone can check offline."""
    from retrust.audit import export_case

    engine = Engine.start(inventory)
    async with await engine.open_ledger() as ledger:
        path = await export_case(ledger, case, to or Path(f"{case}.zip"))
    output.say(f"wrote {path}; check it anywhere: retrust audit verify {path}")
