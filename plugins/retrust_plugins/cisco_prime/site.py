"""A Prime site as the inventory tells it: the pair, its high availability, the ISE servers it uses.

The rules are those of the vendor's document for the HA page: a virtual IP on the one subnet of both
servers, never of the block fe80, failover manual unless said otherwise. What the site's pins are about is
in ``target``.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import timedelta
from ipaddress import IPv4Interface, IPv6Interface
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, WithJsonSchema

from retrust.inventory import (
    Duration,
    Email,
    HelloFile,
    Host,
    Part,
    Port,
    Site,
    SshSettings,
    Text,
    WebSettings,
    Wrong,
    absent,
    is_address,
    one_or_many,
    wrong,
)
from retrust.models import Endpoint
from retrust.secrets import SecretRef

Driver = Literal["browser", "operator"]
LINK_LOCAL = ipaddress.ip_network("fe80::/10")


class LoginQuestion(Part):
    """A question before the first prompt that may be answered so; one for a password never is."""

    match: Text = Field(description="A regular expression that is searched for in the question.")
    answer: str = Field(description="What is typed; empty for Enter alone.")

    @property
    def pattern(self) -> re.Pattern[str]:
        return re.compile(self.match, re.IGNORECASE)

    def rules(self) -> Iterable[Wrong]:
        try:
            empty = self.pattern.search("") is not None
        except re.error as exc:
            yield ("match",), f"must be a regular expression: {exc}"
            return
        if empty:
            yield ("match",), "must not match every question"
        if not self.answer.isprintable():
            yield ("answer",), "must be one line of printable characters"


class PrimeSsh(SshSettings):
    """How a Prime node's command line is reached, and which further questions of its login are answered."""

    questions: tuple[LoginQuestion, ...] = Field(
        default=(), description="Questions of the login that may be answered, beside the acceptance of terms of use."
    )


class PrimeNode(Part):
    """One server of the pair. ``host`` is as it stands in TOFU keys."""

    host: Host = Field(description="The server as it stands in TOFU keys.")
    health_monitor_port: Port = 8082
    address: Host | None = Field(default=None, description="Where we reach the server, if not at host.")
    ssh: PrimeSsh
    hello: HelloFile | None = Field(
        default=None,
        description="A captured ClientHello of this server's own client: one whole TLS record, as bytes "
        "or hexadecimal. Looks through it are made with that hello, too.",
    )

    @property
    def endpoint(self) -> Endpoint:
        """What the peer pins: the health monitor."""
        return Endpoint(host=self.host, port=self.health_monitor_port)

    @property
    def ssh_endpoint(self) -> Endpoint:
        return Endpoint(host=self.ssh.address or self.address or self.host, port=self.ssh.port)


class PrimaryNode(PrimeNode):
    """The primary also has the pages on which HA is registered and ISE servers are added."""

    web: WebSettings | None = None

    @property
    def web_endpoint(self) -> Endpoint | None:
        if self.web is None:
            return None
        return Endpoint(host=self.web.address or self.address or self.host, port=self.web.port)


def _interface(version: int, example: str) -> Any:
    kind = IPv4Interface if version == 4 else IPv6Interface

    def read(value: Any) -> IPv4Interface | IPv6Interface:
        if isinstance(value, kind):
            return value
        try:
            return kind(_with_prefix(value))
        except ValueError:
            raise wrong(f"must be an IPv{version} address with the prefix of its subnet, such as {example}") from None

    return read


def _with_prefix(value: Any) -> str:
    if not isinstance(value, str) or "/" not in value or "%" in value:
        raise ValueError
    return value


_IPv4 = Annotated[
    IPv4Interface,
    BeforeValidator(_interface(4, "10.0.0.10/24")),
    WithJsonSchema({"type": "string", "examples": ["10.0.0.10/24"], "pattern": r"^[0-9.]+/[0-9]+$"}),
]
_IPv6 = Annotated[
    IPv6Interface,
    BeforeValidator(_interface(6, "2001:db8::10/64")),
    WithJsonSchema({"type": "string", "examples": ["2001:db8::10/64"], "pattern": r"^[0-9A-Fa-f:.]+/[0-9]+$"}),
]


