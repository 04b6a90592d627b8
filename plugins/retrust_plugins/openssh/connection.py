"""One pass's sessions to the holders: their stores, and the servers as the holders see them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import asyncssh

from retrust.errors import PermanentError, Refused, RetrustError, TemporaryError
from retrust.models import Endpoint, Pin, Relation, Step
from retrust.ssh import ChannelsForbidden, SshAccess, Transcript, log_in
from retrust.ssh import Connection as SshConnection
from retrust.target import Connection, Observed, Services
from retrust.trust import PROBE_TIMEOUT, PROBES_AT_ONCE
from retrust_plugins.openssh.known_hosts import REVOKED, HostLine, Listing, as_openssh_prints, parse, pins
from retrust_plugins.openssh.relations import Looker, relation, relation_of
from retrust_plugins.openssh.store import LocalStore, SftpStore, Store, holds, replace_line

if TYPE_CHECKING:
    from retrust_plugins.openssh.site import Holder, OpenSshSite, Peer


@asynccontextmanager
async def connect(
    peer_of: Callable[[Step], Peer], site: OpenSshSite, services: Services
) -> AsyncIterator[OpenSshConnection]:
    """Log in to every holder at once; where one cannot be reached the others are left, and nothing is done."""
    async with AsyncExitStack() as stack:
        opened = await asyncio.gather(
            *(_open(stack, name, holder, services) for name, holder in site.holders.items()), return_exceptions=True
        )
        failures = [o for o in opened if isinstance(o, BaseException)]
        if failures:
            # A changed identity outweighs a node that is down: it must be heard.
            raise max(failures, key=lambda f: f.exit_code if isinstance(f, RetrustError) else 0)
        ends = {name: end for name, end in zip(site.holders, opened, strict=True) if not isinstance(end, BaseException)}
        yield OpenSshConnection(peer_of, site, services, ends)


LOGIN_TIMEOUT = 30.0
LOOKS_AT_ONE = 4
"""A server turns away those who have not logged in, where they are many at once."""
End = tuple["SshConnection | None", tuple[Store, ...]]
"""A holder's session, None for this machine, and its files."""


async def _open(stack: AsyncExitStack, name: str, holder: Holder, services: Services) -> End:
    if holder.ssh is None:
        return None, tuple(LocalStore(name, path) for path in holder.path)
    access = await _access(name, holder, services)
    transcript = Transcript(services.redactor)
    stack.callback(_keep, name, transcript, services)
    ssh = await log_in(access, transcript, timeout=LOGIN_TIMEOUT)
    stack.push_async_callback(_close, ssh)
    try:
        sftp = await stack.enter_async_context(await ssh.start_sftp_client())
    except asyncssh.ChannelOpenError as exc:
        raise PermanentError(
            f"no access to files: {exc.reason}", where=name, hint="the holder's SSH server must offer SFTP"
        ) from exc
    except (asyncssh.Error, OSError) as exc:
        raise TemporaryError(f"the SSH connection was lost: {exc}", where=name) from exc
    session = SshConnection(access, ssh, transcript, timeout=LOGIN_TIMEOUT, command_timeout=LOGIN_TIMEOUT)
    return session, tuple(SftpStore(name, sftp, path) for path in holder.path)


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
        node=name,
        address=ssh.address or holder.host or "",
        port=ssh.port,
        username=ssh.username,
        host=holder.host,
        password=await get(ssh.password) if ssh.password else None,
        key_file=ssh.key_file,
        passphrase=await get(ssh.key_passphrase) if ssh.key_passphrase else None,
        host_keys=ssh.host_key or (),
        known_hosts=ssh.known_hosts,
    )
    accepted = services.identities.get((name, "host key"))
    return replace(access, host_keys=accepted, known_hosts=None) if accepted else access


