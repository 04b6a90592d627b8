"""The source ``probe``: looks at every verified endpoint on a schedule, and compares with the baselines."""

from __future__ import annotations

from retrust.hookspecs import hookimpl


@hookimpl
def retrust_sources() -> list[str]:
    return ["retrust_plugins.probing.source:Probing"]
