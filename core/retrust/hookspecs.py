"""Every hook of Retrust, on one page.

All hooks *register*: they are called once in a process, when their objects are first needed, take no
arguments and return a list; the engine then calls the objects' methods itself. An item of the list is an object, or
names one as ``module:attribute`` (a class is called without arguments), so that its module is imported only where it
is needed. Results of all plugins
are joined, in the order in which the plugins were loaded; two objects of one kind with one name are an
error that names both plugins, and an exception in a hook stops the start and names its plugin.

A site's package registers with one entry point in the group ``retrust``, as the built-in features do::

    [project.entry-points.retrust]
    my-site = "my_site"

    # my_site/__init__.py
    from retrust.hookspecs import hookimpl

    @hookimpl
    def retrust_targets():
        return ["my_site.target:MyTarget"]
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import pluggy

if TYPE_CHECKING:
    from retrust.apps import App
    from retrust.commands import Command
    from retrust.evidence import Collector
    from retrust.gates import Gate
    from retrust.observers import Observer
    from retrust.secrets.stores import SecretStore
    from retrust.signatures import LogSignature
    from retrust.sources import EventSource
    from retrust.target import Target

PROJECT = "retrust"

hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)


@hookspec
def retrust_targets() -> Sequence[Target[Any] | str]:  # type: ignore[empty-body]
    """When an inventory is read: kinds of site, one ``Target`` each; an inventory's ``target:`` names it."""


@hookspec
def retrust_gates() -> Sequence[Gate[Any] | str]:  # type: ignore[empty-body]
    """When a plan meets its policy: kinds of gate. A plugin can add gates; none can be taken away."""


@hookspec
def retrust_collectors() -> Sequence[Collector | str]:  # type: ignore[empty-body]
    """When a snapshot is taken: evidence collectors. One that raises counts as *not available*."""


@hookspec
def retrust_log_signatures() -> Sequence[LogSignature | str]:  # type: ignore[empty-body]
    """When log text is scanned: what a failure looks like in a log. One that raises is named and passed over."""


@hookspec
def retrust_sources() -> Sequence[EventSource[Any] | str]:  # type: ignore[empty-body]
    """When the service starts: kinds of event source. One that fails is restarted, the others stay up."""


@hookspec
def retrust_observers() -> Sequence[Observer | str]:  # type: ignore[empty-body]
    """When a ledger is opened: objects told of every entry after it is written. One that raises is logged."""


@hookspec
def retrust_secret_stores() -> Sequence[SecretStore | str]:  # type: ignore[empty-body]
    """When a secret is read: schemes of secret references beside ``env:`` and ``file:``."""


@hookspec
def retrust_apps() -> Sequence[App | str]:  # type: ignore[empty-body]
    """When the service starts: web applications that it serves, each below a path of its own."""


@hookspec
def retrust_commands() -> Sequence[Command]:  # type: ignore[empty-body]
    """When the command line is parsed: verbs, each naming a function that is imported when it is called."""
