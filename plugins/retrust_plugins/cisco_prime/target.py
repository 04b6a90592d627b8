"""What a pin of a Prime site is about, and which steps heal the site. Pure; ``connection`` does the I/O."""

from __future__ import annotations

import ipaddress
import math
from collections.abc import Iterator, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from datetime import timedelta
from typing import Any

from retrust.models import DELETE_PIN, Endpoint, Finding, Pin, Relation, Sighting, Snapshot, Step
from retrust.target import Connection, Place, Services, Target
from retrust_plugins.cisco_prime.connection import connect
from retrust_plugins.cisco_prime.listing import split_key
from retrust_plugins.cisco_prime.names import DELETE_COMMAND, HA, LABELS, dna_center_relation, ise_relation
from retrust_plugins.cisco_prime.reaching import ReachedAt
from retrust_plugins.cisco_prime.site import CiscoPrimeSite, DnaCenter, IseServer, PrimeNode

DELETE, REGISTER, ADD = "delete", "re-register-ha", "re-add-ise"
PAGES = 4
"""The list, the form, its answer, and the list again."""


class CiscoPrime(Target[CiscoPrimeSite]):
    name = "cisco-prime"
    site_model = CiscoPrimeSite
    stages = (DELETE, REGISTER, ADD)

    def holders(self, site: CiscoPrimeSite) -> tuple[str, ...]:
        return tuple(name for name, _ in site.nodes())

    def label(self, relation: str) -> str:
        product, _, host = relation.partition(":")
        return f"{LABELS.get(product, product)} {host}".strip()

    def browses(self, site: CiscoPrimeSite) -> bool:
        return site.primary.web is not None

    def warnings(self, site: CiscoPrimeSite) -> tuple[str, ...]:
        return site.warnings()

    def locate(self, site: CiscoPrimeSite, pin: Pin) -> Place:
        """A node named in the inventory wins by address and port; then the holder's own address, then loopback."""
        named = split_key(pin.key)
        if named is None:
            return Place("unknown")
        host, port = named
        known = [(name, server) for name, server in site.servers() if same_host(server.host, host)]
        for name, server in known:
            if server.endpoint.port == port:
                if name == pin.holder:
                    return _self(site, pin.holder, port)
                return replace(_place(name, server, site), hello=dict(site.nodes())[pin.holder].hello)
        if is_loopback(host) or any(name == pin.holder for name, _ in known):
            return _self(site, pin.holder, port)
        reached = [
            f"the address of {name}, whose host is {server.host}: write `host: {host}` there if keys name it so"
            for name, server in site.servers()
            if server.address and same_host(server.address, host)
        ]
        return Place("unknown", why="; ".join((*(_other_port(name, server, port) for name, server in known), *reached)))

    def fits(self, site: CiscoPrimeSite, sighting: Sighting, pin: Pin, place: Place) -> bool:
        """The health monitor's thread speaks of the peer, the sequence task's of an ISE server."""
        if sighting.holder not in (None, pin.holder):
            return False
        match sighting.role:
            case "peer":
                return place.relation == HA
            case "ise":
                return place.relation is not None and place.relation != HA
            case _:
                return True

    def steps(
        self, site: CiscoPrimeSite, planned: Sequence[Finding], snapshot: Snapshot, deleted: frozenset[str]
    ) -> tuple[Step, ...]:
        concerned = [*planned, *(f for f in snapshot.findings if f.pin.edge in deleted and f not in planned)]
        relations = {f.relation for f in concerned} | {_relation_of(self, site, edge) for edge in deleted}
        centers = {dna_center_relation(center.host) for center in site.dna_center}
        return (
            *(_delete(site, f, centers) for f in planned),
            *_register(site, relations, concerned, snapshot),
            *_add(site, relations, concerned, snapshot),
            *(_await(site, f) for f in planned if f.relation in centers),
        )

    def connect(self, site: CiscoPrimeSite, services: Services) -> AbstractAsyncContextManager[Connection]:
        return connect(site, services)


