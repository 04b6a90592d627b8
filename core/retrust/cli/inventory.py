"""``init`` and ``schema``: a first inventory, and what editors check it with."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from retrust.cli import output
from retrust.engine.loader import load_plugins
from retrust.errors import UsageError
from retrust.inventory.schema import schema as of
from retrust.inventory.template import TEMPLATE


def init(path: Annotated[Path, typer.Argument(help="Where to write it.")] = Path("retrust.yaml")) -> None:
    """Write a commented inventory."""
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(TEMPLATE)
    except FileExistsError:
        raise UsageError(
            "exists already and is left as it is", where=str(path), hint="name another path: retrust init PATH"
        ) from None
    except OSError as exc:
        raise UsageError(f"cannot be written: {exc.strerror}", where=str(path)) from exc
    output.say(f"wrote {path}: name your servers there, then: retrust check")


def schema() -> None:
    """Print the inventory's JSON schema, for editors."""
    output.print_json(of(load_plugins().site_models))
