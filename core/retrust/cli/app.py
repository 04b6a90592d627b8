"""The command line's shell: which verbs there are, and how each ends. It is entered in ``retrust.cli``.

Verbs come from plugins, the core's own included, and a verb's module is imported only when it is used.
Every verb ends with the exit codes of the README: 0 done, 1 failed, 2 wrong usage or inventory, 3 a person
is needed, 4 refused; messages go to stderr, and with ``--json`` stdout holds one object and nothing else.
"""

from __future__ import annotations

import functools
import inspect
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import version
from typing import Annotated, Any

import typer

from retrust.cli import interrupted
from retrust.commands import Command
from retrust.engine.blame import blamed, told
from retrust.engine.contracts import imported
from retrust.engine.loader import Plugins, installed_plugins
from retrust.errors import RetrustError, UsageError

GROUP_HELP = {
    "event": "hand in a renewal event or log text",
    "audit": "the hash chain, and signed evidence packs",
    "plugins": "what is loaded, from where; a scaffold for a new one",
    "lab": "the twin alone: a Prime pair and ISE servers on loopback",
    "token": "API tokens of people",
}


def run(arguments: Sequence[str]) -> None:
    """Do what the arguments say, and end the process with the exit code of the verb."""
    completing = os.environ.get("COMP_WORDS", "").split()[1:] if "_RETRUST_COMPLETE" in os.environ else None
    try:
        app = build(installed_plugins(), arguments if completing is None else completing)
    except RetrustError as error:
        _say(error)
        raise SystemExit(error.exit_code) from None
    app(args=list(arguments), prog_name="retrust")


def build(plugins: Plugins, arguments: Sequence[str]) -> typer.Typer:
    """The Typer app; of all verbs only the one that ``arguments`` name is imported."""
    app = typer.Typer(
        help="Re-establishes trust after a certificate changed.",
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        context_settings=_HELP,
    )
    app.callback()(_globals)
    groups: dict[str, typer.Typer] = {}
    words = _words(arguments)
    for command in plugins.commands.values():
        group, _, verb = command.name.rpartition(" ")
        if group and group not in groups:
            groups[group] = _group(app, group)
        into = groups[group] if group else app
        called = words[: 2 if group else 1] == command.name.split()
        into.command(verb, help=command.help, context_settings=_HELP)(
            guarded(_function(plugins, command)) if called else _not_called(command)
        )
    return app


_HELP = {"help_option_names": ["-h", "--help"]}


def _group(app: typer.Typer, name: str) -> typer.Typer:
    group = typer.Typer(help=GROUP_HELP.get(name), no_args_is_help=True)
    app.add_typer(group, name=name)
    return group


def _version(asked: bool) -> None:
    if asked:
        sys.stdout.write(f"retrust {version('retrust')}\n")
        raise typer.Exit


VerboseOption = Annotated[bool, typer.Option("-v", "--verbose", help="Say everything, and which files are used.")]
QuietOption = Annotated[bool, typer.Option("-q", "--quiet", help="Say the result only.")]


def _globals(
    inventory: Annotated[
        str | None, typer.Option(help="The inventory; default: RETRUST_INVENTORY, else ./retrust.yaml.")
    ] = None,
    verbose: VerboseOption = False,
    quiet: QuietOption = False,
    version: Annotated[
        bool, typer.Option("--version", help="Say which Retrust this is.", is_eager=True, callback=_version)
    ] = False,
) -> None:
    if inventory is not None:
        os.environ["RETRUST_INVENTORY"] = inventory
    if verbose or quiet:
        _loudness(verbose, quiet)


def _words(arguments: Sequence[str]) -> list[str]:
    """The verb's words: what is no option, and no option's value, before the verb."""
    words: list[str] = []
    rest = iter(arguments)
    for argument in rest:
        if argument == "--inventory" and not words:
            next(rest, None)
        elif not argument.startswith("-"):
            words.append(argument)
    return words[:2]


