"""Every setting of a Prime site does what it says: a table of field → what is seen when it is set.

A field without a row fails. What another test shows is named there, and must be there.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from copy import deepcopy
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, get_args

import asyncssh
import pytest
import yaml
from pydantic import BaseModel

from kit.campus import campus
from kit.hellos import hello_of_java
from retrust.errors import InventoryError, PersonNeeded, RetrustError
from retrust.inventory import Clocks, load_inventory
from retrust.models import Evidence, Finding, Grade, Pin, Presented, Relation, Snapshot, Step, Verdict
from retrust.runs.plan import make_plan
from retrust.runs.steps import StepRunner
from retrust.secrets.redaction import Redactor
from retrust.secrets.stores import Secrets
from retrust.ssh import ChannelsForbidden, PasswordRefused, SlowAnswer, UnexpectedQuestion
from retrust.target import Services
from retrust.testing import FakeHost, Reply
from retrust.testing.plans import NOW, a_decision, a_question, an_inventory
from retrust.trust.looks import Looks
from retrust.trust.observation import Known, probe_places, take_snapshot
from retrust.x509.hello import Hello
from retrust_plugins.cisco_prime.access import ha_request, ise_request, page_settings, web_access
from retrust_plugins.cisco_prime.connection import HA_STATUS, LIST
from retrust_plugins.cisco_prime.site import CiscoPrimeSite
from retrust_plugins.cisco_prime.target import CiscoPrime
from retrust_plugins.evidence.certificate import Issued
from retrust_plugins.lab import Lab, LabSettings
from retrust_plugins.people.gate import People

TARGET, TESTS = CiscoPrime(), Path(__file__).parents[2]
PRI, SEC, ISE, KONG = "10.0.0.11", "10.0.0.12", "10.0.0.21", "10.0.0.31"
OTHER = {"primary": "secondary", "secondary": "primary"}
PASSWORD = "Pa55-word!"


def listing(*keys: str) -> str:
    return "".join(f"host={key}; subject= /CN=x\n" for key in keys)


@dataclass
class Rig:
    """Two fake nodes, an inventory of them, and a connection over it with changes."""

    folder: Path
    hosts: dict[str, FakeHost] = field(default_factory=dict)
    told: list[str] = field(default_factory=list)

    def site(self, **changes: Any) -> CiscoPrimeSite:
        """The site with these keys changed; ``__`` stands for a dot."""
        document = deepcopy(self.base())
        for dotted, value in changes.items():
            *above, last = dotted.split("__")
            part: Any = document
            for key in above:
                part = part[int(key)] if isinstance(part, list) else part.setdefault(key, {})
            part[last] = value
            if value is None:
                del part[last]
        path = self.folder / "retrust.yaml"
        path.write_text(yaml.safe_dump({"sites": {"campus": document}}), encoding="utf-8")
        site = load_inventory(path, {"cisco-prime": TARGET.site_model}).sites["campus"]
        assert isinstance(site, CiscoPrimeSite)
        return site

    def base(self) -> dict[str, Any]:
        def node(name: str, host: str) -> dict[str, Any]:
            fake = self.hosts[name]
            return {
                "host": host,
                "address": "127.0.0.1",
                "ssh": {
                    "port": fake.port,
                    "username": "admin",
                    "password": "env:PI",
                    "host_key": list(fake.fingerprints),
                },
            }

        return {
            "target": "cisco-prime",
            "primary": node("primary", PRI),
            "secondary": node("secondary", SEC),
            "ha": {"authentication_key": "env:HA", "email": ["a@example.com"], "driver": "operator"},
            "ise": [{"host": ISE, "username": "admin", "password": "env:ISE", "driver": "operator"}],
            "dna_center": [{"host": KONG}],
        }

    def services(self, **more: Any) -> Services:
        redactor = Redactor()
        return Services(secrets=Secrets({}, redactor), redactor=redactor, tell=self.told.append, **more)

    @asynccontextmanager
    async def connected(self, _writing: bool = False, **changes: Any) -> AsyncIterator[Any]:
        site = self.site(**changes)
        async with TARGET.connect(site, self.services(read_only=not _writing)) as connection:
            yield connection

    async def looks(self, **changes: Any) -> tuple[Pin, ...]:
        async with self.connected(**changes) as connection:
            pins: tuple[Pin, ...] = await connection.list_pins()
            return pins


@pytest.fixture
async def rig(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Rig]:
    for name, value in {
        "PI": PASSWORD,
        "HA": "Ha-key-1",
        "ISE": "Ise-word-1",
        "WEB": "Web-word-1",
        "KEY": "Key-word-1",
    }.items():
        monkeypatch.setenv(name, value)
    replies = {LIST: listing("10.0.0.12_8082"), HA_STATUS: "[Role] Primary [State] HA Not Configured\n"}
    async with FakeHost(replies=dict(replies)) as primary, FakeHost(replies=dict(replies)) as secondary:
        yield Rig(tmp_path, {"primary": primary, "secondary": secondary})


Row = Callable[[Rig], Awaitable[None]]


def pin(holder: str, key: str) -> Pin:
    return Pin(holder=holder, key=key, subject="/CN=x", line=f"host={key}; subject= /CN=x")


def planned(site: CiscoPrimeSite, *keys: str, ha: str = "HA Not Configured") -> tuple[Step, ...]:
    """The steps for stale pins of the primary."""
    now = datetime(2026, 3, 1, tzinfo=UTC)
    seen = Presented(
        fingerprint="SHA256:n", key_fingerprint="SHA256:k", subject="CN=x", issuer="CN=x", not_before=now, not_after=now
    )
    findings = []
    for key in keys:
        place = TARGET.locate(site, pin("primary", key))
        findings.append(
            Finding(
                pin=pin("primary", key),
                endpoint=place.endpoint,
                presented=seen,
                relation=place.relation,
                verdict=Verdict.STALE,
                evidence=Evidence(grade=Grade.PROVEN),
            )
        )
    shot = Snapshot(
        site="campus",
        target="cisco-prime",
        observed_at=now,
        findings=tuple(findings),
        relations={"ha": Relation(status=ha, healthy=False)},
    )
    return make_plan(TARGET, site, shot).steps


# -- the nodes ------------------------------------------------------------------------------------


async def is_pinned_as(name: str, rig: Rig) -> None:
    """The peer's pin of the new host is about this node."""
    place = TARGET.locate(rig.site(**{f"{name}__host": "10.9.9.9"}), pin(OTHER[name], "10.9.9.9_8082"))
    assert place.peer == name


