"""The console: pages and a JSON API for the people who decide, served by the service at ``/``.

    app        the FastAPI application, its errors and its parts; context, what its routes work with
    pages      what a person sees: overview, cases, sites, audit    api   the same operations as JSON, with OpenAPI
    board      every open case and every site in short, kept up with the ledger; listing and siting choose of them
    reading    what the page of a case shows      foretold what a plan will do     folding  a record in few lines
    picture    a site as a drawing                rendering  from a template to a page
    signin     sign-in and sign-out, oidc, sessions, throttle
    guard      headers, limits, seals                       live     server-sent events from ledger entries

No rule of deciding is written here: every decision ends in ``retrust.approval``.
"""

from __future__ import annotations

from retrust.hookspecs import hookimpl


@hookimpl
def retrust_apps() -> list[str]:
    return ["retrust_plugins.console.app:ConsoleApp"]
