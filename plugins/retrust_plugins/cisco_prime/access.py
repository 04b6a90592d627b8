"""How the nodes and pages of a site are reached, and what is asked of them, from the inventory's settings."""

from __future__ import annotations

from typing import TYPE_CHECKING

from retrust.errors import PermanentError
from retrust.ssh import SshAccess
from retrust.target import Services
from retrust_plugins.cisco_prime.browser import BrowserSettings, HaRequest, IseRequest, WebAccess

if TYPE_CHECKING:
    from retrust.secrets import Secrets
    from retrust_plugins.cisco_prime.site import CiscoPrimeSite, IseServer, PrimeNode, Timeouts


async def ssh_access(name: str, node: PrimeNode, services: Services) -> SshAccess:
    ssh, secrets = node.ssh, services.secrets
    return SshAccess(
        node=name,
        address=node.ssh_endpoint.host,
        port=ssh.port,
        username=ssh.username,
        host=node.host,
        password=await secrets.get(ssh.password) if ssh.password else None,
        host_keys=services.identities.get((name, "host key"), ssh.host_key or ()),
        known_hosts=None if (name, "host key") in services.identities else ssh.known_hosts,
        key_file=ssh.key_file,
        passphrase=await secrets.get(ssh.key_passphrase) if ssh.key_passphrase else None,
    )


async def web_access(site: CiscoPrimeSite, services: Services) -> WebAccess:
    """How the primary's pages are reached, and which certificate they must present."""
    web, endpoint = site.primary.web, site.primary.web_endpoint
    if web is None or endpoint is None:
        raise PermanentError(
            "the primary has no `web:` settings", where=site.name, hint="add them, or set the driver to operator"
        )
    accepted = services.identities.get(("primary", "web certificate"))
    return WebAccess(
        node="primary",
        host=site.primary.host,
        address=endpoint.host,
        port=web.port,
        username=web.username,
        password=await services.secrets.get(web.password),
        fingerprint=accepted[0] if accepted else web.fingerprint,
        ca=None if accepted else web.ca,
    )


async def ha_request(site: CiscoPrimeSite, secrets: Secrets) -> HaRequest:
    ha, virtual = site.ha, site.ha.virtual_ip
    return HaRequest(
        secondary=site.secondary.host,
        authentication_key=await secrets.get(ha.authentication_key),
        email=ha.email,
        failover=ha.failover,
        virtual_ipv4=str(virtual.ipv4.ip) if virtual else None,
        virtual_ipv6=str(virtual.ipv6.ip) if virtual and virtual.ipv6 else None,
    )


async def ise_request(server: IseServer, secrets: Secrets) -> IseRequest:
    return IseRequest(
        host=server.host, username=server.username, password=await secrets.get(server.password), port=server.port
    )


def page_settings(timeouts: Timeouts) -> BrowserSettings:
    still = timeouts.still.total_seconds()
    return BrowserSettings(
        page=timeouts.page.total_seconds(),
        settle=still,
        poll=min(1.0, still / 3),
        reload=10 * still,
        registration=timeouts.registration.total_seconds(),
    )