async def listens_at(name: str, rig: Rig) -> None:
    site = rig.site(**{f"{name}__health_monitor_port": 9000})
    place = TARGET.locate(site, pin(OTHER[name], f"{site.endpoints()[name].host}_9000"))
    assert (place.peer, place.loopback and place.loopback.port) == (name, 9000)


async def is_reached_at(name: str, rig: Rig) -> None:
    """SSH goes there (the fake nodes are nowhere else), and so do the probes."""
    assert len(await rig.looks()) == 2
    with pytest.raises(RetrustError):
        await rig.looks(**{f"{name}__address": "192.0.2.1", "timeouts": {"connect": 0.2}})
    place = TARGET.locate(rig.site(), pin(OTHER[name], f"{rig.site().endpoints()[name].host}_8082"))
    assert place.prober is not None


async def ssh_port(name: str, rig: Rig) -> None:
    with pytest.raises(RetrustError, match=":1 is not reachable"):
        await rig.looks(**{f"{name}__ssh__port": 1})


async def ssh_username(name: str, rig: Rig) -> None:
    with pytest.raises(PasswordRefused, match="of operator"):
        await rig.looks(**{f"{name}__ssh__username": "operator"})


async def ssh_password(name: str, rig: Rig) -> None:
    with pytest.raises(PasswordRefused):
        await rig.looks(**{f"{name}__ssh__password": "env:WEB"})


async def ssh_host_key(name: str, rig: Rig) -> None:
    with pytest.raises(RetrustError) as refused:
        await rig.looks(**{f"{name}__ssh__host_key": "SHA256:" + "A" * 43})
    assert refused.value.exit_code == 4


async def ssh_known_hosts(name: str, rig: Rig) -> None:
    """The file names the node as the inventory does, whatever its address."""
    host = rig.site().endpoints()[name].host
    file = rig.folder / "known_hosts"
    file.write_text(rig.hosts[name].known_hosts(host=host))
    assert len(await rig.looks(**{f"{name}__ssh__known_hosts": str(file), f"{name}__ssh__host_key": None})) == 2
    file.write_text("")
    with pytest.raises(InventoryError, match="names no key"):
        await rig.looks(**{f"{name}__ssh__known_hosts": str(file), f"{name}__ssh__host_key": None})


