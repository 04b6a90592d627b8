"""The lab: the twin of a Prime Infrastructure pair and its ISE servers, on loopback, over real protocols.

Public are the names in ``__all__``, imported when they are first asked for; ``lab`` is the place to start
reading. The lab shares no parser, distinguished-name or page-model code with the client, so that a wrong
assumption cannot cancel itself out. How a story is told with it is the business of ``retrust demo``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from retrust import lazily
from retrust.commands import Command
from retrust.hookspecs import hookimpl

if TYPE_CHECKING:
    from retrust_plugins.lab.ise import IseNode
    from retrust_plugins.lab.lab import Lab
    from retrust_plugins.lab.node import PrimeNode
    from retrust_plugins.lab.settings import IseSettings, LabSettings, NodeSettings, PageSettings

__all__ = ["IseNode", "IseSettings", "Lab", "LabSettings", "NodeSettings", "PageSettings", "PrimeNode"]

__getattr__ = lazily(
    __name__, ise="IseNode", lab="Lab", node="PrimeNode", settings="IseSettings LabSettings NodeSettings PageSettings"
)


@hookimpl
def retrust_commands() -> list[Command]:
    cli = f"{__name__}.cli"
    return [
        Command("lab up", "Run the twin in the foreground: two Prime servers and ISE on loopback.", f"{cli}:up"),
        Command("lab renew", "Renew the certificate of a node of a running lab.", f"{cli}:renew"),
        Command("lab log", "Print a log of a node of a running lab.", f"{cli}:log"),
    ]
