"""The gate ``window``: change windows and freezes as iCalendar rules."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from retrust.hookspecs import hookimpl

if TYPE_CHECKING:
    from retrust.gates import Gate


@hookimpl
def retrust_gates() -> Sequence[Gate[Any]]:
    from retrust_plugins.window.gate import Window

    return [Window()]
