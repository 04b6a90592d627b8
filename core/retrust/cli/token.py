"""``token create | list | revoke``: API tokens of people, for the console, the API and ``--server``."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer

from retrust.actors import account
from retrust.approval.tokens import Register, Token, create_token, revoke_token, right_to_make_tokens
from retrust.cli import output
from retrust.cli.options import InventoryOption, JsonOption, ServerOption
from retrust.cli.remote import connect
from retrust.cli.showing import SignOption, writer
from retrust.cli.started import start


async def create(
    person: Annotated[str, typer.Argument(metavar="PERSON", help="A person of the inventory.")],
    days: Annotated[int, typer.Option(min=1, max=366, help="How long it is valid.")] = 90,
    read_only: Annotated[bool, typer.Option("--read-only", help="It reads, and decides nothing.")] = False,
    note: Annotated[str, typer.Option(help="What it is for.")] = "",
    sign_with: SignOption = None,
    server: ServerOption = None,
    inventory: InventoryOption = None,
) -> None:
    """Create a token and print it, once: only its hash is kept."""
    if server is not None:
        async with connect(server) as there:
            made_there = await there.make_token({"person": person, "days": days, "read_only": read_only, "note": note})
        _show(made_there["id"], person, made_there["expires_at"], made_there["token"])
        return
    engine = start(inventory)
    async with await engine.open_ledger() as ledger:
        by = await writer(engine, ledger, sign_with)
        made = right_to_make_tokens(engine.inventory, by, account() if engine.at_the_ledger else None)
        token, text = await create_token(
            ledger,
            engine.inventory,
            person,
            lasts=timedelta(days=days),
            actor=by,
            read_only=read_only,
            note=note,
            made=made,
        )
    _show(token.id, person, token.expires_at.isoformat(), text)
    if not any("waiting" in receiver.on for receiver in engine.inventory.notifications):
        output.say("warning: no approver is told of it: name a receiver of `waiting` under notifications")


def _show(id: str, person: str, until: str, text: str) -> None:
    output.say(f"token {id} of {person}, valid until {until[:10]}; it is not shown again:")
    output.show([text])


async def list_tokens(json: JsonOption = False, inventory: InventoryOption = None) -> None:
    """List tokens, the oldest first."""
    engine = start(inventory)
    async with await engine.open_ledger() as ledger:
        tokens = await Register(ledger).tokens()
    if json:
        output.print_json([token.model_dump(mode="json", exclude={"hash"}) for token in tokens])
        return
    if not tokens:
        output.say("no token yet")
        return
    output.show(
        output.table(
            ("TOKEN", "PERSON", "STANDING", "MAY", "NOTE"),
            [(t.id, t.person, _standing(t), "read" if t.read_only else "decide", t.note) for t in tokens],
        )
    )


def _standing(token: Token) -> str:
    if token.revoked_at is not None:
        return f"revoked {token.revoked_at:%Y-%m-%d}"
    word = "until" if token.is_valid(datetime.now(UTC)) else "expired"
    return f"{word} {token.expires_at:%Y-%m-%d}"


async def revoke(
    token: Annotated[str, typer.Argument(metavar="TOKEN", help="Its id, as `retrust token list` prints it.")],
    inventory: InventoryOption = None,
) -> None:
    """Revoke a token: it is refused from now on, and so is whoever signed in with it."""
    engine = start(inventory)
    async with await engine.open_ledger() as ledger:
        revoked = await revoke_token(ledger, token, actor=await writer(engine, ledger))
    output.say(f"token {revoked.id} of {revoked.person} is revoked")