async def ssh_key_file(name: str, rig: Rig) -> None:
    (rig.folder / "key").write_text("no key")
    with pytest.raises(InventoryError, match="cannot prepare the SSH login"):
        await rig.looks(**{f"{name}__ssh__key_file": str(rig.folder / "key")})


async def ssh_key_passphrase(name: str, rig: Rig) -> None:
    key = asyncssh.generate_private_key("ssh-ed25519")
    key.write_private_key(rig.folder / "key", passphrase="Key-word-1")
    with_file = {f"{name}__ssh__key_file": str(rig.folder / "key")}
    assert len(await rig.looks(**with_file, **{f"{name}__ssh__key_passphrase": "env:KEY"})) == 2
    with pytest.raises(InventoryError):
        await rig.looks(**with_file, **{f"{name}__ssh__key_passphrase": "env:WEB"})


async def ssh_address(name: str, rig: Rig) -> None:
    """It goes before the node's own."""
    changes = {f"{name}__address": "192.0.2.1", f"{name}__ssh__address": "127.0.0.1"}
    assert len(await rig.looks(**changes)) == 2


async def ssh_questions(name: str, rig: Rig) -> None:
    rig.hosts[name].login_questions, rig.hosts[name].login_answer = ["Which role? "], "operator"
    allowed = {f"{name}__ssh__questions": [{"match": "which role", "answer": "operator"}]}
    assert len(await rig.looks(**allowed)) == 2
    with pytest.raises(UnexpectedQuestion):
        await rig.looks(**{f"{name}__ssh__questions": [{"match": "which shell", "answer": "operator"}]})


async def own_hello(name: str, rig: Rig) -> None:
    """Looks through this node, and through no other, are made with it; a file that holds none is refused at load."""
    (rig.folder / "hello").write_bytes(record := await hello_of_java())
    site = rig.site(**{f"{name}__hello": "hello"})
    for holder, peer in OTHER.items():
        place = TARGET.locate(site, pin(holder, f"{getattr(site, peer).host}_8082"))
        assert place.hello == (Hello(record) if holder == name else None)
    for content, says in ((b"no hello", "a captured ClientHello"), (None, "cannot be read")):
        (rig.folder / "hello").unlink()
        if content is not None:
            (rig.folder / "hello").write_bytes(content)
        with pytest.raises(InventoryError, match=rf"retrust\.yaml:\d+: sites\.campus\.{name}\.hello: .*{says}"):
            rig.site(**{f"{name}__hello": "hello"})
        (rig.folder / "hello").touch()


NODE: dict[str, Callable[[str, Rig], Awaitable[None]]] = {
    "host": is_pinned_as,
    "health_monitor_port": listens_at,
    "address": is_reached_at,
    "ssh.port": ssh_port,
    "ssh.username": ssh_username,
    "ssh.password": ssh_password,
    "ssh.host_key": ssh_host_key,
    "ssh.known_hosts": ssh_known_hosts,
    "ssh.key_file": ssh_key_file,
    "ssh.key_passphrase": ssh_key_passphrase,
    "ssh.address": ssh_address,
    "ssh.questions.match": ssh_questions,
    "ssh.questions.answer": ssh_questions,
    "hello": own_hello,
}

# -- pages, HA, ISE, DNA Center -------------------------------------------------------------------

WEB = {"username": "root", "password": "env:WEB", "fingerprint": "SHA256:" + "ab" * 32}


def the_pages(changed: dict[str, Any], seen: Callable[[Any], Any], expected: Any) -> Row:
    """What the pages are asked with; what they do with it is shown in the tests of ``browser``."""

    async def row(rig: Rig) -> None:
        plain = seen(await web_access(rig.site(primary__web=WEB), rig.services()))
        web = {k: v for k, v in (WEB | changed).items() if v is not None}
        access = await web_access(rig.site(primary__web=web), rig.services())
        assert seen(access) == expected != plain

    return row


