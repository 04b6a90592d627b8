"""Evidence that a new certificate is the peer's own, and that the holder sees that very certificate.

One small class a collector, by where it looks: ``ends`` from the two ends of the path, ``vantage`` from
here, ``certificate`` at the certificate itself, ``told`` at what events and people said. How their answers
join into one grade is ``retrust.evidence``'s; what a grade allows is the gates'.
"""

from __future__ import annotations

from retrust.hookspecs import hookimpl


@hookimpl
def retrust_collectors() -> list[str]:
    return [
        "retrust_plugins.evidence.vantage:Vantage",
        "retrust_plugins.evidence.ends:PeersEnd",
        "retrust_plugins.evidence.ends:HoldersEnd",
        "retrust_plugins.evidence.told:Announced",
        "retrust_plugins.evidence.certificate:SameKey",
        "retrust_plugins.evidence.certificate:Issued",
        "retrust_plugins.evidence.told:Attested",
    ]
