"""Our own trust: host keys and web certificates that a person accepted in place of the inventory's.

How they come to be accepted is in ``retrust.acceptance``.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from retrust.ledger import AcceptedIdentity

Identities = dict[tuple[str, str], tuple[str, ...]]
"""``(node, kind) → fingerprints``; ``kind`` is ``host key`` or ``web certificate``."""


def accepted(identities: Iterable[AcceptedIdentity]) -> Identities:
    """What a connection may use; the last word of each kind counts."""
    return {(i.node, i.kind): (i.fingerprint,) for i in sorted(identities, key=lambda i: i.at)}
