"""One pass's sessions to the holders: their stores, and the servers as the holders see them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import asyncssh

from retrust.errors import PermanentError, Refused, RetrustError, TemporaryError
from retrust.models import Endpoint, Pin, Relation, Step
from retrust.observation import PROBE_TIMEOUT, Eyes
from retrust.ssh import ChannelsForbidden, SshAccess, Transcript
from retrust.ssh.connection import Connection as SshConnection
from retrust.ssh.login import log_in
from retrust.target import Observed, Place, Services
from retrust_plugins.openssh.known_hosts import (
    Entry,
    Listing,
    as_openssh_prints,
    parse,
    pins,
    replace_line,
)
from retrust_plugins.openssh.store import LocalStore, SftpStore, Store

if TYPE_CHECKING:
    from retrust_plugins.openssh.site import Holder, OpenSshSite
    from retrust_plugins.openssh.target import OpenSsh


@asynccontextmanager
async def connect(target: OpenSsh, site: OpenSshSite, services: Services) -> AsyncIterator[OpenSshConnection]:
    """Log in to every holder at once; where one cannot be reached the others are left, and nothing is done."""
    async with AsyncExitStack() as stack:
        opened = await asyncio.gather(
            *(_open(stack, name, holder, services) for name, holder in site.holders.items()),
            return_exceptions=True)
        failures = [o for o in opened if isinstance(o, BaseException)]
        if failures:
            # A changed identity outweighs a node that is down: it must be heard.
            raise max(failures, key=lambda f: f.exit_code if isinstance(f, RetrustError) else 0)
        ends = {name: end for name, end in zip(site.holders, opened, strict=True)
                if not isinstance(end, BaseException)}
        yield OpenSshConnection(target, site, services, ends)


LOGIN_TIMEOUT = 30.0
End = tuple["SshConnection | None", Store]
"""A holder's session, None for this machine, and its store."""


async def _open(stack: AsyncExitStack, name: str, holder: Holder, services: Services) -> End:
    if holder.ssh is None:
        return None, LocalStore(name, holder.path)
    access = await _access(name, holder, services)
    transcript = Transcript(services.redactor)
    stack.callback(_keep, name, transcript, services)
    ssh = await log_in(access, transcript, timeout=LOGIN_TIMEOUT)
    stack.push_async_callback(_close, ssh)
    try:
        sftp = await stack.enter_async_context(await ssh.start_sftp_client())
    except asyncssh.ChannelOpenError as exc:
        raise PermanentError(f"no access to files: {exc.reason}", where=name,
                             hint="the holder's SSH server must offer SFTP") from exc
    except (asyncssh.Error, OSError) as exc:
        raise TemporaryError(f"the SSH connection was lost: {exc}", where=name) from exc
    session = SshConnection(access, ssh, transcript, timeout=LOGIN_TIMEOUT, command_timeout=LOGIN_TIMEOUT)
    return session, SftpStore(name, sftp, holder.path)


def _keep(name: str, transcript: Transcript, services: Services) -> None:
    """The session's transcript, where the run keeps its files, however it ended."""
    if services.transcripts is not None and len(transcript):
        services.transcripts.mkdir(parents=True, exist_ok=True, mode=0o700)
        (services.transcripts / f"{name}.ssh.txt").write_text(str(transcript), encoding="utf-8")


async def _close(ssh: asyncssh.SSHClientConnection) -> None:
    ssh.abort()
    await ssh.wait_closed()


async def _access(name: str, holder: Holder, services: Services) -> SshAccess:
    ssh = holder.ssh
    assert ssh is not None
    get = services.secrets.get
    access = SshAccess(
        node=name, address=ssh.address or holder.host or "", port=ssh.port, username=ssh.username, host=holder.host,
        password=await get(ssh.password) if ssh.password else None, key_file=ssh.key_file,
        passphrase=await get(ssh.key_passphrase) if ssh.key_passphrase else None,
        host_keys=ssh.host_key or (), known_hosts=ssh.known_hosts)
    accepted = services.identities.get((name, "host key"))
    return replace(access, host_keys=accepted, known_hosts=None) if accepted else access


