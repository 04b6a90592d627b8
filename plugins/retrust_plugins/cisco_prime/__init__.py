"""Cisco Prime Infrastructure 3.5 to 3.10: a high-availability pair and the ISE servers it uses.

``target`` knows what a pin is about and which steps heal a site, ``connection`` talks to the nodes,
``listing`` and ``signatures`` read the appliance's texts, ``browser`` and ``operator`` are the two ways
through the pages, ``modes`` tells from which HA mode registering is safe.
"""

from __future__ import annotations

from retrust.hookspecs import hookimpl


@hookimpl
def retrust_targets() -> list[str]:
    return ["retrust_plugins.cisco_prime.target:CiscoPrime"]


@hookimpl
def retrust_log_signatures() -> list[str]:
    return ["retrust_plugins.cisco_prime.signatures:TOFU_MISMATCH"]
