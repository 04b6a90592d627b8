"""The console: pages and a JSON API for the people who decide, served by the service at ``/``.

    app        the FastAPI application, its errors and its parts; context, what its routes work with
    pages      what a person sees: cases, sites, audit      api      the same operations as JSON, with OpenAPI
    reading    what the pages show of a case                picture  a site as a drawing
    signin     sign-in and sign-out, oidc, sessions, throttle
    guard      headers, limits, seals                       live     server-sent events from ledger entries

No rule of deciding is written here: every decision ends in ``retrust.approval``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from retrust.apps import App
from retrust.hookspecs import hookimpl

if TYPE_CHECKING:
    from retrust.host import Host
    from retrust.ledger import Ledger


class Console(App):
    """Pages need no JavaScript for reading and deciding; scripts only keep them up to date."""

    name = "console"
    path = "/"

    def build(self, host: Host, ledger: Ledger) -> Any:
        from retrust_plugins.console.app import build_app, guarded

        return guarded(build_app(host, ledger))


@hookimpl
def retrust_apps() -> Sequence[App]:
    return [Console()]
