"""``audit verify`` and ``audit export``: what an auditor types."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from retrust.cli import output
from retrust.cli.options import InventoryOption
from retrust.engine import Engine
from retrust.errors import UsageError


async def verify(
    file: Annotated[Path | None, typer.Argument(metavar="[FILE]", help="A pack; default: the ledger.")] = None,
    public_key: Annotated[Path | None, typer.Option(help="The ledger's key, to be sure whose it is.")] = None,
    inventory: InventoryOption = None,
) -> int:
    """Check the ledger's chain, or an exported pack offline; names the first thing that was changed."""
    from retrust.audit import verify_chain, verify_pack

    if file is not None:
        report = verify_pack(file, _read(public_key) if public_key else None)
        vouched = report.trusted or report.key == _own_key()
        output.show([str(report) if report.trusted or not vouched else f"{report}, but the ledger in this home"])
        if report.ok and not vouched:
            output.say("give the key of the ledger that wrote it: --public-key FILE (there: retrust audit key)")
        return 1 if not report.ok else 0 if vouched else 3
    engine = Engine.start(inventory)
    async with await engine.open_ledger() as ledger:
        chain = await verify_chain(ledger)
    output.show([str(chain)])
    return 0 if chain.ok else 1


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as exc:
        raise UsageError(f"cannot be read: {exc.strerror}", where=str(path)) from exc


def _own_key() -> str | None:
    """The key of the ledger in this home, where there is one."""
    from retrust.home import home_folder
    from retrust.ledger.keys import FILE, LedgerKey

    home = home_folder()
    return LedgerKey.of(home).key_id if (home / FILE).is_file() else None


async def key(inventory: InventoryOption = None) -> None:
    """Print the public key that this ledger began with, for others to pin."""
    from retrust.ledger.entries import KeyJoined
    from retrust.ledger.keys import pem, public_from_hex

    engine = Engine.start(inventory)
    async with await engine.open_ledger() as ledger:
        joined = [e.body for e in await ledger.entries(kinds=("key-joined",)) if isinstance(e.body, KeyJoined)]
    if not joined:
        raise UsageError("the ledger has no key yet", hint="it gets one with its first entry")
    output.say("\n".join(f"{'begun with' if n == 0 else 'joined later'}: {k.key_id}" for n, k in enumerate(joined)))
    output.show(pem(public_from_hex(joined[0].public_key)).decode().splitlines())


async def export(
    case: Annotated[str, typer.Argument(metavar="CASE")],
    to: Annotated[Path | None, typer.Option(help="Where to write it; default: CASE.zip here.")] = None,
    inventory: InventoryOption = None,
) -> None:
    """Write a case's signed evidence pack, which anyone can check offline."""
    from retrust.audit import export_case

    if to is not None and not to.parent.is_dir():
        raise UsageError("there is no such folder", where=str(to.parent))
    engine = Engine.start(inventory)
    async with await engine.open_ledger() as ledger:
        path = await export_case(ledger, case, to or Path(f"{case}.zip"))
    output.say(f"wrote {path}; check it anywhere: retrust audit verify {path}")