class OpenSshConnection:
    """See ``retrust.target.Connection`` for what each method owes."""

    def __init__(self, target: OpenSsh, site: OpenSshSite, services: Services, ends: dict[str, End]) -> None:
        self._target = target
        self._site = site
        self._services = services
        self._ends = ends
        self._keys: dict[str, dict[str, str]] = {holder: {} for holder in ends}
        self._told: set[tuple[str, tuple[int, ...]]] = set()

    # -- looking ----------------------------------------------------------------------------------

    async def list_pins(self) -> tuple[Pin, ...]:
        listed = await asyncio.gather(*(self._pins(holder) for holder in self._ends))
        return tuple(pin for pins in listed for pin in pins)

    async def _pins(self, holder: str) -> tuple[Pin, ...]:
        return tuple(pins(holder, (await self._list(holder)).entries, self._keys[holder]))

    async def _list(self, holder: str) -> Listing:
        listing = parse(await self._ends[holder][1].read())
        if listing.unread and (holder, listing.unread) not in self._told:
            self._told.add((holder, listing.unread))
            numbers = ", ".join(map(str, listing.unread))
            self._services.tell(f"{holder}: known_hosts lines that cannot be read are left alone: {numbers}")
        return listing

    async def relations(self, *, pages: bool) -> dict[str, Relation | None]:
        """Whether each holder's store accepts the keys that its peers show it; decided as OpenSSH would."""
        found: dict[str, list[tuple[Pin, Place]]] = {}
        for pin in await self.list_pins():
            place = self._target.locate(self._site, pin)
            if place.kind == "endpoint" and place.relation:
                found.setdefault(place.relation, []).append((pin, place))
        judged = await asyncio.gather(*(self._relation(about) for about in found.values()))
        return dict(zip(found, judged, strict=True))

    async def _relation(self, about: list[tuple[Pin, Place]]) -> Relation | None:
        revoked = (await self._list(about[0][0].holder)).revoked
        wanted = {place.prober: place for _, place in about}
        looks = await asyncio.gather(*(self._see(about[0][0].holder, place) for place in wanted.values()))
        pinned = {pin.subject for pin, _ in about}
        shown = [seen for seen in looks if seen is not None]
        for seen in shown:
            if any(entry.fingerprint == seen.fingerprint for entry in revoked):
                return Relation(status="refused", healthy=False,
                                detail=f"the key {as_openssh_prints(seen.fingerprint)} is marked @revoked")
            if seen.subject not in pinned:
                return Relation(status="refused", healthy=False,
                                detail=f"shows {as_openssh_prints(seen.fingerprint)}, which is not pinned")
        return Relation(status="accepted", healthy=True) if shown else None

    async def _see(self, holder: str, place: Place) -> Any:
        """What the holder is shown there, or this machine where the holder's view is not to be had."""
        assert place.endpoint is not None
        eyes = Eyes(self, place.prober)
        try:
            return await eyes.through(holder, place.endpoint)
        except ChannelsForbidden:
            pass
        except Refused:
            raise
        except RetrustError:
            return None
        try:
            return await eyes.from_here(place.endpoint)
        except (TemporaryError, PermanentError):
            return None

    async def tunnel(self, node: str, endpoint: Endpoint) -> tuple[Any, Any]:
        if node not in self._ends:
            raise ChannelsForbidden("there is no SSH session to this node", where=node)
        session = self._ends[node][0]
        if session is None:
            return await _dial(node, endpoint)
        if self._site.trust.tunnels == "never":
            raise ChannelsForbidden("the site says tunnels: never", where=node)
        return await session.open_tunnel(endpoint.host, endpoint.port)

    async def provoke(self, pin: Pin) -> bool:
        """Nothing to provoke: the approved key was written, so no first use is left."""
        return False

    async def settle(self) -> str | None:
        return None

    # -- the one step -----------------------------------------------------------------------------

    async def observe(self, step: Step, *, sent: bool) -> Observed:
        old, new = _lines(step)
        listing = await self._list(step.holder)
        if any(entry.fingerprint == new.fingerprint for entry in listing.revoked):
            return Observed("stop", f"the approved key {as_openssh_prints(new.fingerprint)} is marked @revoked")
        listed = {entry.line for entry in listing.entries}
        if old.line in listed:
            return Observed("needed", f"pins {as_openssh_prints(old.fingerprint)}")
        if new.line in listed:
            return Observed("done", f"pins {as_openssh_prints(new.fingerprint)}")
        return Observed("needed", "neither the old nor the approved line is there")

    async def send(self, step: Step, before_send: Callable[[], Awaitable[None]]) -> None:
        """Replace the old line by the approved one, in one write."""
        if self._services.read_only:
            raise PermanentError(f"{step.kind} needs a writing connection", where=step.holder)
        old, new = _lines(step)
        if step.expected.values() and new.fingerprint not in step.expected.values():
            raise Refused(f"the line to write holds {new.fingerprint}, which was not approved", where=step.holder)
        store = self._ends[step.holder][1]
        before = await store.read()
        after = replace_line(before, old.line, new.line)
        if after == before:
            raise PermanentError("the line to replace is no longer there", where=step.holder,
                                 hint="nothing was written; run again")
        await store.replace(before, after, before_send)
        self._note(step)

    def _note(self, step: Step) -> None:
        session = self._ends[step.holder][0]
        if session is not None:
            session.transcript.add(step.holder, "note", "replaced in known_hosts:\n" + "\n".join(step.sends))


def _lines(step: Step) -> tuple[Entry, Entry]:
    """The line to take out and the line to put in, as they were approved."""
    if step.kind != "delete-pin" or [line[:2] for line in step.sends] != ["- ", "+ "]:
        raise PermanentError(f"no such step here: {step.kind}", where=step.holder)
    return tuple(parse(line[2:].encode()).entries[0] for line in step.sends)  # type: ignore[return-value]


async def _dial(node: str, endpoint: Endpoint) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """This machine is the holder: what it sees needs no channel."""
    try:
        async with asyncio.timeout(PROBE_TIMEOUT):
            return await asyncio.open_connection(endpoint.host, endpoint.port)
    except (OSError, TimeoutError) as exc:
        raise TemporaryError(f"no connection to {endpoint}: {exc or type(exc).__name__}", where=node) from exc