class VirtualIp(Part):
    """The address that both servers share; the prefix is for the check that they are on one subnet."""

    ipv4: _IPv4
    ipv6: _IPv6 | None = None

    def rules(self) -> Iterable[Wrong]:
        if self.ipv6 is not None and self.ipv6.ip in LINK_LOCAL:
            yield ("ipv6",), "must not be of the block fe80, which is reserved for link-local addresses"
        for key, virtual in self.each():
            if not _is_usable(virtual):
                yield (key,), "must be an address that a host of its subnet can have"

    def each(self) -> Iterator[tuple[str, IPv4Interface | IPv6Interface]]:
        yield "ipv4", self.ipv4
        if self.ipv6 is not None:
            yield "ipv6", self.ipv6


def _is_usable(virtual: IPv4Interface | IPv6Interface) -> bool:
    """Two servers and the virtual address need three: not /30, and neither the network's nor broadcast."""
    ends = (virtual.network.network_address, virtual.network.broadcast_address)
    last = ends[1] if virtual.version == 4 else None
    return not (
        virtual.ip.is_multicast
        or virtual.ip.is_unspecified
        or virtual.ip in (ends[0], last)
        or virtual.network.prefixlen == 0
        or virtual.max_prefixlen - virtual.network.prefixlen < 2
        or (virtual.version == 4 and virtual.network.prefixlen > 29)
    )


class HighAvailability(Part):
    """The fields of the page on which HA is registered, and who fills them in."""

    authentication_key: SecretRef
    email: Annotated[tuple[Email, ...], BeforeValidator(one_or_many)] = Field(
        min_length=1, description="Who is mailed about changes of the HA state."
    )
    failover: Literal["manual", "automatic"] = "manual"
    driver: Driver = "browser"
    virtual_ip: VirtualIp | None = None


class IseServer(Part):
    """An ISE server that the pair uses. ``host`` is as it stands in TOFU keys and is entered on the page."""

    host: Host
    port: Port = 443
    address: Host | None = Field(default=None, description="Where we reach the server, if not at host.")
    username: Text
    password: SecretRef
    driver: Driver = "browser"

    @property
    def endpoint(self) -> Endpoint:
        return Endpoint(host=self.host, port=self.port)


class DnaCenter(Part):
    """A DNA Center or Catalyst Center that the pair is integrated with. ``host`` is as it stands in TOFU keys."""

    host: Host
    port: Port = 443
    address: Host | None = Field(default=None, description="Where we reach the server, if not at host.")

    @property
    def endpoint(self) -> Endpoint:
        return Endpoint(host=self.host, port=self.port)


class Timeouts(Part):
    """How long to wait; the appliance is slow, and registering HA copies a database."""

    connect: Duration = Field(default=timedelta(seconds=30), description="Connecting and login.")
    command: Duration = Field(default=timedelta(seconds=60), description="One answer of the command line.")
    page: Duration = Field(default=timedelta(seconds=60), description="One page, and what is looked for on it.")
    still: Duration = Field(
        default=timedelta(seconds=3), description="How long results on a page must stand still to be taken as complete."
    )
    settle: Duration = Field(
        default=timedelta(minutes=3),
        description="What heals by itself: HA's mode, a server's status after it was added.",
    )
    ise_poll: Duration = Field(
        default=timedelta(seconds=15),
        description="How long an ISE server may become reachable before it is added again.",
    )
    log: Duration = Field(
        default=timedelta(minutes=1),
        description="How long no new log line may come once a DNA Center's pin was made anew.",
    )
    registration: Duration = Field(
        default=timedelta(hours=4),
        description="HA's registration, all milestones. A change window must have this time, and the other steps'.",
    )
    operator: Duration = Field(default=timedelta(hours=4), description="A person at the pages, with driver operator.")
    look: Duration = Field(default=timedelta(seconds=15), description="Between two looks whether that person is done.")