def _self(site: CiscoPrimeSite, holder: str, port: int) -> Place:
    """Looked at only where the site includes pins of oneself, and only at the health monitor, which is known."""
    node = dict(site.nodes())[holder]
    if not site.include_self or port != node.health_monitor_port:
        return Place("self")
    place = _place(holder, node, site)
    return replace(place, kind="self", relation=None)


def _place(name: str, server: PrimeNode | IseServer | DnaCenter, site: CiscoPrimeSite) -> Place:
    endpoint, old = server.endpoint, site.trust.old_tls
    prober = ReachedAt(server.address, old) if server.address or old else None
    if isinstance(server, DnaCenter):
        return Place("endpoint", endpoint, dna_center_relation(server.host), prober=prober)
    if isinstance(server, IseServer):
        return Place("endpoint", endpoint, ise_relation(server.host), prober=prober)
    return Place(
        "endpoint", endpoint, HA, peer=name, loopback=Endpoint(host="127.0.0.1", port=endpoint.port), prober=prober
    )


def _other_port(name: str, server: PrimeNode | IseServer | DnaCenter, port: int) -> str:
    key = "health_monitor_port" if name in ("primary", "secondary") else "port"
    listed, _, _ = name.partition("[")
    more = "" if key != "port" else f", or one more entry for it under `{listed}`"
    return (
        f"known host, port not in the inventory: {server.host} is {name}, with {key} {server.endpoint.port}; "
        f"if this pin is about it, write `{key}: {port}` there{more}"
    )


def same_host(ours: str, listed: str) -> bool:
    """Two spellings of one address, or one name; names are never resolved, as nothing vouches for the answer."""
    try:
        return ipaddress.ip_address(ours) == ipaddress.ip_address(listed)
    except ValueError:
        return ours.rstrip(".").casefold() == listed.rstrip(".").casefold()


def is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host) in (ipaddress.ip_address("127.0.0.1"), ipaddress.ip_address("::1"))
    except ValueError:
        return host.casefold() == "localhost"


def _relation_of(target: CiscoPrime, site: CiscoPrimeSite, edge: str) -> str | None:
    holder, _, key = edge.partition(":")
    return target.locate(site, Pin(holder=holder, key=key, subject="", line="")).relation


# -- the steps ------------------------------------------------------------------------------------


def _delete(site: CiscoPrimeSite, finding: Finding, centers: set[str]) -> Step:
    pin = finding.pin
    return Step(
        id=f"delete:{pin.edge}",
        stage=DELETE,
        kind=DELETE_PIN,
        holder=pin.holder,
        argument=pin.key,
        risk="delete-pin",
        undo=None,
        sends=(DELETE_COMMAND.format(key=pin.key),),
        before=f"{pin.holder} lists {pin.line.strip()}",
        after=f"{pin.holder} no longer lists it, or lists it anew after its next connection",
        expected=_expected([finding]),
        relation=None if finding.relation in centers else finding.relation,
        takes=_seconds(3 * site.timeouts.command),
    )  # listed, deleted, listed again


def _await(site: CiscoPrimeSite, finding: Finding) -> Step:
    """Of a DNA Center nothing but the list and the log is documented: so that is what is waited for."""
    pin, quiet = finding.pin, site.timeouts.log.total_seconds()
    anew = (
        f"{pin.holder} lists {pin.key} anew, {finding.endpoint} presents the approved certificate, and no new log "
        f"line names it for {quiet:g} s"
    )
    return Step(
        id=f"await-pin:{pin.edge}",
        stage=ADD,
        kind="await-pin",
        holder=pin.holder,
        argument=pin.key,
        risk="read",
        undo="nothing is changed",
        sends=(
            f"nothing; waits until {anew}",
            "nothing else: what makes Prime connect again, and whether the integration then works, is not documented",
        ),
        before=f"{pin.holder} no longer lists {pin.key}, or lists it anew",
        after=anew,
        expected=_expected([finding]),
        takes=_seconds(site.timeouts.settle + site.timeouts.log),
    )


