"""The source ``probe``: looks at every verified endpoint on a schedule, and compares with the baselines."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from retrust.hookspecs import hookimpl

if TYPE_CHECKING:
    from retrust.sources import EventSource


@hookimpl
def retrust_sources() -> Sequence[EventSource[Any]]:
    from retrust_plugins.probing.source import Probing

    return [Probing()]
