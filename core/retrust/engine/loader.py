"""Loading plugins, and the one typed façade around every hook call.

Loading is all or nothing: what is wrong with a plugin is said with its name, and nothing starts. Hooks are
asked when their objects are first needed, so that a command pays only for what it uses; ``load_all`` asks
them all, as ``retrust plugins list`` and the service do.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping
from functools import cache, cached_property, partial
from importlib.metadata import Distribution, EntryPoint, distributions
from typing import TYPE_CHECKING, Any

import pluggy

from retrust import hookspecs
from retrust.engine import builtin
from retrust.engine.blame import blamed, raiser, told
from retrust.engine.contracts import imported, keep
from retrust.errors import PluginError

if TYPE_CHECKING:
    from retrust.apps import App
    from retrust.commands import Command
    from retrust.evidence import Collector
    from retrust.gates import Gate
    from retrust.inventory import Site
    from retrust.observers import Observer
    from retrust.secrets.stores import SecretStore
    from retrust.signatures import LogSignature
    from retrust.sources import EventSource
    from retrust.target import Target

BUILTIN = "retrust"


class Plugins:
    """Every registered object, by kind and name."""

    def __init__(self, manager: pluggy.PluginManager, origins: Mapping[str, Callable[[], str]]) -> None:
        self._manager = manager
        self._origins = dict(origins)

    @cached_property
    def origins(self) -> dict[str, str]:
        """Where each plugin comes from, for people; reading it takes longer than loading, so it waits."""
        return {name: read() for name, read in self._origins.items()}

    @cached_property
    def targets(self) -> dict[str, Target[Any]]:
        return self._named("retrust_targets")

    @property
    def site_models(self) -> dict[str, type[Site]]:
        """By target: what an inventory says of such a site."""
        return {name: target.site_model for name, target in self.targets.items()}

    @cached_property
    def gates(self) -> dict[str, Gate[Any]]:
        return self._named("retrust_gates")

    @cached_property
    def collectors(self) -> dict[str, Collector]:
        return self._named("retrust_collectors")

    @cached_property
    def log_signatures(self) -> dict[str, LogSignature]:
        return self._named("retrust_log_signatures")

    @cached_property
    def sources(self) -> dict[str, EventSource[Any]]:
        return self._named("retrust_sources")

    @cached_property
    def observers(self) -> dict[str, Observer]:
        return self._named("retrust_observers")

    @cached_property
    def secret_stores(self) -> dict[str, SecretStore]:
        return self._named("retrust_secret_stores")

    @cached_property
    def apps(self) -> dict[str, App]:
        return self._named("retrust_apps")

    @cached_property
    def commands(self) -> dict[str, Command]:
        return self._named("retrust_commands")

    def plugin_of(self, item: Any) -> str:
        """The name of the plugin that registered the object."""
        return self._provider[id(item)]

    @cached_property
    def code(self) -> dict[str, str]:
        """The module of each plugin."""
        return {
            name: plugin.__name__ if inspect.ismodule(plugin) else type(plugin).__module__
            for name, plugin in self._manager.list_name_plugin()
        }

    def failed(self, item: Any, what: str, exc: Exception) -> str:
        """One sentence of what a plugin's object failed at: the plugin's name, the error, the line of its own."""
        return f"plugin {self.plugin_of(item)}: {what} failed with {told(exc, type(item).__module__)}"

    def raiser(self, exc: Exception) -> str | None:
        """The plugin in whose code it was raised; None where that is Retrust's own, or nobody's."""
        found = raiser(exc, self.code)
        return None if found == BUILTIN else found

    def load_all(self) -> dict[str, dict[str, str]]:
        """Ask every hook; ``{kind: {object's name: plugin's name}}``."""
        kinds = (
            "targets",
            "gates",
            "collectors",
            "log_signatures",
            "sources",
            "observers",
            "secret_stores",
            "apps",
            "commands",
        )
        return {kind: {name: self.plugin_of(o) for name, o in getattr(self, kind).items()} for kind in kinds}

    @cached_property
    def _provider(self) -> dict[int, str]:
        return {}

    def _named(self, hook: str) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for impl in getattr(self._manager.hook, hook).get_hookimpls():
            plugin = impl.plugin_name
            for returned in _returned(plugin, hook, impl.function):
                item = _loaded(plugin, hook, returned) if isinstance(returned, str) else returned
                name = keep(hook, item, plugin, returned)
                if name in found:
                    raise PluginError(
                        f"{hook} registers {name!r}, which plugin {self.plugin_of(found[name])} registers already",
                        plugin=plugin,
                    )
                found[name] = item
                self._provider[id(item)] = plugin
        return found


def _returned(plugin: str, hook: str, function: Callable[[], Any]) -> Iterable[Any]:
    with blamed(plugin, f"{hook}() raised", function.__module__):
        items = function()
    if not isinstance(items, (list, tuple)):
        raise PluginError(f"{hook}() returned {type(items).__name__}, not a list or tuple", plugin=plugin)
    return items


def _loaded(plugin: str, hook: str, name: str) -> Any:
    """What ``module:attribute`` names; of a class, an object. A command is never only a name."""
    if hook == "retrust_commands":
        return name
    with blamed(plugin, f"{hook} names {name!r}:", name):
        found = imported(name)
        return found() if isinstance(found, type) else found


@cache
def installed_plugins() -> Plugins:
    """What this process works with: loaded once, however many ask."""
    return load_plugins()


def load_plugins(*, extra: Mapping[str, object] | None = None, entry_points: bool = True) -> Plugins:
    """Register the core's own features, every entry point of the group ``retrust``, then ``extra``."""
    manager = pluggy.PluginManager(hookspecs.PROJECT)
    manager.add_hookspecs(hookspecs)
    origins: dict[str, Callable[[], str]] = {}
    _register(manager, origins, BUILTIN, lambda: builtin, lambda: "Retrust itself")
    for entry, dist in _entry_points() if entry_points else ():
        _register(manager, origins, entry.name, partial(_load, entry), partial(_origin, entry, dist))
    for name, plugin in (extra or {}).items():
        _register(manager, origins, name, partial(_given, plugin), partial(repr, plugin))
    _check(manager)
    return Plugins(manager, origins)


