"""The gate ``people``: n of m persons, with roles. Who may decide at all is ``retrust.approval``'s."""

from __future__ import annotations

from retrust.hookspecs import hookimpl


@hookimpl
def retrust_gates() -> list[str]:
    return ["retrust_plugins.people.gate:People"]
