"""How the person at a terminal shows who they are: by a token in ``RETRUST_TOKEN``, or by a signature of their SSH key.

Where the inventory names people, nothing else makes anybody one of them. Where it names none, there is nobody to
be: the account's name is kept as a label.
"""

from __future__ import annotations

import os
import sys
from getpass import getpass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from retrust import approval
from retrust.actors import UNKNOWN, account
from retrust.approval import signing
from retrust.approval.tokens import Register
from retrust.errors import PermanentError

if TYPE_CHECKING:
    from retrust.engine.engine import Engine
    from retrust.ledger import Ledger
    from retrust.models import Level

TOKEN = "RETRUST_TOKEN"  # noqa: S105 - the variable's name
AGENT = "agent"
HOW = f"set {TOKEN} to your token, or add --sign-with KEY"

SignOption = Annotated[
    str | None,
    typer.Option(
        "--sign-with",
        metavar="KEY",
        show_default=False,
        help="Your SSH key: its file, its .pub for one that the agent holds, or `agent` for the agent's first.",
    ),
]


class NotShown(PermanentError):
    """Nobody was shown to be here, or somebody who may only read."""

    exit_code = 3


async def somebody(engine: Engine, ledger: Ledger, key: str | None = None) -> str:
    """Who acts, for what anybody may do: unknown where people are named and nobody was shown."""
    by_key = await _by_key(engine, key)
    by_token, _ = await _by_token(engine, ledger)
    return _one(by_token, by_key) or (UNKNOWN if engine.inventory.people else account())


async def writer(engine: Engine, ledger: Ledger, key: str | None = None) -> str:
    """Who acts, for what a token that only reads does not show anybody for."""
    if key is None and (await _by_token(engine, ledger))[1]:
        raise NotShown("this token only reads", where=TOKEN, hint="use one that was made without --read-only")
    return await somebody(engine, ledger, key)


async def person(engine: Engine, ledger: Ledger, key: str | None = None) -> str:
    """Who decides."""
    return await _deciding(engine, ledger, await _by_key(engine, key))


async def signing_person(engine: Engine, ledger: Ledger, key: str, text: str) -> tuple[str, str]:
    """Who decides, and their signature of the text, which shows them at once."""
    signature = await signed(text, key)
    by_key = _signer(engine, signature, text) if engine.inventory.people else None
    return await _deciding(engine, ledger, by_key), signature


async def signed(text: str, key: str) -> str:
    return await approval.sign(text, None if key == AGENT else Path(key), getpass if sys.stdin.isatty() else None)


async def _deciding(engine: Engine, ledger: Ledger, by_key: str | None) -> str:
    by_token, reads = await _by_token(engine, ledger)
    shown = _one(by_token, by_key)
    if shown is not None and reads and by_key is None:
        raise NotShown("this token only reads", where=TOKEN, hint="use one that was made without --read-only")
    if shown is None and engine.inventory.people:
        raise NotShown(
            "you are not identified: this inventory names people, and the name of an account is not enough", hint=HOW
        )
    return shown or account()


async def _by_token(engine: Engine, ledger: Ledger) -> tuple[str | None, bool]:
    """Whose token the environment holds, and whether it only reads; a wrong one is never passed over."""
    text = os.environ.get(TOKEN, "").strip()
    if not text or not engine.inventory.people:
        return None, False
    token = await Register(ledger).known(text)
    if token is None or token.person not in engine.inventory.people:
        raise NotShown("this token is not valid", where=TOKEN, hint="`retrust token list` says which are")
    return f"person:{token.person}", token.read_only


async def _by_key(engine: Engine, key: str | None) -> str | None:
    if key is None or not engine.inventory.people:
        return None
    text = signing.challenge()
    return _signer(engine, await signed(text, key), text)


def _signer(engine: Engine, signature: str, text: str) -> str:
    name = signing.signer(signature, text, engine.inventory)
    if name is None:
        raise NotShown(
            "this key is not one person's of the inventory",
            where="--sign-with",
            hint="people.NAME.ssh_keys holds a person's public keys",
        )
    return f"person:{name}"


def _one(by_token: str | None, by_key: str | None) -> str | None:
    if by_token and by_key and by_token != by_key:
        raise NotShown(
            f"the token shows {by_token.removeprefix('person:')}, the key shows {by_key.removeprefix('person:')}",
            hint=f"unset {TOKEN}, or sign with your own key",
        )
    return by_key or by_token


def level_of(actor: str) -> Level:
    """What somebody at a terminal hands in: nobody known, no more than a hint."""
    return "hint" if actor == UNKNOWN else "authenticated"
