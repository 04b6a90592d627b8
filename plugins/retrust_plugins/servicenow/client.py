"""ServiceNow's table and attachment APIs, as far as a change request needs them.

The one place where HTTP's errors become ours: ``TemporaryError`` for what may be better later,
``PermanentError`` for what a person must mend. No error holds a credential. No connection outlives a block.
"""

from __future__ import annotations

import hashlib
import os
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any

from retrust.errors import PermanentError, TemporaryError
from retrust.secrets import Secrets
from retrust_plugins.servicenow.settings import TicketSettings

if TYPE_CHECKING:
    import httpx  # every command loads the gates, and few ask one

TIMEOUT = 8.0
LONGEST_WAIT = timedelta(hours=1)


class Busy(TemporaryError):
    """The instance asks to be left alone for some time."""

    def __init__(self, where: str, wait: timedelta) -> None:
        super().__init__(f"too many requests; it asks to wait {wait.total_seconds():g} s", where=where)
        self.wait = wait


class Credentials(PermanentError):
    """The instance refused who we are."""


@dataclass(frozen=True)
class ChangeRequest:
    sys_id: str
    number: str
    state: str
    approval: str
    on_hold: str = ""
    start: str = ""
    end: str = ""
    creator: str = ""
    short_description: str = ""
    description: str = ""


class Refusals:
    """Credentials that were refused, as salted hashes: none is tried twice, since that locks accounts."""

    def __init__(self) -> None:
        self._salt = os.urandom(16)
        self._seen: set[bytes] = set()

    def add(self, url: str, credential: str) -> None:
        self._seen.add(self._hash(url, credential))

    def __contains__(self, item: tuple[str, str]) -> bool:
        return self._hash(*item) in self._seen

    def _hash(self, url: str, credential: str) -> bytes:
        return hashlib.sha256(self._salt + f"{url}\0{credential}".encode()).digest()