def the_form(changed: dict[str, Any], seen: Callable[[Any], Any], expected: Any) -> Row:
    """What is filled in on the page, and what the plan says of it."""

    async def row(rig: Rig) -> None:
        site, secrets = rig.site(**changed), rig.services().secrets
        plain = await ha_request(rig.site(), secrets), await ise_request(rig.site().ise[0], secrets)
        asked = await ha_request(site, secrets), await ise_request(site.ise[0], secrets)
        assert seen(asked) == expected != seen(plain)
        steps = [planned(s, f"{SEC}_8082", f"{s.ise[0].host}_{s.ise[0].port}") for s in (site, rig.site())]
        if "port" not in "".join(changed):
            assert [s.sends for s in steps[0]] != [s.sends for s in steps[1]]

    return row


def driven(changed: dict[str, Any], kind: str, key: str) -> Row:
    """A person is told of the form, or the browser is started."""

    async def row(rig: Rig) -> None:
        site = rig.site(primary__web=WEB | {"port": 1}, **changed)
        step = next(s for s in planned(site, key) if s.kind == kind)

        async def before() -> None:
            pass

        async with rig.connected(_writing=True, primary__web=WEB | {"port": 1}, **changed) as connection:
            with pytest.raises(RetrustError, match="the web pages at"):
                await connection.send(step, before)
        assert not rig.told

    return row


def is_endpoint(changed: dict[str, Any], key: str, relation: str) -> Row:
    async def row(rig: Rig) -> None:
        assert TARGET.locate(rig.site(), pin("primary", key)).kind == "unknown"
        assert TARGET.locate(rig.site(**changed), pin("primary", key)).relation == relation

    return row


@pytest.fixture
async def lab() -> AsyncIterator[Lab]:
    async with Lab(LabSettings(web=False)) as running:
        yield running


# -- time limits ----------------------------------------------------------------------------------


def stands(limit: str, kind: str, key: str, sent: bool, over: str, ise: Relation | None = None) -> Row:
    """A step in motion waits within the limit, and is ``over`` after it."""

    async def row(rig: Rig) -> None:
        for seconds, expected in ((600, "wait"), (0, over)):
            changes = {"timeouts": {"log": "1ms", limit: f"{seconds}s" if seconds else "1ms"}}
            step = next(s for s in planned(rig.site(**changes), key) if s.kind == kind)
            async with rig.connected(_writing=True, **changes) as connection:
                connection._pages = _Shown(ise)
                connection._site = (
                    connection._site.model_copy(update={"primary": rig.site(primary__web=WEB).primary})
                    if ise
                    else connection._site
                )
                await connection.observe(step, sent=sent)
                await asyncio.sleep(0.002)
                assert (await connection.observe(step, sent=sent)).state == expected, (limit, seconds)

    return row


@dataclass
class _Shown:
    """Pages that show an ISE server so."""

    relation: Relation | None

    async def ise_status(self, host: str) -> Relation | None:
        return self.relation


async def registering(rig: Rig) -> None:
    rig.hosts["primary"].replies[HA_STATUS] = "[Role] Primary [State] HA Initializing\n"  # type: ignore[index]
    await stands("registration", "register-ha", f"{SEC}_8082", True, "stop")(rig)
    assert page_settings(rig.site(timeouts={"registration": "7s"}).timeouts).registration == 7


async def made_anew(rig: Rig) -> None:
    rig.hosts["primary"].replies[LIST] = listing(f"{KONG}_443")  # type: ignore[index]
    await stands("log", "await-pin", f"{KONG}_443", True, "done")(rig)


async def connecting(rig: Rig) -> None:
    async def say_nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    silent = await asyncio.start_server(say_nothing, "127.0.0.1", 0)
    async with silent:
        with pytest.raises(RetrustError, match=r"within 0\.25 s"):
            await rig.looks(primary__ssh__port=silent.sockets[0].getsockname()[1], timeouts={"connect": 0.25})


async def answering(rig: Rig) -> None:
    rig.hosts["primary"].replies[LIST] = Reply("host", prompt=False)  # type: ignore[index]
    with pytest.raises(SlowAnswer, match=r"within 0\.25 s"):
        await rig.looks(timeouts={"command": 0.25})


async def a_person(rig: Rig, look: float = 600) -> None:
    """Is waited for so long."""
    changes = {"timeouts": {"operator": 0.25, "look": look}}
    step = next(s for s in planned(rig.site(**changes), f"{SEC}_8082") if s.kind == "register-ha")

    async def before() -> None:
        pass

    async with rig.connected(_writing=True, **changes) as connection:
        with pytest.raises(PersonNeeded, match=r"within 0\.25 s"):
            await connection.send(step, before)


