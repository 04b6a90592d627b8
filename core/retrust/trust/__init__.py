"""Whether to believe a certificate: looks, verdicts, and what a first use meets. No rule of people is here.

observation   a snapshot: pins, certificates, verdicts, evidence    verdicts    what a pin is, and why
looks         where evidence may look from                          first_use   who answers when a holder pins anew
baselines     when a certificate becomes an edge's baseline         doubts      log lines that speak against a new pin
blockers      what is in the way, and what a person must supply
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from retrust import lazily

if TYPE_CHECKING:
    from retrust.trust.looks import PROBE_TIMEOUT, Looks
    from retrust.trust.observation import PROBES_AT_ONCE, certificate, probe_places

__all__ = ["PROBES_AT_ONCE", "PROBE_TIMEOUT", "Looks", "certificate", "probe_places"]

__getattr__ = lazily(
    __name__,
    looks="PROBE_TIMEOUT Looks",
    observation="PROBES_AT_ONCE certificate probe_places",
)
