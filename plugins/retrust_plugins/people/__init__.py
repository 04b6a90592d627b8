"""The gate ``people``: n of m persons, with roles. Who may decide at all is ``retrust.approval``'s."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from retrust.hookspecs import hookimpl

if TYPE_CHECKING:
    from retrust.gates import Gate


@hookimpl
def retrust_gates() -> Sequence[Gate[Any]]:
    from retrust_plugins.people.gate import People

    return [People()]
