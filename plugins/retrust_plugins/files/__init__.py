"""The source ``file``: follows log files through rotation, truncation and restarts.

``following`` finds and reads the files, ``source`` wakes up when something was written.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from retrust.hookspecs import hookimpl

if TYPE_CHECKING:
    from retrust.sources import EventSource


@hookimpl
def retrust_sources() -> Sequence[EventSource[Any]]:
    from retrust_plugins.files.source import LogFiles

    return [LogFiles()]
