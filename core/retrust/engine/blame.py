"""Who is at fault: what a plugin's code raises becomes one sentence, with its name and the line of its own."""

from __future__ import annotations

import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from itertools import takewhile

from retrust.errors import PluginError


@contextmanager
def blamed(plugin: str, what: str, code: str) -> Iterator[None]:
    """Whatever the block raises, ``sys.exit`` included, is told as the plugin's: ``what`` and then the error.

    ``code`` names the plugin's module, with or without ``:attribute``, so that the line shown is one of its own.
    """
    try:
        yield
    except (KeyboardInterrupt, PluginError):
        raise
    except BaseException as exc:
        raise PluginError(f"{what} {told(exc, code)}", plugin=plugin, hint=_remedy(exc, _top(code))) from exc


def raiser(exc: BaseException, plugins: Mapping[str, str]) -> str | None:
    """Whose code raised it, of ``plugins`` by name with their modules: the owner of the last line that has one."""
    for frame, _ in reversed(list(traceback.walk_tb(exc.__traceback__))):
        module = str(frame.f_globals.get("__name__", ""))
        nearest = max(plugins, key=lambda name: _shared(plugins[name], module))
        if _shared(plugins[nearest], module):
            return nearest
    return None


def _shared(one: str, other: str) -> int:
    pairs = zip(one.split("."), other.split("."), strict=False)
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))


def told(exc: BaseException, code: str) -> str:
    """The error in one line, with the last place in the package of ``code`` that it came through."""
    said = (exc.msg if isinstance(exc, SyntaxError) else str(exc)).partition("\n")[0] or "it says no more"
    place = _place(exc, _top(code))
    quoted = said if said.isprintable() else ascii(said)  # it may quote a log, which a terminal must not obey
    return f"{type(exc).__name__}: {quoted}" + (f", at {place}" if place else "")


def _place(exc: BaseException, package: str) -> str | None:
    if isinstance(exc, SyntaxError) and exc.filename:
        return f"{exc.filename}:{exc.lineno}"
    passed = [
        f"{frame.f_code.co_filename}:{line}"
        for frame, line in traceback.walk_tb(exc.__traceback__)
        if _top(frame.f_globals.get("__name__", "")) == package
    ]
    return passed[-1] if passed else None


def _remedy(exc: BaseException, package: str) -> str | None:
    if isinstance(exc, SystemExit):
        return "a plugin must not end the process: move this into a function, or uninstall the plugin"
    missing = _top(exc.name or "") if isinstance(exc, ImportError) else ""
    if missing == "retrust":
        return "what a plugin may import is listed in docs/plugins.md"
    if missing == package:
        return "correct this name, and install the plugin again"
    if missing and isinstance(exc, ModuleNotFoundError):
        return f"install {missing} into this environment, or uninstall the plugin"
    return "correct this line, or uninstall the plugin" if _place(exc, package) else None


def _top(name: str) -> str:
    return name.partition(":")[0].partition(".")[0]
