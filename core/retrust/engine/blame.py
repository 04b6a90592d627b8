"""Who is at fault: what a plugin's code raises becomes one sentence, with its name and the line of its own."""

from __future__ import annotations

import traceback
from collections.abc import Iterator
from contextlib import contextmanager

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
        package = _top(code)
        raise PluginError(f"{what} {told(exc, package)}", plugin=plugin, hint=_remedy(exc, package)) from exc


def told(exc: BaseException, package: str) -> str:
    """The error in one line, with the last place in ``package`` that it came through."""
    said = f"{type(exc).__name__}: {(exc.msg if isinstance(exc, SyntaxError) else str(exc)) or 'it says no more'}"
    place = _place(exc, package)
    return f"{said}, at {place}" if place else said


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
