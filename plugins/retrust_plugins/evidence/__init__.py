"""Evidence that a new certificate is the peer's own, and that the holder sees that very certificate.

One small class a collector, by where it looks: ``ends`` from the two ends of the path, ``vantage`` from
here, ``certificate`` at the certificate itself, ``told`` at what events and people said. How their answers
join into one grade is ``retrust.evidence``'s; what a grade allows is the gates'.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from retrust.hookspecs import hookimpl

if TYPE_CHECKING:
    from retrust.evidence import Collector


@hookimpl
def retrust_collectors() -> list[Collector]:
    from retrust_plugins.evidence.certificate import Issued, SameKey
    from retrust_plugins.evidence.ends import HoldersEnd, PeersEnd
    from retrust_plugins.evidence.told import Announced, Attested
    from retrust_plugins.evidence.vantage import Vantage

    return [Vantage(), PeersEnd(), HoldersEnd(), Announced(), SameKey(), Issued(), Attested()]