def _register(
    site: CiscoPrimeSite, relations: set[str | None], concerned: Sequence[Finding], snapshot: Snapshot
) -> Iterator[Step]:
    if HA not in relations or _is_healthy_without_steps(snapshot, HA, concerned):
        return
    ha, about = site.ha, [f for f in concerned if f.relation == HA]
    yield Step(
        id=f"register-ha:{site.secondary.host}",
        stage=REGISTER,
        kind="register-ha",
        holder="primary",
        argument=site.secondary.host,
        risk="interrupting",
        undo=None,
        when="HA is not healthy once the nodes have met again, and its mode is HA Not Configured",
        sends=(
            "Administration > Settings > High Availability > HA Configuration",
            f"Secondary Server: {site.secondary.host}",
            f"Authentication Key: {ha.authentication_key}",
            f"Email Address: {', '.join(ha.email)}",
            f"Failover Type: {ha.failover.capitalize()}",
            *_virtual_ip(ha.virtual_ip),
            "Check Readiness",
            "Register",
        ),
        secrets=(str(ha.authentication_key),),
        before="Configuration Mode: HA Not Configured",
        after="Configuration Mode: Primary Active; the secondary's database is overwritten by the primary's",
        expected=_expected(about),
        relation=HA,
        takes=_by_pages(site, ha.driver, site.timeouts.registration),
    )


def _virtual_ip(virtual: Any) -> Iterator[str]:
    if virtual is None:
        return
    yield "Enable Virtual IP: yes"
    if virtual.ipv4:
        yield f"IPV4 Virtual IP: {virtual.ipv4.ip}"
    if virtual.ipv6:
        yield f"IPV6 Virtual IP: {virtual.ipv6.ip}"


def _add(
    site: CiscoPrimeSite, relations: set[str | None], concerned: Sequence[Finding], snapshot: Snapshot
) -> Iterator[Step]:
    for server in site.ise:
        name = ise_relation(server.host)
        if name in relations and not _is_healthy_without_steps(snapshot, name, concerned):
            yield _add_one(site, server, name, [f for f in concerned if f.relation == name])


def _add_one(site: CiscoPrimeSite, server: IseServer, relation: str, about: Sequence[Finding]) -> Step:
    limits = site.timeouts
    return Step(
        id=f"add-ise:{server.host}",
        stage=ADD,
        kind="add-ise",
        holder="primary",
        argument=server.host,
        risk="add-server",
        undo=f"Administration > Servers > ISE Servers: delete {server.host}",
        when=f"the primary does not show {server.host} reachable after the deletes",
        sends=(
            "Administration > Servers > ISE Servers > Select a command > Add ISE Server > Go",
            f"IP address: {server.host}",
            f"User name: {server.username}",
            f"Password: {server.password}",
            "Save",
        ),
        secrets=(str(server.password),),
        before=f"ISE Servers does not show {server.host} reachable",
        after=f"ISE Servers shows {server.host} reachable",
        expected=_expected(about),
        relation=relation,
        takes=_by_pages(site, server.driver, limits.ise_poll + limits.settle),
    )


def _by_pages(site: CiscoPrimeSite, driver: str, effect: timedelta) -> int:
    """The pages on the way there and back, or a person at them; then until the effect is seen."""
    return _seconds((PAGES * site.timeouts.page if driver == "browser" else site.timeouts.operator) + effect)


def _seconds(limit: timedelta) -> int:
    return math.ceil(limit.total_seconds())


def _is_healthy_without_steps(snapshot: Snapshot, name: str, concerned: Sequence[Finding]) -> bool:
    """Nothing of the relation is un-pinned in this plan, and the target shows it healthy already."""
    relation: Relation | None = snapshot.relations.get(name)
    stale = any(f.relation == name and f.verdict == "stale" for f in concerned)
    return not stale and relation is not None and relation.healthy is True


def _expected(findings: Sequence[Finding]) -> dict[str, str]:
    return {f.pin.edge: f.presented.fingerprint for f in findings if f.presented}