async def looked_after(rig: Rig) -> None:
    """The work of a person is seen at a later look."""
    shown = iter(["HA Not Configured"] * 3)
    rig.hosts["primary"].replies[HA_STATUS] = (  # type: ignore[index]
        lambda _: f"[Role] Primary [State] {next(shown, 'Primary Active')}\n"
    )
    changes = {"timeouts": {"look": 0.01}}
    step = next(s for s in planned(rig.site(**changes), f"{SEC}_8082") if s.kind == "register-ha")

    async def before() -> None:
        pass

    async with rig.connected(_writing=True, **changes) as connection:
        await connection.send(step, before)


async def pages_limit(name: str, attribute: str, rig: Rig) -> None:
    assert getattr(page_settings(rig.site(timeouts={name: "7s"}).timeouts), attribute) == 7


# -- trust and policy -----------------------------------------------------------------------------


async def old_versions(rig: Rig) -> None:
    """The looks at each server offer old versions where the site says so, and else the usual way is taken."""
    for old in (True, False):
        site = rig.site(trust={"old_tls": old})
        key = f"{site.secondary.host}_{site.secondary.health_monitor_port}"
        pin = Pin(holder="primary", key=key, subject="", line="")
        assert (getattr(CiscoPrime().locate(site, pin).prober, "old", False)) is old


async def no_tunnels(rig: Rig) -> None:
    endpoint = rig.site().secondary.endpoint
    async with rig.connected(trust={"tunnels": "never"}) as connection:
        with pytest.raises(ChannelsForbidden, match="tunnels: never"):
            await connection.tunnel("primary", endpoint)
    assert rig.hosts["primary"].tunnels == []


async def own_authority(rig: Rig) -> None:
    """It is what the collector of issued certificates is given."""
    given = []

    class Watching(Issued):
        async def collect(self, edge: Any, eyes: Any) -> Any:
            given.append(edge.ca)
            return self.nothing("not asked")

    ca = rig.folder / "ca.pem"
    ca.write_text("")
    async with Lab(LabSettings(web=False)) as running:
        key = f"{running.ise[0].host}_{running.ise[0].port}"
        rig.hosts["primary"].replies[LIST] = listing(key)  # type: ignore[index]
        changes = {"ise__0__host": running.ise[0].host, "ise__0__port": running.ise[0].port, "trust": {"ca": str(ca)}}
        site = rig.site(**changes)
        async with rig.connected(**changes) as connection:
            await take_snapshot(TARGET, site, connection, Known(), [Watching()], pages=False)
    assert ca in given


async def pins_of_oneself(rig: Rig) -> None:
    """They are judged, where they differ stale, and planned."""
    async with Lab(LabSettings(web=False)) as running:
        node = running.primary
        rig.hosts["primary"].replies[LIST] = listing(node.key)  # type: ignore[index]
        rig.hosts["secondary"].replies[LIST] = listing("10.9.9.9_1")  # type: ignore[index]
        changes = {
            "primary__host": node.host,
            "primary__address": None,
            "primary__ssh__address": "127.0.0.1",
            "primary__health_monitor_port": node.health_port,
        }
        for include, verdict in ((False, Verdict.SELF), (True, Verdict.STALE)):
            site = rig.site(include_self=include, **changes)
            async with rig.connected(include_self=include, **changes) as connection:
                seen = await take_snapshot(TARGET, site, connection, Known(), [], pages=False)
            assert {f.verdict for f in seen.findings if f.pin.holder == "primary"} == {verdict}
            assert ("primary" in {step.holder for step in make_plan(TARGET, site, seen).steps}) is include


@dataclass(frozen=True)
class Elsewhere:
    """A test that shows it."""

    file: str
    test: str