class OpenSshConnection(Connection):
    """See ``retrust.target.Connection`` for what each method owes."""

    def __init__(
        self, peer_of: Callable[[Step], Peer], site: OpenSshSite, services: Services, ends: dict[str, End]
    ) -> None:
        self._peer_of = peer_of
        self._site = site
        self._services = services
        self._ends = ends
        self._keys: dict[str, dict[str, str]] = {holder: {} for holder in ends}
        self._told: set[tuple[str, str, tuple[int, ...]]] = set()
        self._parsed: dict[str, tuple[tuple[bytes | None, ...], Listing]] = {}

    # -- looking ----------------------------------------------------------------------------------

    async def list_pins(self) -> tuple[Pin, ...]:
        listed = await asyncio.gather(*(self._pins(holder) for holder in self._ends))
        return tuple(pin for pins in listed for pin in pins)

    async def _pins(self, holder: str) -> tuple[Pin, ...]:
        return tuple(pins(holder, (await self._known(holder)).entries, self._keys[holder]))

    async def _known(self, holder: str) -> Listing:
        """The holder's files as they are now; read anew each time, and parsed anew where they changed."""
        stores = self._ends[holder][1]
        contents = tuple([await store.read() for store in stores])
        if all(content is None for content in contents):
            raise PermanentError(
                f"{', '.join(s.path for s in stores)} cannot be read: no such file",
                where=holder,
                hint="name the known_hosts file as the holder's path",
            )
        if holder not in self._parsed or self._parsed[holder][0] != contents:
            lines: list[HostLine] = []
            for store, content in zip(stores, contents, strict=True):
                listing = parse(content or b"")
                self._tell_unread(store, listing.unread)
                lines += listing.lines
            self._parsed[holder] = contents, Listing(tuple(lines))
        return self._parsed[holder][1]

    def _tell_unread(self, store: Store, unread: tuple[int, ...]) -> None:
        if unread and (store.node, store.path, unread) not in self._told:
            self._told.add((store.node, store.path, unread))
            numbers = ", ".join(map(str, unread[:20])) + (" …" if len(unread) > 20 else "")
            self._services.tell(f"{store.node}: lines of {store.path} that cannot be read are left alone: {numbers}")

    async def relations(self, *, pages: bool) -> dict[str, Relation | None]:
        """Whether ssh would connect from each holder to each peer that it has to know, without a question."""
        wanted = [(holder, name) for holder in self._ends for name in self._site.known_by(holder)]
        known = {holder: await self._known(holder) for holder in self._ends}
        slots, turns = asyncio.Semaphore(PROBES_AT_ONCE), {name: asyncio.Semaphore(LOOKS_AT_ONE) for _, name in wanted}

        async def one(holder: str, name: str) -> Relation:
            async with turns[name], slots:
                return await relation_of(known[holder], self._site.peers[name], Looker(self, holder))

        judged = await asyncio.gather(*(one(holder, name) for holder, name in wanted))
        return {relation(holder, name): found for (holder, name), found in zip(wanted, judged, strict=True)}

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
        known = await self._known(step.holder)
        names = self._peer_of(step).names
        if any(line.marker == REVOKED and line.blob == new.blob for name in names for line in known.covering(name)):
            return Observed("stop", f"the approved key {as_openssh_prints(new.fingerprint)} is marked @revoked")
        listed = {line.line for line in known.lines}
        if old.line in listed:
            return Observed("needed", f"pins {as_openssh_prints(old.fingerprint)}")
        if new.line in listed:
            return Observed("done", f"pins {as_openssh_prints(new.fingerprint)}")
        return Observed("needed", "neither the old nor the approved line is there")

    async def prepare(self, steps: Sequence[Step]) -> None:
        for step in steps:
            await self._writable(step)

    async def _writable(self, step: Step) -> list[Store]:
        """The files that hold the line to replace: each may be written, or an error says which may not."""
        old, new = _lines(step)
        stores = [store for store in self._ends[step.holder][1] if await holds(store, old.line, new.line)]
        async with AsyncExitStack() as stack:
            for store in stores:
                await stack.enter_async_context(store.open())
        return stores

    async def send(self, step: Step, before_send: Callable[[], Awaitable[None]]) -> None:
        """Put the approved line in the place of the old one, in each file that has it."""
        if self._services.read_only:
            raise PermanentError(f"{step.kind} needs a writing connection", where=step.holder)
        old, new = _lines(step)
        if step.expected.values() and new.fingerprint not in step.expected.values():
            raise Refused(f"the line to write holds {new.fingerprint}, which was not approved", where=step.holder)
        stores = await self._writable(step)
        if not stores:
            raise PermanentError(
                "the line to replace is no longer there", where=step.holder, hint="nothing was written; run again"
            )
        for store in stores:
            await replace_line(store, old.line, new.line, before_send)
        self._note(step)

    def _note(self, step: Step) -> None:
        session = self._ends[step.holder][0]
        if session is not None:
            session.transcript.add(step.holder, "note", "replaced in known_hosts:\n" + "\n".join(step.sends))


def _lines(step: Step) -> tuple[HostLine, HostLine]:
    """The line to take out and the line to put in, as they were approved."""
    if not step.unpins or [line[:2] for line in step.sends] != ["- ", "+ "]:
        raise PermanentError(f"no such step here: {step.kind}", where=step.holder)
    return tuple(parse(line[2:].encode()).lines[0] for line in step.sends)  # type: ignore[return-value]


async def _dial(node: str, endpoint: Endpoint) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """This machine is the holder: what it sees needs no channel."""
    try:
        async with asyncio.timeout(PROBE_TIMEOUT):
            return await asyncio.open_connection(endpoint.host, endpoint.port)
    except (OSError, TimeoutError) as exc:
        raise TemporaryError(f"no connection to {endpoint}: {exc or type(exc).__name__}", where=node) from exc
