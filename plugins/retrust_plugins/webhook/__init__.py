"""The source ``webhook``: CloudEvents, and the plain JSON of log platforms, below ``/hooks/NAME``.

``settings`` says who may send what, ``authentication`` whether they are who they say, ``messages`` what a
body means, ``door`` answers: 2xx only when the event is in the ledger.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

from retrust.hookspecs import hookimpl

if TYPE_CHECKING:
    from retrust.apps import App
    from retrust.sources import EventSource
    from retrust_plugins.webhook.door import Webhook


@cache
def _webhook() -> Webhook:
    """One object: the source opens doors, the application answers at them."""
    from retrust_plugins.webhook.door import Webhook

    return Webhook()


@hookimpl
def retrust_sources() -> Sequence[EventSource[Any]]:
    return [_webhook()]


@hookimpl
def retrust_apps() -> Sequence[App]:
    return [_webhook()]