class Instance:
    """One instance, for the length of a block; made by ``reach``."""

    def __init__(self, http: httpx.AsyncClient, settings: TicketSettings, credential: str, refusals: Refusals) -> None:
        self._http = http
        self._settings = settings
        self._credential = credential
        self._refusals = refusals

    async def find(
        self, correlation_id: str, ours: Callable[[ChangeRequest], bool] = lambda _: True
    ) -> ChangeRequest | None:
        """The oldest change request of that correlation that is ours, so that two made at once end in one."""
        names = ("sys_id", "number", "state", "approval", "short_description", "description", *self._named().values())
        found = await self._send(
            "GET",
            self._table(),
            params={
                "sysparm_query": f"correlation_id={correlation_id}^ORDERBYsys_created_on",
                "sysparm_limit": "20",
                "sysparm_fields": ",".join(dict.fromkeys(names)),
                "sysparm_display_value": "false",
            },
        )
        if not isinstance(found, list):
            raise self._odd("a result that is no list")
        return next((request for record in found if ours(request := self._read(record))), None)

    def _named(self) -> dict[str, str]:
        """Our names of the fields that customers call otherwise."""
        s = self._settings
        return {"on_hold": s.on_hold, "start": s.start, "end": s.end, "creator": s.creator}

    async def create(self, fields: dict[str, str]) -> ChangeRequest:
        return self._read(await self._send("POST", self._table(), json=fields))

    async def note(self, request: ChangeRequest, text: str) -> None:
        await self._send("PATCH", f"{self._table()}/{request.sys_id}", json={"work_notes": text})

    async def has_attachment(self, request: ChangeRequest, name: str) -> bool:
        query = f"table_name={self._settings.table}^table_sys_id={request.sys_id}^file_name={name}"
        return bool(await self._send("GET", "/api/now/attachment", params={"sysparm_query": query}))

    async def attach(self, request: ChangeRequest, name: str, content: bytes) -> None:
        await self._send(
            "POST",
            "/api/now/attachment/file",
            content=content,
            headers={"Content-Type": "application/zip"},
            params={"table_name": self._settings.table, "table_sys_id": request.sys_id, "file_name": name},
        )

    def _table(self) -> str:
        return f"/api/now/table/{self._settings.table}"

    def _read(self, record: Any) -> ChangeRequest:
        names = ("sys_id", "number", "state", "approval")
        if not isinstance(record, dict) or not all(isinstance(record.get(name), str) for name in names):
            raise self._odd("a record without sys_id, number, state and approval")
        if not record["sys_id"].isalnum():
            raise self._odd("a record whose sys_id is none")
        more = {"short_description": "short_description", "description": "description", **self._named()}
        return ChangeRequest(
            **{name: record[name] for name in names},
            **{ours: str(record.get(theirs) or "") for ours, theirs in more.items()},
        )

    async def _send(self, method: str, path: str, **more: Any) -> Any:
        import httpx  # every command loads the gates, and few ask one

        if (self._settings.url, self._credential) in self._refusals:
            raise self._refused()
        try:
            answer = await self._http.request(method, path, **more)
        except httpx.TimeoutException:
            raise TemporaryError(f"no answer within {TIMEOUT:g} s", where=self._settings.url) from None
        except httpx.HTTPError as exc:
            raise TemporaryError(f"not reached: {exc or type(exc).__name__}", where=self._settings.url) from exc
        return self._understood(answer)

    def _understood(self, answer: httpx.Response) -> Any:
        where, status = self._settings.url, answer.status_code
        if status == 401:
            self._refusals.add(where, self._credential)
            raise self._refused()
        if status == 403:
            raise PermanentError("this user may not do that (403)", where=where, hint="look at the user's roles")
        if status == 429:
            raise Busy(where, _wait(answer.headers.get("Retry-After")))
        if status >= 500:
            raise TemporaryError(f"the instance failed ({status})", where=where)
        if status not in (200, 201):
            raise PermanentError(f"an answer that was not expected ({status})", where=where)
        try:
            return answer.json()["result"]
        except (ValueError, KeyError, TypeError):
            raise self._odd("no JSON with a result; is the instance hibernating?") from None

    def _refused(self) -> Credentials:
        named = self._settings.password or self._settings.token
        return Credentials(
            f"the credentials were refused (401); {named} is not tried again until it changes", where=self._settings.url
        )

    def _odd(self, what: str) -> TemporaryError:
        return TemporaryError(f"the answer holds {what}", where=self._settings.url)


@asynccontextmanager
async def reach(settings: TicketSettings, secrets: Secrets, refusals: Refusals) -> AsyncIterator[Instance]:
    """An instance to talk to; credentials are read now, and nothing is sent yet."""
    ref = settings.password or settings.token
    assert ref is not None, "the settings have one of them"
    import httpx  # where it is used: every command loads the gates, and few ask one

    credential = (await secrets.get(ref)).get_secret_value()
    auth = httpx.BasicAuth(settings.username, credential) if settings.username else None
    headers = {"Accept": "application/json"} | ({} if auth else {"Authorization": f"Bearer {credential}"})
    verify: ssl.SSLContext | bool = ssl.create_default_context(cafile=settings.ca) if settings.ca else True
    async with httpx.AsyncClient(
        base_url=settings.url, auth=auth, headers=headers, timeout=TIMEOUT, verify=verify, trust_env=True
    ) as http:
        yield Instance(http, settings, credential, refusals)


def _wait(retry_after: str | None) -> timedelta:
    """Seconds or a date, as HTTP has it; a minute where neither is given, an hour at most."""
    wait = timedelta(minutes=1)
    if retry_after is not None and retry_after.strip().isdecimal():
        wait = timedelta(seconds=min(int(retry_after), 10**6))
    elif retry_after is not None:
        with suppress(ValueError, TypeError):
            wait = parsedate_to_datetime(retry_after) - datetime.now(UTC)
    return min(max(wait, timedelta(seconds=1)), LONGEST_WAIT)
