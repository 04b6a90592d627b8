"""``plugins list`` and ``plugins new``."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated

import typer

from retrust.cli import output
from retrust.cli.options import JsonOption
from retrust.cli.scaffold import write_scaffold
from retrust.engine.loader import load_plugins


def list_plugins(json: JsonOption = False) -> None:
    """What is loaded, and from where; every hook is asked, so that whatever is wrong is said here."""
    plugins = load_plugins()
    provided = plugins.load_all()
    by_plugin = {
        name: {kind: sorted(o for o, p in objects.items() if p == name) for kind, objects in provided.items()}
        for name in plugins.origins
    }
    if json:
        output.print_json(
            [
                {"plugin": name, "from": plugins.origins[name], "provides": {k: v for k, v in kinds.items() if v}}
                for name, kinds in by_plugin.items()
            ]
        )
        return
    for name, kinds in by_plugin.items():
        output.show(
            [
                f"{output.paint(name, 'bold')}  {plugins.origins[name]}",
                *(f"  {kind.replace('_', ' ')}: {', '.join(objects)}" for kind, objects in kinds.items() if objects),
            ]
        )


def new(
    name: Annotated[str, typer.Argument(help="The plugin's name, such as my-site.")],
    folder: Annotated[Path, typer.Option(help="Where to write it.")] = Path(),
) -> None:
    """Write a plugin's scaffold, with tests that pass."""
    plugins = load_plugins()
    home = write_scaffold(name, folder, {*plugins.code, *plugins.gates, *plugins.targets})
    output.say(f"wrote {home}; try it: cd {shlex.quote(str(home))} && pip install -e . && pytest")
