"""Administration > Settings > High Availability: what the page shows and what its buttons do.

What the form may hold is checked here, as the manual says; what registering means is ``ha``'s business.
"""

from __future__ import annotations

import ipaddress
import re
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from retrust_plugins.lab.ha import NOT_CONFIGURED, Registration, RegistrationFailed
from retrust_plugins.lab.pages.markup import render
from retrust_plugins.lab.pages.port import PagesNode, Session
from retrust_plugins.lab.settings import MILESTONES

_LINK_LOCAL = ipaddress.ip_network("fe80::/10")
_SUBNET = 24


class HaPage:
    def __init__(self, node: PagesNode) -> None:
        self._node = node

    async def page(self, request: Request, session: Session) -> Response:
        ha, pages = self._node.ha, self._node.settings.pages
        form_shown = ha.mode == NOT_CONFIGURED or not ha.registered
        return render("ha.html", node=self._node, ha=ha, pages=pages, form_shown=form_shown, milestones=MILESTONES)

    async def status(self, request: Request, session: Session) -> Response:
        ha = self._node.ha
        return JSONResponse(
            {"mode": ha.mode, "progress": ha.progress, "registering": ha.registering, "error": ha.error}
        )

    async def readiness(self, request: Request, session: Session) -> Response:
        form = _form(await request.json())
        if errors := problems(form, self._node.host):
            return JSONResponse({"errors": errors})
        checks = await self._node.ha.check_readiness(form.secondary)
        return JSONResponse(
            {
                "ready": self._node.ha.ready,
                "rows": [[check.name, "Pass" if check.passed else "Fail"] for check in checks],
            }
        )

    async def register(self, request: Request, session: Session) -> Response:
        form = _form(await request.json())
        errors = problems(form, self._node.host)
        if not errors and self._node.settings.pages.readiness_first != "optional" and not self._node.ha.ready:
            errors = ["Check Readiness must pass before the servers can be registered."]
        if not errors:
            try:
                self._node.ha.register(form)
            except RegistrationFailed as refusal:
                errors = [str(refusal)]
        return JSONResponse({"errors": errors})


def _form(sent: dict[str, Any]) -> Registration:
    def field(name: str) -> str:
        return str(sent.get(name) or "").strip()

    return Registration(
        field("Secondary Server"),
        str(sent.get("Authentication Key") or ""),
        field("Email Address"),
        field("Failover Type") or "Manual",
        bool(sent.get("virtual")),
        field("IPV4 Virtual IP"),
        field("IPV6 Virtual IP"),
    )


def problems(form: Registration, primary: str) -> list[str]:
    """What is wrong with the form, in the page's words."""
    found = [
        f"{name} is required."
        for name, value in (("Secondary Server", form.secondary), ("Authentication Key", form.authentication_key))
        if not value
    ]
    found += [
        f"Email Address {address} is not valid."
        for address in filter(None, re.split(r"[,\s]+", form.email))
        if not re.fullmatch(r"[^@\s]+@[^@\s]+", address)
    ]
    if form.virtual:
        found += _virtual_ip_problems(form, primary)
    return found


def _virtual_ip_problems(form: Registration, primary: str) -> list[str]:
    found = []
    try:
        virtual = ipaddress.IPv4Address(form.virtual_ipv4)
        subnet = ipaddress.ip_network(f"{virtual}/{_SUBNET}", strict=False)
        outside = [s for s in (primary, form.secondary) if not _inside(s, subnet)]
        if outside:
            found.append(f"IPV4 Virtual IP must be on one subnet with both servers, but {outside[0]} is not.")
    except ValueError:
        found.append("IPV4 Virtual IP is not a valid IPv4 address.")
    if form.virtual_ipv6:
        try:
            if ipaddress.IPv6Address(form.virtual_ipv6) in _LINK_LOCAL:
                found.append(
                    "IPV6 Virtual IP must not be of the block fe80, "
                    "which is reserved for link-local unicast addressing."
                )
        except ValueError:
            found.append("IPV6 Virtual IP is not a valid IPv6 address.")
    return found


def _inside(host: str, subnet: ipaddress.IPv4Network | ipaddress.IPv6Network) -> bool:
    try:
        return ipaddress.ip_address(host) in subnet
    except ValueError:
        return True  # a name: nobody can tell from here
