"""The source ``syslog``: RFC 5424 and RFC 3164 over UDP, TCP and TLS.

``messages`` finds frames and hosts in bytes, ``streams`` scans what each host says, ``udp`` and ``tcp``
receive, ``kernel`` reads what the kernel dropped, ``source`` puts them together.
"""

from __future__ import annotations

from retrust.hookspecs import hookimpl


@hookimpl
def retrust_sources() -> list[str]:
    return ["retrust_plugins.syslog.source:Syslog"]