ROWS: dict[str, Row | Elsewhere] = {
    **{f"{name}.{key}": partial(row, name) for name in ("primary", "secondary") for key, row in NODE.items()},
    "primary.web.port": the_pages({"port": 8443}, lambda a: (a.reached_at.port, a.origin.port), (8443, 8443)),
    "primary.web.username": the_pages({"username": "ops"}, lambda a: a.username, "ops"),
    "primary.web.password": the_pages({"password": "env:KEY"}, lambda a: a.password.get_secret_value(), "Key-word-1"),
    "primary.web.ca": the_pages({"ca": "/etc/ca.pem", "fingerprint": None}, lambda a: a.ca, Path("/etc/ca.pem")),
    "primary.web.fingerprint": the_pages(
        {"fingerprint": "SHA256:" + "cd" * 32}, lambda a: a.fingerprint, "SHA256:" + "cd" * 32
    ),
    "primary.web.address": the_pages(
        {"address": "192.0.2.9"}, lambda a: (a.origin.host, a.reached_at.host), (PRI, "192.0.2.9")
    ),
    "ha.authentication_key": the_form(
        {"ha__authentication_key": "env:KEY"}, lambda a: a[0].authentication_key.get_secret_value(), "Key-word-1"
    ),
    "ha.email": the_form({"ha__email": ["b@example.com"]}, lambda a: a[0].email, ("b@example.com",)),
    "ha.failover": the_form({"ha__failover": "automatic"}, lambda a: a[0].failover, "automatic"),
    "ha.driver": driven({"ha__driver": "browser"}, "register-ha", f"{SEC}_8082"),
    "ha.virtual_ip.ipv4": the_form(
        {"ha__virtual_ip": {"ipv4": "10.0.0.10/24"}}, lambda a: a[0].virtual_ipv4, "10.0.0.10"
    ),
    "ha.virtual_ip.ipv6": the_form(
        {"ha__virtual_ip": {"ipv4": "10.0.0.10/24", "ipv6": "2001:db8::10/64"}},
        lambda a: a[0].virtual_ipv6,
        "2001:db8::10",
    ),
    "ise.host": is_endpoint({"ise__0__host": "10.0.0.99"}, "10.0.0.99_443", "ise:10.0.0.99"),
    "ise.port": is_endpoint({"ise__0__port": 9443}, f"{ISE}_9443", f"ise:{ISE}"),
    "ise.address": Elsewhere("plugins/cisco_prime/test_settings.py", "test_a_server_is_looked_at_where_it_is_reached"),
    "ise.username": the_form({"ise__0__username": "ops"}, lambda a: a[1].username, "ops"),
    "ise.password": the_form({"ise__0__password": "env:KEY"}, lambda a: a[1].password.get_secret_value(), "Key-word-1"),
    "ise.driver": driven({"ise__0__driver": "browser"}, "add-ise", f"{ISE}_443"),
    "dna_center.host": is_endpoint({"dna_center__0__host": "10.0.0.98"}, "10.0.0.98_443", "dna-center:10.0.0.98"),
    "dna_center.port": is_endpoint({"dna_center__0__port": 9443}, f"{KONG}_9443", f"dna-center:{KONG}"),
    "dna_center.address": Elsewhere(
        "plugins/cisco_prime/test_settings.py", "test_a_server_is_looked_at_where_it_is_reached"
    ),
    "timeouts.connect": connecting,
    "timeouts.command": answering,
    "timeouts.page": partial(pages_limit, "page", "page"),
    "timeouts.still": partial(pages_limit, "still", "settle"),
    "timeouts.settle": stands("settle", "register-ha", f"{SEC}_8082", True, "needed"),
    "timeouts.ise_poll": stands(
        "ise_poll", "add-ise", f"{ISE}_443", False, "needed", Relation(status="Unreachable", healthy=False)
    ),
    "timeouts.log": made_anew,
    "timeouts.registration": registering,
    "timeouts.operator": a_person,
    "timeouts.look": looked_after,
    "trust.tunnels": no_tunnels,
    "trust.old_tls": old_versions,
    "trust.watch": Elsewhere("end_to_end/test_looks.py", "test_the_path_is_watched_after_the_first_use"),
    "trust.ca": own_authority,
    "include_self": pins_of_oneself,
    "policy": Elsewhere("core/approval/test_required.py", "test_plugins_only_add"),
    "clocks.decision": Elsewhere("plugins/cisco_prime/test_settings.py", "test_a_yes_counts_for_the_sites_time"),
    "clocks.reminder": Elsewhere("flows/service/test_service.py", "test_people_are_reminded_once_before_a_case_ends"),
    "clocks.observation": Elsewhere("plugins/cisco_prime/test_settings.py", "test_a_look_may_be_too_old_for_a_write"),
    "recurrence.healed": Elsewhere("end_to_end/test_binding.py", "test_recurrence_asks_a_person"),
    "recurrence.days": Elsewhere("core/ledger/test_work.py", "test_recurrence_is_counted"),
    "maintenance": Elsewhere("flows/service/test_service.py", "test_a_site_in_maintenance_keeps_and_starts_nothing"),
    "name": Elsewhere("core/inventory/test_load.py", "test_"),
    "target": Elsewhere("core/inventory/test_load.py", "test_"),
}