def _origin(entry: EntryPoint, dist: Distribution) -> str:
    return f"{dist.metadata['Name']} {dist.version} ({entry.value})"


def _entry_points() -> list[tuple[EntryPoint, Distribution]]:
    found: dict[tuple[str, str], tuple[EntryPoint, Distribution]] = {}
    for dist in distributions():
        for entry in dist.entry_points:
            if entry.group == hookspecs.PROJECT:
                found.setdefault((entry.name, entry.value), (entry, dist))
    return [found[key] for key in sorted(found)]


def _load(entry: EntryPoint) -> object:
    with blamed(entry.name, f"cannot be imported from {entry.value}:", entry.value):
        return entry.load()


def _given(plugin: object) -> object:
    return plugin


def _register(
    manager: pluggy.PluginManager,
    origins: dict[str, Callable[[], str]],
    name: str,
    load: Callable[[], object],
    origin: Callable[[], str],
) -> None:
    if name in origins:
        raise PluginError(
            f"two plugins have this name: {origins[name]()} and {origin()}",
            plugin=name,
            hint="give one of them another name in its [project.entry-points.retrust], or uninstall it",
        )
    plugin = load()
    if (twin := manager.get_name(plugin)) is not None:
        raise PluginError(f"is the same as the plugin {twin}: {origin()}", plugin=name, hint="register it once")
    try:
        manager.register(plugin, name=name)
    except pluggy.PluginValidationError as exc:
        raise PluginError(str(exc), plugin=name) from exc
    origins[name] = origin


def _check(manager: pluggy.PluginManager) -> None:
    try:
        manager.check_pending()
    except pluggy.PluginValidationError as exc:
        raise PluginError(
            str(exc),
            plugin=manager.get_name(exc.plugin) or repr(exc.plugin),
            hint="the hooks are listed in retrust.hookspecs",
        ) from exc
    for name, plugin in manager.list_name_plugin():
        if plugin is None:
            continue
        for attribute in dir(plugin):
            if attribute.startswith("retrust_") and callable(getattr(plugin, attribute)):
                _check_hook(name, attribute, getattr(plugin, attribute))


def _check_hook(plugin: str, hook: str, function: Callable[..., Any]) -> None:
    """A hook must be marked, or it would be silently ignored; and it is called, never awaited."""
    if not hasattr(hookspecs, hook):
        raise PluginError(f"{hook} is no hook", plugin=plugin, hint="the hooks are listed in retrust.hookspecs")
    if not hasattr(function, f"{hookspecs.PROJECT}_impl"):
        raise PluginError(f"{hook}{inspect.signature(function)} lacks @hookimpl", plugin=plugin)
    if inspect.iscoroutinefunction(function):
        raise PluginError(f"{hook}{inspect.signature(function)} must not be async", plugin=plugin)
