"""Cisco Prime Infrastructure 3.5 to 3.10: a high-availability pair and the ISE servers it uses.

``target`` knows what a pin is about and which steps heal a site, ``connection`` talks to the nodes,
``listing`` and ``signatures`` read the appliance's texts, ``browser`` and ``operator`` are the two ways
through the pages, ``modes`` tells from which HA mode registering is safe.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from retrust.hookspecs import hookimpl

if TYPE_CHECKING:
    from retrust.signatures import LogSignature
    from retrust.target import Target


@hookimpl
def retrust_targets() -> Sequence[Target[Any]]:
    from retrust_plugins.cisco_prime.target import CiscoPrime

    return [CiscoPrime()]


@hookimpl
def retrust_log_signatures() -> Sequence[LogSignature]:
    from retrust_plugins.cisco_prime.signatures import TOFU_MISMATCH

    return [TOFU_MISMATCH]
