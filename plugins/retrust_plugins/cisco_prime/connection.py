"""A pass's connections to a Prime pair: both command lines at once, or none; the pages when they are needed.

Writing happens in exactly two places: ``_delete`` types one command, ``_through_pages`` fills a form. Both
await ``before_send`` first, where the engine checks its lease and writes the ledger.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Literal

from retrust.errors import PermanentError, RetrustError, TemporaryError
from retrust.models import Endpoint, Pin, Relation, Step
from retrust.ssh import ChannelsForbidden, Dialect, LoginAnswer, Transcript
from retrust.ssh import connect as ssh_connect
from retrust.target import Connection, Observed, Services
from retrust_plugins.cisco_prime.access import ha_request, ise_request, page_settings, ssh_access, web_access
from retrust_plugins.cisco_prime.ha_status import ha_from_cli
from retrust_plugins.cisco_prime.listing import read_listing
from retrust_plugins.cisco_prime.modes import classify_mode
from retrust_plugins.cisco_prime.names import DELETE_COMMAND, HA, ise_relation
from retrust_plugins.cisco_prime.operator import Operator

if TYPE_CHECKING:
    from retrust.ssh import Connection as SshConnection
    from retrust.ssh import Shell
    from retrust_plugins.cisco_prime.browser import HaRequest, IseRequest, Pages
    from retrust_plugins.cisco_prime.site import CiscoPrimeSite, PrimeNode

ADE_OS = Dialect(
    prompt=re.compile(r"[\w.-]+/[\w.@\\-]+(\(config[^)]*\))?# ?"),
    nested=re.compile(r".*\(config[^)]*\)# ?"),
    leave="end",
)
LIST = "ncs certvalidation tofu-certs listcerts"
HA_STATUS = "ncs ha status"
NO_PAGING = "terminal length 0"
READ_ONLY = (LIST, HA_STATUS, NO_PAGING)
DELETE_PATTERN = re.compile(r"ncs certvalidation tofu-certs deletecert host [^\s?|;&<>]+( \d+)?")
_MORE_THAN_DELETE = r"\b(?:all|every|restart|reboot|reload|stop|password|discard|overwrite|config\w*|sessions?)\b"
CONFIRM_DELETE = (
    rf"(?is)\A(?!.*{_MORE_THAN_DELETE})(?!.*(?<![\w.:-])(?!{{key}}(?!\w))[\w.:-]+_\d+\b)"
    r".*(?:delete|remove|sure|continue|proceed|confirm)"
)
"""The question of a delete, and of nothing else; where it names a key, that must be the planned one."""
SETTLE_POLL = 1.0
EMPTY_LIST = 10.0
"""Seconds in which a list without header and entry is asked for again, where no delete explains it."""
_UNSAFE = (
    "HA's Configuration Mode is {mode!r}, from which registering is not safe: the secondary may hold the newer database"
)
INVALID = re.compile(r"% ?(invalid|incomplete|unknown)|invalid command|permission|authoriz|denied", re.IGNORECASE)


@asynccontextmanager
async def connect(site: CiscoPrimeSite, services: Services) -> AsyncIterator[PrimeConnection]:
    """Log in to both nodes at once; where one cannot be reached the other is left, and nothing is done."""
    async with AsyncExitStack() as stack:
        ends = await _all_or_none(stack, site, services)
        yield PrimeConnection(site, services, ends, stack)


async def _all_or_none(stack: AsyncExitStack, site: CiscoPrimeSite, services: Services) -> dict[str, SshConnection]:
    opened = await asyncio.gather(
        *(stack.enter_async_context(_login(name, node, site, services)) for name, node in site.nodes()),
        return_exceptions=True,
    )
    failures = [o for o in opened if isinstance(o, BaseException)]
    if failures:
        raise _worst(failures)
    return {
        name: end for (name, _), end in zip(site.nodes(), opened, strict=True) if not isinstance(end, BaseException)
    }


@asynccontextmanager
async def _login(name: str, node: PrimeNode, site: CiscoPrimeSite, services: Services) -> AsyncIterator[SshConnection]:
    """One verified session; its transcript is kept where the run keeps its files, however it ends."""
    transcript = Transcript(services.redactor)
    try:
        async with ssh_connect(
            await ssh_access(name, node, services),
            transcript=transcript,
            timeout=site.timeouts.connect.total_seconds(),
            command_timeout=site.timeouts.command.total_seconds(),
        ) as connection:
            yield connection
    finally:
        if services.transcripts is not None and len(transcript):
            services.transcripts.mkdir(parents=True, exist_ok=True, mode=0o700)
            with (services.transcripts / f"{name}.ssh.txt").open("a", encoding="utf-8") as file:
                file.write(str(transcript))  # appended: a connection that was lost is followed by another


def _once(awaited: Callable[[], Awaitable[None]]) -> Callable[[], Awaitable[None]]:
    """The shell asks again before it confirms; the step is sent only once."""
    asked = False

    async def ask() -> None:
        nonlocal asked
        if not asked:
            asked = True
            await awaited()

    return ask


def _worst(failures: list[BaseException]) -> BaseException:
    """A changed identity outweighs a node that is down: it must be heard."""
    return max(failures, key=lambda f: f.exit_code if isinstance(f, RetrustError) else 0)


def _no_list(node: str, answer: str, unread: Sequence[str]) -> RetrustError:
    """What is not the list, quoted; whether it may pass by itself is seen in its words."""
    quoted = " | ".join(line.strip() for line in unread)[:400]
    if INVALID.search(answer):
        return PermanentError(
            f"{LIST!r} was not answered with the list: {quoted}",
            where=node,
            hint="the login needs the role admin, and Prime Infrastructure 3.5 or later",
        )
    return TemporaryError(
        f"{LIST!r} was not answered with the list alone; not understood: {quoted}",
        where=node,
        hint="nothing is done on half a list: look at the node, then run again",
    )


class PrimeConnection(Connection):
    """Both nodes of a pair, logged in. See ``retrust.target.Connection`` for what each method owes."""

    def __init__(
        self,
        site: CiscoPrimeSite,
        services: Services,
        ends: dict[str, SshConnection],
        stack: AsyncExitStack,
    ) -> None:
        self._site = site
        self._services = services
        self._ends = ends
        self._stack = stack
        self._shells: dict[str, Shell] = {}
        self._opening = {name: asyncio.Lock() for name in ends}
        self._pages: Pages | None = None
        self._since: dict[str, float] = {}
        self._deleted: set[str] = set()  # nodes whose list may be empty until they have met their peers again

    # -- looking ----------------------------------------------------------------------------------

    async def list_pins(self) -> tuple[Pin, ...]:
        listed = await asyncio.gather(*(self._list(name) for name in self._ends))
        return tuple(pin for pins in listed for pin in pins)

    async def _list(self, node: str) -> tuple[Pin, ...]:
        """The node's pins; an answer that is not recognised as the list is an error that quotes it."""
        limit = self._site.timeouts.settle.total_seconds() if node in self._deleted else EMPTY_LIST
        end = time.monotonic() + limit
        while True:
            answer = await self._ask(node, LIST)
            listing = read_listing(answer, node, width=ADE_OS.columns)
            if listing.recognised:
                return listing.pins
            if listing.unread:
                raise _no_list(node, answer, listing.unread)
            if time.monotonic() >= end:
                raise TemporaryError(
                    f"{LIST!r} was answered {answer.strip()!r}, without header and entry, for {limit:g} s",
                    where=node,
                    hint="look at the node, then run again",
                )
            await asyncio.sleep(SETTLE_POLL)

    async def _ask(self, node: str, command: str) -> str:
        shell = await self._shell(node)
        return await shell.run(command)

    async def _shell(self, node: str) -> Shell:
        """The node's one shell: it may allow no second; in a read-only session it sends nothing but questions."""
        async with self._opening[node]:
            shell = self._shells.get(node)
            if shell is None or shell.is_lost:
                end = await self._end(node)
                shell = await self._stack.enter_async_context(
                    end.shell(
                        self._dialect(node),
                        read_only=self._services.read_only,
                        allowed=READ_ONLY if self._services.read_only else (*READ_ONLY, DELETE_PATTERN),
                    )
                )
                self._shells[node] = shell
                await shell.settle(NO_PAGING)
            return shell

    def _dialect(self, node: str) -> Dialect:
        questions = dict(self._site.nodes())[node].ssh.questions
        return replace(ADE_OS, answers=tuple(LoginAnswer(q.pattern, q.answer) for q in questions))

    async def _end(self, node: str) -> SshConnection:
        """The node's connection; where it was lost, a new one, so that what was sent can be observed."""
        if not self._ends[node].is_open:
            self._ends[node] = await self._stack.enter_async_context(
                _login(node, dict(self._site.nodes())[node], self._site, self._services)
            )
        return self._ends[node]

    async def relations(self, *, pages: bool) -> dict[str, Relation | None]:
        names = (HA, *(ise_relation(server.host) for server in self._site.ise))
        return {name: await self._relation(name, pages=pages) for name in names}

    async def _relation(self, name: str, *, pages: bool = True) -> Relation | None:
        """What the pages say, where they may be read and are named; else what the command line can tell."""
        if pages and self._site.primary.web is not None:
            shown = await self._open_pages()
            return await (shown.ha_mode() if name == HA else shown.ise_status(name.removeprefix("ise:")))
        return ha_from_cli(await self._ask("primary", HA_STATUS)) if name == HA else None

    async def tunnel(self, node: str, endpoint: Endpoint) -> tuple[Any, Any]:
        if self._site.trust.tunnels == "never":
            raise ChannelsForbidden("the site says tunnels: never", where=node)
        if node not in self._ends:
            raise ChannelsForbidden("there is no SSH session to this node", where=node)
        end = await self._end(node)
        try:
            return await end.open_tunnel(endpoint.host, endpoint.port)
        except TemporaryError:
            addresses = {server.endpoint: server.address for _, server in self._site.servers()}
            address = addresses.get(endpoint)
            if address is None:
                raise
            self._services.tell(f"{node} does not reach {endpoint} by that name; its address {address} is looked at")
            return await end.open_tunnel(address, endpoint.port)

    async def provoke(self, pin: Pin) -> bool:
        """No command makes a node connect; the nodes and the ISE poll do so by themselves."""
        return False

    # -- where a step stands ----------------------------------------------------------------------

    async def observe(self, step: Step, *, sent: bool) -> Observed:
        match step.kind:
            case "delete-pin":
                return await self._observe_delete(step, sent)
            case "register-ha":
                return await self._observe_ha(step, sent)
            case "add-ise":
                return await self._observe_ise(step, sent)
            case "await-pin":
                return await self._observe_anew(step, sent)
        raise PermanentError(f"no such step here: {step.kind}", where=self._site.name)

    async def _observe_delete(self, step: Step, sent: bool) -> Observed:
        if sent:
            self._deleted.add(step.holder)
        listed = any(pin.key == step.argument for pin in await self._list(step.holder))
        if not listed:
            return Observed("done", "no longer listed")
        if sent:
            return Observed("undecided", "listed again: made anew, or a delete without effect")
        return Observed("needed", "listed")

    async def _observe_ha(self, step: Step, sent: bool) -> Observed:
        relation = await self._relation(HA)
        if relation is None or relation.status is None:
            raise TemporaryError(
                "the HA mode could not be read",
                where="primary",
                hint="give the primary `web:` settings, or look at its health monitor",
            )
        mode, limits = relation.status, self._site.timeouts
        match classify_mode(mode):
            case "healthy":
                return Observed("done", f"Configuration Mode: {mode}")
            case "registerable" if not sent:
                return Observed("needed", f"Configuration Mode: {mode}")
            case "registerable":
                return self._wait(
                    step,
                    limits.settle,
                    f"Configuration Mode: {mode}",
                    f"Configuration Mode is {mode!r} though Register was sent",
                    then="needed",
                )
            case "initializing":
                return self._wait(
                    step,
                    limits.registration,
                    f"Configuration Mode: {mode}",
                    f"HA is still {mode!r} after {limits.registration}",
                )
            case "recovering":
                return self._wait(step, limits.settle, f"Configuration Mode: {mode}", _UNSAFE.format(mode=mode))
            case _:
                return Observed("stop", _UNSAFE.format(mode=mode))

    async def _observe_ise(self, step: Step, sent: bool) -> Observed:
        relation = await self._relation(ise_relation(step.argument))
        if relation is not None and relation.healthy:
            return Observed("done", f"{step.argument} is {relation.status}")
        if relation is None and not sent:
            return Observed("needed", f"{step.argument} is not among the ISE servers")
        limit = self._site.timeouts.settle if sent else self._site.timeouts.ise_poll
        shown = relation.status or relation.detail or "without a status" if relation else "not among the ISE servers"
        status = f"{step.argument} is {shown}"
        return self._wait(
            step, limit, status, f"{status} after {limit}", then="stop" if sent and relation else "needed"
        )

    async def _observe_anew(self, step: Step, sent: bool) -> Observed:
        """Listed anew, and then for a while, in which a line in the log would speak against it."""
        if not sent:
            return Observed("needed", "waits for its next connection")
        listed = any(pin.key == step.argument for pin in await self._list(step.holder))
        limit, quiet = self._site.timeouts.settle, self._site.timeouts.log
        if not listed:
            self._since.pop(f"{step.id} listed", None)
            return self._wait(
                step,
                limit,
                f"{step.argument} is not listed yet",
                f"{step.argument} was not listed again within {limit}: make Prime connect to it",
            )
        since = self._since.setdefault(f"{step.id} listed", time.monotonic())
        if time.monotonic() - since < quiet.total_seconds():
            return Observed("wait", f"{step.argument} is listed anew; its log is watched for {quiet}")
        return Observed("done", f"{step.argument} is listed anew")

    def _wait(
        self, step: Step, limit: timedelta, waiting: str, over: str, then: Literal["stop", "needed"] = "stop"
    ) -> Observed:
        """In motion until ``limit`` after it was first seen so, and ``then`` from there on."""
        since = self._since.setdefault(step.id, time.monotonic())
        if time.monotonic() - since < limit.total_seconds():
            return Observed("wait", waiting)
        del self._since[step.id]
        return Observed(then, over)

    # -- acting -----------------------------------------------------------------------------------

    async def prepare(self, steps: Sequence[Step]) -> None:
        """The forms' secrets are read, the pages are logged in where the browser fills in a form; and where a person
        does, there is a page that shows their work."""
        for step in steps:
            if step.kind in ("register-ha", "add-ise"):
                await self._ask_of(step)
                if step.kind == "add-ise" and self._site.primary.web is None:
                    raise PermanentError(
                        f"nothing would show whether {step.argument} was added: the primary has no `web:` settings",
                        where=self._site.name,
                        hint="add them: the list of ISE servers is only on its web pages",
                    )
                await self._driver(step)

    async def send(self, step: Step, before_send: Callable[[], Awaitable[None]]) -> None:
        if self._services.read_only:
            raise PermanentError(f"{step.kind} needs a writing connection", where=step.holder)
        self._since.pop(step.id, None)
        if step.unpins:
            await self._delete(step, before_send)
        elif step.kind == "await-pin":
            await before_send()  # nothing is sent: Prime connects by itself
        else:
            await self._through_pages(step, before_send)

    async def _delete(self, step: Step, before_send: Callable[[], Awaitable[None]]) -> None:
        command = DELETE_COMMAND.format(key=step.argument)
        shell = await self._shell(step.holder)
        self._deleted.add(step.holder)
        confirm = re.compile(CONFIRM_DELETE.format(key=re.escape(step.argument)))
        await shell.run(command, confirm=confirm, before_send=_once(before_send))

    async def _through_pages(self, step: Step, before_send: Callable[[], Awaitable[None]]) -> None:
        driver, ask = await self._driver(step), await self._ask_of(step)
        fill_in = driver.register_ha if step.kind == "register-ha" else driver.add_ise
        await fill_in(ask, before_send=before_send)

    async def _ask_of(self, step: Step) -> HaRequest | IseRequest:
        """What goes into the form of the step, its secret included."""
        if step.kind == "register-ha":
            return await ha_request(self._site, self._services.secrets)
        return await ise_request(next(s for s in self._site.ise if s.host == step.argument), self._services.secrets)

    async def _driver(self, step: Step) -> Any:
        """Who fills in the form: the browser, or a person whose work is then observed."""
        driver = (
            self._site.ha.driver
            if step.kind == "register-ha"
            else next(s for s in self._site.ise if s.host == step.argument).driver
        )
        if driver == "browser":
            return await self._open_pages()
        relation = HA if step.kind == "register-ha" else ise_relation(step.argument)

        async def observe() -> Relation | None:
            return await self._relation(relation)

        limits = self._site.timeouts
        return Operator(
            tell=self._services.tell,
            observe=observe,
            sends=step.sends,
            expiry=limits.operator.total_seconds(),
            poll=limits.look.total_seconds(),
            progress=self._services.progress,
        )

    async def _open_pages(self) -> Pages:
        """The primary's pages, logged in once a pass."""
        if self._pages is None:
            from retrust_plugins.cisco_prime.browser import open_pages  # imports Playwright

            self._pages = await self._stack.enter_async_context(
                open_pages(
                    await web_access(self._site, self._services),
                    shots=self._services.shots,
                    progress=self._services.progress,
                    redactor=self._services.redactor,
                    settings=page_settings(self._site.timeouts),
                )
            )
        return self._pages

    async def settle(self) -> str | None:
        """Wait until every relation is healthy, or nothing has changed for the site's limit."""
        limit = time.monotonic() + self._site.timeouts.settle.total_seconds()
        while time.monotonic() < limit:
            ill = [
                f"{name} is {relation.status or relation.detail}"
                for name, relation in (await self.relations(pages=True)).items()
                if relation is not None and (relation.healthy is False or (relation.status is None and relation.detail))
            ]
            if not ill:
                return None
            self._services.tell(f"waiting: {'; '.join(ill)}")
            await asyncio.sleep(SETTLE_POLL)
        return "; ".join(ill)