def _function(plugins: Plugins, command: Command) -> Callable[..., Any]:
    with blamed(plugins.plugin_of(command), f"the verb `{command.name}` names {command.load!r}:", command.load):
        function: Callable[..., Any] = imported(command.load)
    return function


def _not_called(command: Command) -> Callable[[], None]:
    def placeholder() -> None:
        raise UsageError(f"{command.name} cannot be reached this way", hint=f"type: retrust {command.name}")

    return placeholder


def guarded(function: Callable[..., Any]) -> Callable[..., Any]:
    """Run a verb, async or not; our errors become one message and an exit code, Ctrl-C ends quietly.

    Every verb takes ``-v`` and ``-q``.
    """
    plain = inspect.signature(function, eval_str=True)

    @functools.wraps(function)
    def run(*args: Any, verbose: bool, quiet: bool, **kwargs: Any) -> None:
        if verbose or quiet:
            _loudness(verbose, quiet)
        try:
            result = function(*args, **kwargs)
            if inspect.isawaitable(result):
                result = _to_its_end(result)
        except RetrustError as error:
            _say(error, kwargs)
            raise typer.Exit(error.exit_code) from None
        except (typer.Exit, typer.Abort, BrokenPipeError):
            raise
        except Exception as error:
            if os.environ.get("RETRUST_DEBUG"):
                raise
            _say(unknown(error), kwargs)
            raise typer.Exit(1) from None
        except KeyboardInterrupt:
            raise interrupted() from None  # Typer would make it its own
        if isinstance(result, int) and result:
            raise typer.Exit(result)

    more = (
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=False, annotation=option)
        for name, option in (("verbose", VerboseOption), ("quiet", QuietOption))
    )
    run.__signature__ = plain.replace(parameters=[*plain.parameters.values(), *more])  # type: ignore[attr-defined]
    return run


def _loudness(verbose: bool, quiet: bool) -> None:
    _started().output.verbosity = int(verbose) - int(quiet)


def _started() -> Any:
    from retrust.cli import started  # it knows the models, which `--help` does without

    return started


def _to_its_end(awaitable: Any) -> Any:
    """A Ctrl-C ends the browser's driver, too: what fails because of that is neither an error nor news."""
    import asyncio  # a tenth of a second that `--help` does without

    async def whole() -> Any:
        main, loop = asyncio.current_task(), asyncio.get_running_loop()
        assert main is not None
        loop.set_exception_handler(
            lambda _, news: None if main.cancelling() or main.cancelled() else loop.default_exception_handler(news)
        )
        try:
            return await awaitable
        except Exception:
            if main.cancelling():
                raise asyncio.CancelledError from None
            raise

    try:
        return asyncio.run(whole())
    except asyncio.CancelledError:
        raise KeyboardInterrupt from None


def unknown(error: Exception) -> RetrustError:
    """What a person is told of a fault of ours, or of a plugin: no traceback, and how to get one for a report."""
    plugins = installed_plugins()
    plugin = plugins.raiser(error)
    what = "its code failed with" if plugin else "this went wrong in a way that Retrust does not know:"
    return RetrustError(
        f"{what} {told(error, plugins.code[plugin] if plugin else __name__)}",
        where=f"plugin {plugin}" if plugin else None,
        hint="set RETRUST_DEBUG=1, run it again, and report what it prints",
    )


def _say(error: RetrustError, given: Mapping[str, Any] | None = None) -> None:
    """The message on stderr, with what was used; with ``--json``, the one document, where there is none yet."""
    started, given = _started(), given or {}
    started.output.say_error(error)
    if "inventory" in given and given.get("server") is None:
        started.say_what_is_used(given.get("inventory"))
    if given.get("json") and not started.output.answered:
        started.output.print_json({"error": {"what": str(error), "exit_code": error.exit_code}})


__all__ = ["build", "guarded", "run"]
