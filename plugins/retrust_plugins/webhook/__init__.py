"""The source ``webhook``: CloudEvents, and the plain JSON of log platforms, below ``/hooks/NAME``.

``settings`` says who may send what, ``authentication`` whether they are who they say, ``messages`` what a
body means, ``door`` answers: 2xx only when the event is in the ledger.
"""

from __future__ import annotations

from retrust.hookspecs import hookimpl


@hookimpl
def retrust_sources() -> list[str]:
    return ["retrust_plugins.webhook.door:WEBHOOK"]


@hookimpl
def retrust_apps() -> list[str]:
    return ["retrust_plugins.webhook.door:WEBHOOK"]