def fields(model: type[BaseModel], above: str = "") -> Iterator[str]:
    """Every setting below a model, as a dotted path."""
    for name, info in model.model_fields.items():
        inner = next((t for t in _types(info.annotation) if isinstance(t, type) and issubclass(t, BaseModel)), None)
        if inner is None or name == "policy":
            yield f"{above}{name}"
        else:
            yield from fields(inner, f"{above}{name}.")


def _types(annotation: Any) -> Iterator[Any]:
    yield annotation
    for argument in get_args(annotation):
        yield from _types(argument)


def test_no_setting_is_without_a_row() -> None:
    """A new field of the inventory says here what it does, and a row is of a field."""
    assert sorted(ROWS) == sorted(fields(CiscoPrimeSite))


@pytest.mark.parametrize("name", ROWS)
async def test_a_setting_is_seen_in_what_is_done(name: str, rig: Rig) -> None:
    """Set to another value than the usual one, it changes what is reached, sent, awaited or judged."""
    row = ROWS[name]
    if isinstance(row, Elsewhere):
        assert f"def {row.test}" in (TESTS / row.file).read_text(encoding="utf-8")
    else:
        await row(rig)


@pytest.mark.parametrize("kind", ["ise", "dna_center"])
@pytest.mark.parametrize("host", ["server.example.com", "198.51.100.7", "2001:db8::7"])
@pytest.mark.parametrize("addresses", ["distinct", "ipv6"])
async def test_a_server_is_looked_at_where_it_is_reached(kind: str, host: str, addresses: Any, rig: Rig) -> None:
    """By a probe from here, and through a node that does not reach it by its name: names and IPv6, too."""
    async with Lab(LabSettings(web=False, addresses=addresses)) as running:
        server, node = running.ise[0], running.primary
        changes = {
            f"{kind}__0__host": host,
            f"{kind}__0__port": server.port,
            f"{kind}__0__address": server.host,
            "primary__address": node.host,
            "primary__ssh__port": node.ssh.port,
            "primary__ssh__password": "env:LAB",
            "primary__ssh__host_key": node.host_key_fingerprint,
        }
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("LAB", node.password)
            site = rig.site(**changes)
            place = TARGET.locate(site, pin("primary", f"{host}_{server.port}"))
            (found,) = (await probe_places([place])).values()
            assert isinstance(found, Presented)
            assert found.fingerprint == server.fingerprint
            async with rig.connected(**changes) as connection:
                assert place.endpoint is not None
                through = await Looks(connection, place.prober).through("primary", place.endpoint)
                assert through.fingerprint == server.fingerprint


async def test_a_yes_counts_for_the_sites_time() -> None:
    """The gate ``people`` is asked with ``clocks.decision``, and a yes lapses after it."""
    inventory = an_inventory()
    shorter = inventory.sites["campus"].model_copy(update={"clocks": Clocks(decision=timedelta(hours=1))})
    for sites, until in ((inventory.sites, timedelta(hours=72)), ({"campus": shorter}, timedelta(hours=1))):
        question = a_question(
            People(), {"approvers": 2}, decisions=[a_decision("ann")], inventory=replace(inventory, sites=sites)
        )
        assert (await People().state(question)).until == NOW + until


async def test_a_look_may_be_too_old_for_a_write(tmp_path: Path) -> None:
    """What was seen longer ago than ``clocks.observation`` is no ground for a write: nothing is sent."""
    async with campus(tmp_path, change=lambda it: it.update(clocks={"observation": "1s"})) as site:
        await site.settle_in()
        await site.break_trust("secondary")

        def slowly(part: str) -> None:
            """As a form that takes long to fill in: the look before it is set back."""
            if part == "re-register-ha":
                StepRunner._expect_recent = aged  # type: ignore[method-assign, assignment]

        recent = StepRunner._expect_recent

        def aged(runner: StepRunner) -> None:
            runner._looked -= timedelta(seconds=2)
            recent(runner)

        try:
            with pytest.raises(RetrustError, match="the look before this write is older"):
                await site.heal(accept_unproven=True, before=slowly)
        finally:
            StepRunner._expect_recent = recent  # type: ignore[method-assign]
        assert site.lab.primary.ha.registrations == 0