class CiscoPrimeSite(Site):
    """A primary, a secondary, and the ISE and DNA Center servers they use."""

    primary: PrimaryNode
    secondary: PrimeNode
    ha: HighAvailability
    ise: tuple[IseServer, ...] = ()
    dna_center: tuple[DnaCenter, ...] = ()
    timeouts: Timeouts = absent()

    def endpoints(self) -> Mapping[str, Endpoint]:
        return {name: server.endpoint for name, server in self.servers()}

    def nodes(self) -> Iterator[tuple[str, PrimeNode]]:
        yield from (("primary", self.primary), ("secondary", self.secondary))

    def servers(self) -> Iterator[tuple[str, PrimeNode | IseServer | DnaCenter]]:
        """Everything that a pin can be about, by its place in the inventory."""
        yield from self.nodes()
        yield from ((f"ise[{i}]", server) for i, server in enumerate(self.ise))
        yield from ((f"dna_center[{i}]", server) for i, server in enumerate(self.dna_center))

    def rules(self) -> Iterable[Wrong]:
        yield from self._driven_without_pages()
        yield from self._named_twice()
        yield from self._virtual_ip_elsewhere()

    def _driven_without_pages(self) -> Iterator[Wrong]:
        if self.primary.web is not None:
            return
        if self.ha.driver == "browser":
            yield ("primary",), "needs web, since ha.driver is browser; or set it to operator"
        driven = [i for i, server in enumerate(self.ise) if server.driver == "browser"]
        if driven:
            yield ("primary",), f"needs web, since ise[{driven[0]}].driver is browser; or set it to operator"

    def _named_twice(self) -> Iterator[Wrong]:
        seen: dict[tuple[str, int], str] = {}
        for node, endpoint in self.endpoints().items():
            first = seen.setdefault((_canonical(endpoint.host), endpoint.port), node)
            if first != node:
                yield _loc(node), f"has the same host and port as {first}"
        if self.primary.ssh_endpoint == self.secondary.ssh_endpoint:
            yield ("secondary", "ssh"), "has the same address and port as the primary's"

    def _virtual_ip_elsewhere(self) -> Iterator[Wrong]:
        if self.ha.virtual_ip is None:
            return
        for key, virtual in self.ha.virtual_ip.each():
            for node, host in self._hosts_of(virtual.version):
                if host == virtual.ip:
                    yield ("ha", "virtual_ip", key), f"is the address of the {node} itself"
                elif host not in virtual.network:
                    yield (
                        ("ha", "virtual_ip", key),
                        f"is not on the subnet of the {node}: "
                        "a virtual IP works only where both servers are on one subnet",
                    )

    def _hosts_of(self, version: int) -> Iterator[tuple[str, Any]]:
        for name, node in (("primary", self.primary), ("secondary", self.secondary)):
            if is_address(node.host) and ipaddress.ip_address(node.host).version == version:
                yield name, ipaddress.ip_address(node.host)

    def warnings(self) -> tuple[str, ...]:
        """What is allowed and seldom meant."""
        return tuple(_warnings(self))


def _warnings(site: CiscoPrimeSite) -> Iterator[str]:
    if not is_address(site.secondary.host):
        yield (
            "secondary.host is a name: where the servers resolve names by /etc/hosts instead of DNS, "
            "HA must be registered with the secondary's IP address"
        )
    if site.ha.failover == "automatic":
        yield "ha.failover is automatic: the vendor recommends manual"
    for i, server in enumerate(site.ise):
        if not is_address(server.host):
            yield f"ise[{i}].host is a name: the page asks for the ISE server's IP address"
    if site.ha.virtual_ip is not None:
        for key, virtual in site.ha.virtual_ip.each():
            known = {name for name, _ in site._hosts_of(virtual.version)}
            for name in sorted({"primary", "secondary"} - known):
                yield (
                    f"ha.virtual_ip.{key} is not checked against the {name}, whose host is not an "
                    f"IPv{virtual.version} address"
                )
    if site.trust.tunnels == "never":
        yield (
            "trust.tunnels is never: no certificate is seen from the nodes' own side, so evidence rarely "
            "is proven, and the security gate is asked"
        )
    if site.include_self:
        yield "include_self is true: the nodes' pins of themselves may be deleted"


def _canonical(host: str) -> str:
    return str(ipaddress.ip_address(host)) if is_address(host) else host.casefold()


def _loc(node: str) -> tuple[str | int, ...]:
    name, _, index = node.partition("[")
    return (name, int(index.removesuffix("]"))) if index else (name,)
