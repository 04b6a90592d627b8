"""The source ``file``: follows log files through rotation, truncation and restarts.

``following`` finds and reads the files, ``source`` wakes up when something was written.
"""

from __future__ import annotations

from retrust.hookspecs import hookimpl


@hookimpl
def retrust_sources() -> list[str]:
    return ["retrust_plugins.files.source:LogFiles"]
