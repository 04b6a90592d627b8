"""The source ``syslog``: RFC 5424 and RFC 3164 over UDP, TCP and TLS.

``messages`` finds frames and hosts in bytes, ``streams`` scans what each host says, ``udp`` and ``tcp``
receive, ``kernel`` reads what the kernel dropped, ``source`` puts them together.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from retrust.hookspecs import hookimpl

if TYPE_CHECKING:
    from retrust.sources import EventSource


@hookimpl
def retrust_sources() -> Sequence[EventSource[Any]]:
    from retrust_plugins.syslog.source import Syslog

    return [Syslog()]
