"""People and how they prove who they are: API tokens, and the end of sign-ins.

The ledger holds both, as entries (``token-created``, ``token-revoked``, ``signed-in``, ``signed-out``), so that
who let whom in is audited like everything else, and a token that is revoked anywhere is refused everywhere.
Only hashes are stored: a token is 256 random bits, so one SHA-256 of it cannot be turned back. Names and roles
are the inventory's; what a person may decide is ``retrust.approval``'s; pages and cookies are the console's.
"""

from __future__ import annotations

import asyncio
import hashlib
import re
import secrets
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from retrust.actors import UNKNOWN
from retrust.errors import PermanentError, UsageError
from retrust.ledger.entries import SignedIn, SignedOut, TokenCreated, TokenRevoked
from retrust.models import Frozen
from retrust.secrets.redaction import MASK

if TYPE_CHECKING:
    from retrust.inventory import Inventory
    from retrust.ledger import Entry, Ledger

PREFIX = "retrust"
ADMIN = "admin"
"""The role that makes tokens for others, from anywhere."""
LONGEST = timedelta(days=366)
_FORM = re.compile(rf"{PREFIX}_([0-9a-f]{{8}})_([A-Za-z0-9_-]{{43}})")
_ANYWHERE = re.compile(rf"{PREFIX}_[0-9a-f]{{8}}_[A-Za-z0-9_-]{{20,}}")
_READ = ("token-created", "token-revoked", "signed-out")
_PAGE = 500


class Token(Frozen):
    """What is kept of an API token; ``hash`` is of the whole of it. ``read_only``: it decides nothing."""

    id: str
    person: str
    hash: str
    created_at: datetime
    created_by: str
    expires_at: datetime
    read_only: bool = False
    note: str = ""
    revoked_at: datetime | None = None

    def is_valid(self, now: datetime) -> bool:
        return self.revoked_at is None and now < self.expires_at


def hashed(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


def token_id(text: str) -> str | None:
    """The public part of a token's text; None for anything else."""
    form = _FORM.fullmatch(text)
    return form[1] if form else None


def without_tokens(text: str) -> str:
    """A person's words for the record, with whatever looks like a token masked: one is soon pasted by mistake."""
    return _ANYWHERE.sub(MASK, text)


def roles_of(inventory: Inventory, actor: str) -> tuple[str, ...]:
    """The roles that the inventory gives this person now; none where it does not name them."""
    person = inventory.people.get(actor.removeprefix("person:"))
    return tuple(person.roles) if person else ()


def person_at(inventory: Inventory, issuer: str, subject: str) -> str | None:
    """The person whom this subject of this OpenID provider is; None for everybody else who signs in there."""
    oidc = inventory.console.oidc
    if oidc is None or oidc.issuer != issuer:
        return None
    return next((name for name, person in inventory.people.items() if person.subject == subject), None)


class MayNotMake(PermanentError):
    """The person may not make tokens."""

    exit_code = 3


def right_to_make_tokens(inventory: Inventory, actor: str, account: str | None = None) -> str:
    """By what right somebody makes a token, for the record; raises where they have none.

    ``account`` is given at the ledger's own machine: who may write the ledger there needs no role.
    """
    if ADMIN in roles_of(inventory, actor):
        return f"by {actor.removeprefix('person:')}, with the role {ADMIN}"
    if account is None:
        raise MayNotMake(
            f"a token is made by the role {ADMIN}, or on the ledger's own machine"
            + ("" if actor == UNKNOWN else f"; {actor} does not have this role"),
            hint="set RETRUST_TOKEN to an administrator's token, or add --sign-with KEY",
        )
    who = "an unknown person" if actor == UNKNOWN else actor.removeprefix("person:")
    return f"on the ledger's machine, by {who} with the account {account.removeprefix('person:')}"


async def create_token(
    ledger: Ledger,
    inventory: Inventory,
    person: str,
    *,
    lasts: timedelta,
    actor: str,
    read_only: bool = False,
    note: str = "",
    made: str = "",
) -> tuple[Token, str]:
    """A new token of a person of the inventory, and its text, which is shown once and kept nowhere."""
    if person not in inventory.people:
        raise UsageError(
            f"the inventory names no person {person!r}", hint=f"its people: {', '.join(inventory.people) or 'none'}"
        )
    if not timedelta(0) < lasts <= LONGEST:
        raise UsageError(f"a token lasts at most {LONGEST.days} days")
    id, now = secrets.token_hex(4), datetime.now(UTC)
    text = f"{PREFIX}_{id}_{secrets.token_urlsafe(32)}"
    created = TokenCreated(
        id=id, person=person, hash=hashed(text), expires_at=now + lasts, read_only=read_only, note=note, made=made
    )
    entry = await ledger.append(created, actor=actor)
    return _token(entry, created), text


async def revoke_token(ledger: Ledger, id: str, *, actor: str) -> Token:
    """End a token at once, everywhere. Revoking it again changes nothing."""
    token = next((t for t in await Register(ledger).tokens() if t.id == id), None)
    if token is None:
        raise UsageError(f"no token {id!r}", hint="`retrust token list` lists them")
    if token.revoked_at is None:
        await ledger.append(TokenRevoked(id=id, person=token.person), actor=actor)
    return token


def _token(entry: Entry, created: TokenCreated) -> Token:
    return Token(created_at=entry.at, created_by=entry.actor, **created.model_dump(exclude={"made"}))


class Register:
    """What the ledger says of tokens and of ended sign-ins; each question reads only what is new there."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._tokens: dict[str, Token] = {}
        self._signed_out: set[str] = set()
        self._seen = 0
        self._turn = asyncio.Lock()

    async def tokens(self) -> list[Token]:
        await self._catch_up()
        return sorted(self._tokens.values(), key=lambda t: t.created_at)

    async def token(self, id: str) -> Token | None:
        """A token that counts now."""
        await self._catch_up()
        token = self._tokens.get(id)
        return token if token is not None and token.is_valid(datetime.now(UTC)) else None

    async def known(self, text: str) -> Token | None:
        """The valid token that this is the text of; None for anything else, without a word on why."""
        id = token_id(text)
        token = await self.token(id) if id else None
        return token if token is not None and secrets.compare_digest(token.hash, hashed(text)) else None

    async def sign_in(self, session: str, *, actor: str, by: str) -> None:
        await self._ledger.append(SignedIn(session=hashed(session), by=by), actor=actor)

    async def sign_out(self, session: str, *, actor: str) -> None:
        await self._ledger.append(SignedOut(session=hashed(session)), actor=actor)

    async def is_signed_out(self, session: str) -> bool:
        await self._catch_up()
        return hashed(session) in self._signed_out

    async def _catch_up(self) -> None:
        async with self._turn:
            while entries := await self._ledger.entries(after=self._seen, kinds=_READ, limit=_PAGE):
                for entry in entries:
                    self._learn(entry)
                self._seen = entries[-1].seq

    def _learn(self, entry: Entry) -> None:
        match entry.body:
            case TokenCreated() as created:
                self._tokens[created.id] = _token(entry, created)
            case SignedOut(session=session):
                self._signed_out.add(session)
            case TokenRevoked(id=id) if token := self._tokens.get(id):
                self._tokens[id] = token.model_copy(update={"revoked_at": entry.at})
