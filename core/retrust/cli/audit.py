"""``audit``: what an auditor types, and who lets a key into the chain."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from retrust.actors import account
from retrust.audit import export_case, verify_chain, verify_pack
from retrust.cli import output
from retrust.cli.options import InventoryOption
from retrust.cli.started import start
from retrust.engine.home import home_folder
from retrust.errors import UsageError
from retrust.ledger.entries import KeyJoined
from retrust.ledger.keys import LedgerKey, key_id, pem, public_from_hex, public_from_pem, raw
from retrust.ledger.notes import notes_in

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    from retrust.ledger.notes import Note


async def verify(
    file: Annotated[Path | None, typer.Argument(metavar="[FILE]", help="A pack; default: the ledger.")] = None,
    public_key: Annotated[
        str | None,
        typer.Option(
            metavar="FILE_OR_KEY",
            help=("The key that the ledger began with, to be sure whose it is: `audit key` prints both forms."),
        ),
    ] = None,
    checkpoint: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="FILE",
            help=("Signed notes that a witness kept, held against the chain; may be given several times."),
        ),
    ] = None,
    inventory: InventoryOption = None,
) -> int:
    """Check the ledger's chain, or an exported pack offline; names the first thing that was changed."""
    wanted = _key_id(public_key) if public_key is not None else None
    if file is not None:
        if checkpoint:
            raise UsageError("signed notes are of a ledger, and this is a pack", hint="leave out --checkpoint, or FILE")
        report = verify_pack(file, wanted)
        ours = report.ok and not report.trusted and report.key == _own_key()
        output.show([f"{report}; only the ledger in this home vouches for it" if ours else str(report)])
        if report.ok and not (report.trusted or ours):
            output.say("give the key of the ledger that wrote it: --public-key FILE (there: retrust audit key)")
            return 3
        return 0 if report.ok else 1
    engine = start(inventory)
    if not engine.ledger_exists:
        raise UsageError("there is no ledger here", where=str(engine.home), hint="name its folder as RETRUST_HOME")
    async with await engine.open_ledger() as ledger:
        chain = await verify_chain(ledger, first_key=wanted, notes=_notes(checkpoint or []))
    output.show([str(chain)])
    return 0 if chain.ok else 1


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as exc:
        raise UsageError(f"cannot be read: {exc.strerror}", where=str(path)) from exc


def _key_id(text: str) -> str:
    """Of a key's id, or of a file with a public key."""
    return text if text.startswith("SHA256:") else key_id(_public(Path(text)))


def _public(path: Path) -> Ed25519PublicKey:
    try:
        return public_from_pem(_read(path))
    except ValueError as exc:
        raise UsageError("this is no Ed25519 public key in PEM", where=str(path)) from exc


def _notes(files: list[Path]) -> list[Note]:
    notes: list[Note] = []
    for path in files:
        found = notes_in(_read(path))
        if not found:
            raise UsageError(
                "this file holds no signed note of a ledger",
                where=str(path),
                hint="give the file that the inventory names as ledger.witness, or a copy of it",
            )
        notes += found
    return notes


def _own_key() -> str | None:
    """The key of the ledger in this home, where there is one."""
    own = LedgerKey.existing(home_folder())
    return own.key_id if own is not None else None


async def key(inventory: InventoryOption = None) -> None:
    """Print the public key that this ledger began with, for others to pin."""
    engine = start(inventory)
    async with await engine.open_ledger() as ledger:
        joined = [e.body for e in await ledger.entries(kinds=("key-joined",)) if isinstance(e.body, KeyJoined)]
    if not joined:
        raise UsageError("the ledger has no key yet", hint="it gets one with its first entry")
    ids = dict.fromkeys(body.key_id for body in joined)
    output.say("\n".join(f"{'joined later' if n else 'begun with'}: {name}" for n, name in enumerate(ids)))
    output.show(pem(public_from_hex(joined[0].public_key)).decode().splitlines())


async def join(
    key: Annotated[str, typer.Argument(metavar="KEY", help="The other home's public key: 64 hex digits, or a file.")],
    inventory: InventoryOption = None,
) -> None:
    """Let another home's key sign the chain, by this home's signature: for a worker with a key of its own."""
    is_hex = len(key) == 64 and not set(key.lower()) - set("0123456789abcdef")
    public = public_from_hex(key) if is_hex else _public(Path(key))
    engine = start(inventory)
    async with await engine.open_ledger() as ledger:
        joined = await ledger.join(raw(public).hex(), actor=account())
    output.say(f"{key_id(public)} {'may sign this chain from now on' if joined else 'was a key of this chain already'}")


async def export(
    case: Annotated[str, typer.Argument(metavar="CASE")],
    to: Annotated[Path | None, typer.Option(help="Where to write it; default: CASE.zip here.")] = None,
    inventory: InventoryOption = None,
) -> None:
    """Write a case's signed evidence pack, which anyone can check offline."""
    if to is not None and not to.parent.is_dir():
        raise UsageError("there is no such folder", where=str(to.parent))
    engine = start(inventory)
    async with await engine.open_ledger() as ledger:
        path = await export_case(ledger, case, to or Path(f"{case}.zip"))
    output.say(f"wrote {path}; check it anywhere: retrust audit verify {path}")
